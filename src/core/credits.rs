//! Amounts: fixed-point integers, read from decimal text and written as decimal text.
//!
//! Decides what text denotes an amount and what arithmetic may do. It does not decide whether a
//! call may carry zero or a negative amount: the commands do. Read [`Credits`] first, then
//! [`Scale`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Largest magnitude of an amount, in minor units: 8·10^15.
///
/// Every integer up to 2^53 (about 9.007·10^15) is a JavaScript number of its own; staying below
/// keeps two different amounts from becoming the same number in a caller's hands.
pub const MAX_MINOR_UNITS: i64 = 8_000_000_000_000_000;

/// Digits of [`MAX_MINOR_UNITS`]: text with more significant digits is too large, unread.
const MAX_DIGITS: i64 = 16;

/// How many decimals a unit has: its minor unit is 10^-scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scale(u8);

impl Scale {
    /// Six decimals: `credits` and every credit type.
    pub const CREDITS: Self = Self(6);
    /// Nine decimals: `usd`, so that one cheap token is not lost.
    pub const USD: Self = Self(9);

    /// The number of decimals.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.0
    }
}

/// A signed amount in minor units of its unit, at most [`MAX_MINOR_UNITS`] either way.
///
/// There is no `+` or `-`: every sum is checked, and a sum that leaves the range is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(MAX_MINOR_UNITS);

    /// An amount of so many minor units; `None` outside the range.
    #[must_use]
    pub const fn from_minor_units(minor_units: i64) -> Option<Self> {
        if minor_units < -MAX_MINOR_UNITS || minor_units > MAX_MINOR_UNITS {
            None
        } else {
            Some(Self(minor_units))
        }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// The sum, or `None` when it leaves the range.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::from_minor_units(sum),
            None => None,
        }
    }

    /// The difference, or `None` when it leaves the range.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Self::from_minor_units(difference),
            None => None,
        }
    }

    /// The amount with the other sign. The range is symmetric, so this always exists.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self(self.0.abs())
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Reads a JSON number (or a JavaScript number's shortest text), exactly.
    ///
    /// `1e3` is 1000 and `0.1` is a tenth: the text is read digit by digit, never through a float.
    ///
    /// # Errors
    /// [`AmountError`]; text that is not a JSON number is [`AmountError::NotANumber`].
    ///
    /// ```
    /// use edge_credits_core::credits::{AmountError, Credits, Scale};
    ///
    /// let tenth = Credits::from_number_text("0.1", Scale::CREDITS).unwrap();
    /// assert_eq!(tenth.minor_units(), 100_000);
    /// assert_eq!(Credits::from_number_text("1e3", Scale::CREDITS).unwrap().minor_units(), 1_000_000_000);
    /// assert_eq!(Credits::from_number_text("1e-7", Scale::CREDITS), Err(AmountError::Precision));
    /// assert_eq!(Credits::from_number_text("NaN", Scale::CREDITS), Err(AmountError::NotANumber));
    /// ```
    pub fn from_number_text(text: &str, scale: Scale) -> Result<Self, AmountError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        };
        let number = Mantissa::read(mantissa)?;
        number.to_minor_units(exponent, scale)
    }

    /// Reads a plain decimal string such as `"12.5"`: no exponent, no sign but `-`, no spaces.
    ///
    /// # Errors
    /// [`AmountError`]; anything but such text is [`AmountError::NotANumber`].
    pub fn from_decimal_text(text: &str, scale: Scale) -> Result<Self, AmountError> {
        Mantissa::read(text)?.to_minor_units(0, scale)
    }

    /// The amount as decimal text of this scale, without trailing zeros.
    #[must_use]
    pub const fn decimal(self, scale: Scale) -> Decimal {
        Decimal { amount: self, scale }
    }
}

/// Why text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not a number in the accepted spelling.
    NotANumber,
    /// Minus zero: a sign error upstream of us, refused rather than guessed at.
    NegativeZero,
    /// More decimals than the unit has.
    Precision,
    /// Beyond [`MAX_MINOR_UNITS`].
    TooLarge,
}

/// An amount that prints, and serializes as a JSON number, in exact decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub(crate) amount: Credits,
    scale: Scale,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Minor::new(self.amount.minor_units(), self.scale).fmt(f)
    }
}

/// So many minor units that print in exact decimal text: of a sum over many customers, which may
/// exceed the largest amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minor {
    units: i64,
    scale: Scale,
}

impl Minor {
    /// So many minor units of a scale.
    #[must_use]
    pub const fn new(units: i64, scale: Scale) -> Self {
        Self { units, scale }
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(u32::from(self.scale.decimals()));
        let magnitude = self.units.unsigned_abs();
        if self.units < 0 {
            f.write_str("-")?;
        }
        write!(f, "{}", magnitude / unit)?;
        let mut fraction = magnitude % unit;
        if fraction == 0 {
            return Ok(());
        }
        let mut width = usize::from(self.scale.decimals());
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(f, ".{fraction:0width$}")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string().into_boxed_str();
        raw_number(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

fn raw_number(text: Box<str>) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text.into_string())
}

/// Sign and digits of a decimal: the value is `digits` × 10^`exponent`.
struct Mantissa {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Mantissa {
    fn read(text: &str) -> Result<Self, AmountError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(AmountError::NotANumber),
            Some((whole, fraction)) => (whole, fraction),
            None => (unsigned, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !all_digits(whole) || !all_digits(fraction) {
            return Err(AmountError::NotANumber);
        }
        let mut digits = whole.to_owned();
        digits.push_str(fraction);
        let significant = digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        let zeros = significant.len() - trimmed.len();
        let exponent = length(zeros) - length(fraction.len());
        Ok(Self { negative, digits: trimmed.to_owned(), exponent })
    }

