//! The words by which a customer is found: of name, email and id.
//!
//! A word is what stands between characters that are neither letter nor digit, in lower case. A
//! search finds the customers who have, for each of its words, a word that begins with it. For this an
//! index keeps the beginnings of every word, up to [`MAX_BEGINNING`] letters: what begins with `ac` is
//! one range of the index, newest first, however many customers there are. Of a longer word of a
//! search the beginning finds the candidates, and their records decide.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::customers::record::Record;

/// Longest beginning in the index, in letters. Eight tell names apart well enough that few candidates
/// fall through, and cost eight rows for a long word.
pub const MAX_BEGINNING: usize = 8;

/// Most words of a customer that can be searched: 32 of the longest beginnings are 256 rows.
pub const MAX_WORDS: usize = 32;

/// The distinct words of a text, in the order in which they come.
fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::<String>::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        let word: String = word.chars().flat_map(char::to_lowercase).collect();
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The words of a customer. The id's come first: a name of many words does not push them out.
#[must_use]
pub fn words(record: &Record) -> Vec<String> {
    let mut words = words_of(record.id.as_str());
    for text in ["email", "name"].iter().filter_map(|name| record.text(name)) {
        let more: Vec<String> =
            words_of(text).into_iter().filter(|word| !words.contains(word)).collect();
        words.extend(more);
    }
    words.truncate(MAX_WORDS);
    words
}

/// What the index keeps of a customer.
#[must_use]
pub fn beginnings(record: &Record) -> BTreeSet<String> {
    let words = words(record);
    words
        .iter()
        .flat_map(|word| (1..=MAX_BEGINNING).map(|length| beginning(word, length)))
        .collect()
}

fn beginning(word: &str, length: usize) -> String {
    word.chars().take(length).collect()
}

/// What a search asks for: each a beginning of some word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(Vec<String>);

impl Wanted {
    /// Reads a search. Without a letter or digit in it, nothing is found.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(words_of(text))
    }

    /// The beginnings to look up, distinct.
    #[must_use]
    pub fn lookups(&self) -> Vec<String> {
        let mut all = Vec::new();
        for word in &self.0 {
            let lookup = beginning(word, MAX_BEGINNING);
            if !all.contains(&lookup) {
                all.push(lookup);
            }
        }
        all
    }

    /// Whether the index alone does not decide.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.0.iter().any(|word| word.chars().count() > MAX_BEGINNING)
    }

    /// Whether a customer is one of those searched for.
    #[must_use]
    pub fn fits(&self, record: &Record) -> bool {
        let words = words(record);
        let found = |wanted: &String| words.iter().any(|word| word.starts_with(wanted.as_str()));
        !self.0.is_empty() && self.0.iter().all(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::record::Changes;
    use crate::ids::CustomerId;
    use crate::time::Timestamp;
    use alloc::format;
    use alloc::vec;

    fn record(id: &str, name: &str, email: &str) -> Record {
        let body = format!(r#"{{"name":{name:?},"email":{email:?}}}"#);
        let changes = Changes::parse_new(&body).unwrap();
        Record::new(CustomerId::parse(id).unwrap(), &changes, Timestamp::EPOCH)
    }

    #[test]
    fn words_by_the_table() {
        let acme = record("cus_1F", "ACME Straße (Ünited)", "Ops+Billing@acme.com");
        assert_eq!(
            words(&acme),
            ["cus", "1f", "ops", "billing", "acme", "com", "straße", "ünited"]
        );
        assert!(beginnings(&acme).contains("stra"));
        assert!(!beginnings(&acme).contains("tra"));
    }

    #[test]
    fn searches_by_the_table() {
        let acme = record("cus_1F", "Acme Incorporated", "ops@acme.com");
        for found in
            ["ac", "AC", "acme inc", "ops@acme.com", "cus_1f", "incorporate", "com a", "1f"]
        {
            assert!(Wanted::parse(found).fits(&acme), "{found}");
        }
        for not in ["", "@", "cme", "acme x", "incorporatex", "ops@acme.org", "cus_2"] {
            assert!(!Wanted::parse(not).fits(&acme), "{not}");
        }
        assert_eq!(Wanted::parse("Incorporated inc INCORPORATES").lookups(), ["incorpor", "inc"]);
        assert!(Wanted::parse("incorpora").is_long() && !Wanted::parse("incorpor").is_long());
    }

    #[test]
    fn a_name_of_many_words_does_not_push_the_id_out() {
        let many: Vec<String> = (0..60).map(|number| format!("{number}")).collect();
        let record = record("cus_zebra", &many.join(" "), "a@b.c");
        assert_eq!(words(&record).len(), MAX_WORDS);
        assert!(Wanted::parse("zebra a b c 0").fits(&record));
        assert!(!Wanted::parse("59").fits(&record));
        let lookups = vec!["zebra"];
        assert_eq!(Wanted::parse("zebra").lookups(), lookups);
    }
}
