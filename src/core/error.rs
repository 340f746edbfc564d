//! What we know happened: the one word that every failed call carries.

/// The effect of a call on the customer's credits, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was charged or granted.
    NotApplied,
    /// The call was carried out.
    Applied,
    /// It may or may not have been carried out. Repeating it with the same idempotency key is safe
    /// and settles the question.
    Unknown,
}

impl Effect {
    /// The word on errors: `not_applied`, `applied` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        }
    }
}
