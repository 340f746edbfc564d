//! Amounts as the model reads and writes them: i128 millionths, by its own arithmetic.

/// Reads decimal text; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (whole * 1_000_000 + fraction))
}

/// Writes it.
pub(crate) fn text(amount: i128) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, fraction) = (amount.abs() / 1_000_000, amount.abs() % 1_000_000);
    format!("{sign}{whole}.{fraction:06}")
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn amounts_are_read_and_written() {
        for (words, amount) in [("1", 1_000_000), ("-0.5", -500_000), ("12.000001", 12_000_001)] {
            assert_eq!(parse(words), Some(amount));
            assert_eq!(parse(&text(amount)), Some(amount));
        }
        for words in ["", ".5", "1e3", "1.0000001", "x"] {
            assert_eq!(parse(words), None, "{words}");
        }
    }
}
