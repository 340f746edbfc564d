//! Text for a person's browser: escaped, and numbers with their thousands apart.
//!
//! Whatever comes from outside goes through [`escaped`] on its way into a page.

/// Text as HTML text or an attribute's value.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// Decimal text without a sign, its thousands apart.
pub(crate) fn grouped(decimal: &str) -> String {
    let (whole, fraction) = match decimal.find('.') {
        Some(point) => decimal.split_at(point),
        None => (decimal, ""),
    };
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(fraction);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_that_was_text() {
        let text = "<img src=x onerror='a(1)'> & \"é\" \u{2028}";
        let html = "&lt;img src=x onerror=&#39;a(1)&#39;&gt; &amp; &quot;é&quot; \u{2028}";
        assert_eq!(escaped(text), html);
    }

    #[test]
    fn thousands_stand_apart() {
        for (text, expected) in
            [("1", "1"), ("999", "999"), ("1000", "1,000"), ("1234567.5", "1,234,567.5")]
        {
            assert_eq!(grouped(text), expected);
        }
    }
}