    fn to_minor_units(&self, exponent: i64, scale: Scale) -> Result<Credits, AmountError> {
        if self.digits.is_empty() {
            return if self.negative { Err(AmountError::NegativeZero) } else { Ok(Credits::ZERO) };
        }
        let shift =
            self.exponent.saturating_add(exponent).saturating_add(i64::from(scale.decimals()));
        if shift.saturating_add(length(self.digits.len())) > MAX_DIGITS {
            return Err(AmountError::TooLarge);
        }
        let power = u32::try_from(shift).map_err(|_| AmountError::Precision)?;
        let digits = whole_number(&self.digits).and_then(|digits| i64::try_from(digits).ok());
        let digits = digits.ok_or(AmountError::TooLarge)?;
        let minor_units = 10_i64
            .checked_pow(power)
            .and_then(|factor| digits.checked_mul(factor))
            .ok_or(AmountError::TooLarge)?;
        let signed = if self.negative { -minor_units } else { minor_units };
        Credits::from_minor_units(signed).ok_or(AmountError::TooLarge)
    }
}

/// Lengths of text in memory always fit an `i64`; saturating keeps the function total.
fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads the exponent of a JSON number; one too long to fit saturates, which the range check sees.
fn read_exponent(text: &str) -> Result<i64, AmountError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // A billion already decides every case, and cannot overflow when the scale is added.
    let magnitude = whole_number(digits).ok_or(AmountError::NotANumber)?.min(1_000_000_000);
    let magnitude = i64::try_from(magnitude).unwrap_or(1_000_000_000);
    Ok(if negative { -magnitude } else { magnitude })
}

/// Text of digits alone as a number; one too long to fit is the largest, which every bound refuses.
/// (The general parsers of `core` bring their error texts along, one for each type.)
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<i64, AmountError> {
        Credits::from_number_text(text, Scale::CREDITS).map(Credits::minor_units)
    }

    #[test]
    fn reads_numbers_exactly() {
        let table: [(&str, Result<i64, AmountError>); 24] = [
            ("0", Ok(0)),
            ("5", Ok(5_000_000)),
            ("-5", Ok(-5_000_000)),
            ("0.1", Ok(100_000)),
            ("0.000001", Ok(1)),
            ("1.50", Ok(1_500_000)),
            ("1e3", Ok(1_000_000_000)),
            ("1E+3", Ok(1_000_000_000)),
            ("1e-6", Ok(1)),
            ("1e-7", Err(AmountError::Precision)),
            ("0.0000001", Err(AmountError::Precision)),
            ("0.10000000", Ok(100_000)),
            ("8000000000", Ok(MAX_MINOR_UNITS)),
            ("8000000000.000001", Err(AmountError::TooLarge)),
            ("-8000000000.000001", Err(AmountError::TooLarge)),
            ("9007199254740993", Err(AmountError::TooLarge)),
            ("1e400", Err(AmountError::TooLarge)),
            ("1e99999999999999999999", Err(AmountError::TooLarge)),
            ("1e-99999999999999999999", Err(AmountError::Precision)),
            ("0e99999999999999999999", Ok(0)),
            ("-0", Err(AmountError::NegativeZero)),
            ("-0.0", Err(AmountError::NegativeZero)),
            ("Infinity", Err(AmountError::NotANumber)),
            ("01", Err(AmountError::NotANumber)),
        ];
        for (text, expected) in table {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_other_spellings_of_text() {
        for text in
            ["0x10", "١٢", " 5", "5 ", "+5", "1_000", "1,5", "", ".", ".5", "5.", "1e3", "--5"]
        {
            let read = Credits::from_decimal_text(text, Scale::CREDITS);
            assert_eq!(read, Err(AmountError::NotANumber), "{text:?}");
        }
        assert_eq!(Credits::from_decimal_text("12.5", Scale::CREDITS).unwrap().0, 12_500_000);
    }

    #[test]
    fn scale_of_usd_keeps_nine_decimals() {
        let price = Credits::from_number_text("0.000000001", Scale::USD).unwrap();
        assert_eq!(price.minor_units(), 1);
        assert_eq!(price.decimal(Scale::USD).to_string(), "0.000000001");
    }

    #[test]
    fn sums_that_leave_the_range_are_none() {
        let one = Credits::from_minor_units(1).unwrap();
        assert_eq!(Credits::MAX.checked_add(one), None);
        assert_eq!(Credits::MAX.negated().checked_sub(one), None);
        assert_eq!(Credits::from_minor_units(i64::MIN), None);
    }

    proptest::proptest! {
        #[test]
        fn text_round_trips(minor_units in -MAX_MINOR_UNITS..=MAX_MINOR_UNITS) {
            let amount = Credits::from_minor_units(minor_units).unwrap();
            for scale in [Scale::CREDITS, Scale::USD] {
                let text = amount.decimal(scale).to_string();
                proptest::prop_assert_eq!(Credits::from_decimal_text(&text, scale), Ok(amount));
                proptest::prop_assert_eq!(serde_json::to_string(&amount.decimal(scale)).unwrap(), text);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = Credits::from_number_text(&text, Scale::CREDITS);
            let _ = Credits::from_decimal_text(&text, Scale::USD);
        }
    }
}
