//! JSON at arm's length: members found without decoding what is around them, objects written member
//! by member.
//!
//! For the client, which looks at four members of an answer and passes the rest on. A general
//! decoder there would be a third of the wasm: its error messages alone bring the formatting of
//! floats along. What a server must refuse in a body (repeated fields, unknown fields) is not
//! decided here but in [`crate::wire::fields`]. Read [`Members`] first, then [`ObjectWriter`].

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Deepest nesting that is followed; text beyond it counts as no JSON. The limit of `serde_json`.
const MAX_DEPTH: usize = 128;

/// The members of a JSON object: names and values as they are spelled, values unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Members<'a> {
    /// Splits text that is one JSON object, from its first byte to its last; `None` for any other.
    ///
    /// ```
    /// use edge_credits_core::json::Members;
    /// let members = Members::read(r#" {"balance": 1.50, "rows": [{"a": 1}]} "#).unwrap();
    /// assert_eq!(members.get("balance"), Some("1.50"));
    /// assert_eq!(members.get("rows"), Some(r#"[{"a": 1}]"#));
    /// assert_eq!(Members::read(r#"{"balance": 01}"#), None);
    /// ```
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let mut members = Vec::new();
        let mut skimmer = Skimmer { text, at: 0 };
        skimmer.space();
        skimmer.object(MAX_DEPTH, &mut |name, value| members.push((name, value)))?;
        skimmer.end()?;
        Some(Self(members))
    }

    /// The text of a member's value, the first of its name. A name that is spelled with escapes is
    /// not recognised: none of ours needs any.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(spelled, _)| *spelled == name).map(|(_, value)| *value)
    }

    /// A member that is a string, decoded.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        decode(self.get(name)?)
    }

    /// A member that is an object, as text.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| value.starts_with('{'))
    }
}

/// Whether text is one JSON number, without white space.
#[must_use]
pub fn is_number(text: &str) -> bool {
    let mut skimmer = Skimmer { text, at: 0 };
    skimmer.number().is_some() && skimmer.at == text.len()
}

/// The text that a JSON string denotes; `None` for anything else, and for half a surrogate pair.
#[must_use]
pub fn decode(string: &str) -> Option<String> {
    let mut rest = string.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(rest.len());
    while let Some((before, escaped)) = rest.split_once('\\') {
        text.push_str(before);
        let (character, after) = unescape(escaped)?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// The character of an escape whose backslash has been read, and what follows it.
fn unescape(escaped: &str) -> Option<(char, &str)> {
    let (kind, rest) = escaped.split_at_checked(1)?;
    let character = match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return unescape_unicode(rest),
        other => other.chars().next().filter(|plain| matches!(plain, '"' | '\\' | '/'))?,
    };
    Some((character, rest))
}

fn unescape_unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = hexadecimal(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = hexadecimal(rest.strip_prefix("\\u")?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, rest))
}

fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Walks over JSON text (RFC 8259) without keeping any of it. Every method stops behind what it is
/// named for, or says `None` at the first byte that does not belong.
struct Skimmer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Skimmer<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found.then_some(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Option<()> {
        self.space();
        self.peek().is_none().then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(depth, &mut |_, _| ()),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize, member: &mut dyn FnMut(&'a str, &'a str)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.eat(b'{')?;
        self.space();
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.spelled(Self::string)?;
            self.space();
            self.eat(b':')?;
            self.space();
            let value = self.spelled(|skimmer| skimmer.value(depth))?;
            member(name.get(1..name.len() - 1)?, value);
            self.space();
            if self.eat(b'}').is_some() {
                return Some(());
            }
            self.eat(b',')?;
            self.space();
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.eat(b'[')?;
        self.space();
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            self.space();
            if self.eat(b']').is_some() {
                return Some(());
            }
            self.eat(b',')?;
            self.space();
        }
    }

    /// The text that a step walks over.
    fn spelled(&mut self, step: impl FnOnce(&mut Self) -> Option<()>) -> Option<&'a str> {
        let start = self.at;
        step(self)?;
        self.text.get(start..self.at)
    }

    fn string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let kind = self.peek()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'+').or_else(|| self.eat(b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// Writes a JSON object, member by member, in the order of the calls. What is `None` is left out.
///
/// ```
/// use edge_credits_core::json::ObjectWriter;
/// let mut object = ObjectWriter::new();
/// object.raw("amount", Some("1.5")).text("note", Some("a \"b\"")).text("unit", None);
/// assert_eq!(object.finish(), r#"{"amount":1.5,"note":"a \"b\""}"#);
/// ```
pub struct ObjectWriter(String);

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectWriter {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    /// A member whose value is JSON text already; the caller vouches for it.
    pub fn raw(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.name(name);
            self.0.push_str(value);
        }
        self
    }

    /// A member whose value is a whole number.
    pub fn number(&mut self, name: &str, value: Option<u64>) -> &mut Self {
        self.raw(name, value.map(|value| value.to_string()).as_deref())
    }

    /// A member whose value is a string.
    pub fn text(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.name(name);
            self.string(value);
        }
        self
    }

    /// The object's text.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.string(name);
        self.0.push(':');
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                control @ '\0'..='\u{1f}' => {
                    self.0.push_str(&format!("\\u{:04x}", u32::from(control)));
                }
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests;
