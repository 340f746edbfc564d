//! What the portal calls units and what happened: by the catalog's names where it has them, else by what
//! was sent.
//!
//! Decides words alone.

use edge_credits_core::catalog::Catalog;
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::EntryKind;
use edge_credits_core::portal::view::Line;

use super::words::{capitalized, exact, name, spaced};

/// The names that the owner has given to what is sold; none where there is no catalog to be had.
pub(super) struct Names<'a>(pub(super) Option<&'a Catalog>);

impl Names<'_> {
    /// A unit as a heading.
    pub(super) fn heading(&self, unit: &Unit) -> String {
        match unit.as_str() {
            Unit::USD => "Wallet".to_owned(),
            key => self.of(key).map_or_else(|| name(key), str::to_owned),
        }
    }

    /// A unit behind an amount; nothing for money, which has its sign in front.
    pub(super) fn noun(&self, unit: &Unit, amount: &str) -> String {
        match unit.as_str() {
            Unit::USD => String::new(),
            Unit::CREDITS if amount == "1" => " credit".to_owned(),
            _ => format!(" {}", self.in_words(unit)),
        }
    }

    /// A unit in the middle of a sentence.
    pub(super) fn in_words(&self, unit: &Unit) -> String {
        match unit.as_str() {
            Unit::USD => "money".to_owned(),
            key => self.of(key).map_or_else(|| spaced(key), str::to_owned),
        }
    }

    /// An exact amount with what it counts: "1,000 credits", "$5.00".
    pub(super) fn counted(&self, minor_units: i64, unit: &Unit) -> String {
        let amount = exact(minor_units, unit);
        let noun = self.noun(unit, &amount);
        amount + &noun
    }

    /// The name of a credit type, or of a step towards an outcome.
    fn of(&self, key: &str) -> Option<&str> {
        let catalog = self.0?;
        let credit_type = catalog.credit_type(key).map(|credit_type| credit_type.name.as_str());
        credit_type.or_else(|| catalog.step(key).map(|found| found.step.name.as_str()))
    }

    /// What happened, and what kind of thing that is where the first does not say.
    pub(super) fn happened(&self, line: &Line) -> (String, Option<&'static str>) {
        let product = line.product.as_ref().map(|product| name(product.as_str()));
        let kind = match line.kind {
            EntryKind::Consumption => "Usage",
            EntryKind::Topup => "Top-up",
            EntryKind::Adjustment if line.reverses && line.amount.is_negative() => {
                "Purchase refunded"
            }
            EntryKind::Adjustment => "Correction",
            EntryKind::Refund => "Given back",
            EntryKind::Expiry => "Expired",
            EntryKind::Void => "Withdrawn",
            EntryKind::Scheduled | EntryKind::Hold | EntryKind::Release => "Note",
        };
        match line.words.as_deref().or(product.as_deref()) {
            Some(words) if !words.eq_ignore_ascii_case(kind) => {
                if let Some(name) = self.of(words) {
                    return (name.to_owned(), Some(kind));
                }
                // A name of a program's, such as image_generation.
                let named = !words.contains(' ') && words.contains('_');
                let words = if named { spaced(words) } else { words.to_owned() };
                (capitalized(&words), Some(kind))
            }
            _ => (kind.to_owned(), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use edge_credits_core::credits::Credits;
    use edge_credits_core::ledger::EntryKind::{Adjustment, Consumption, Expiry, Topup};
    use edge_credits_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_happened_by_the_table() {
        let line = |kind, words: Option<&str>, amount: i64| Line {
            kind,
            reverses: kind == Adjustment && amount < 0,
            words: words.map(str::to_owned),
            product: None,
            amount: Credits::from_minor_units(amount).unwrap(),
            unit: Unit::credits(),
            time: Timestamp::EPOCH,
        };
        let told = |line: Line| {
            let (title, kind) = Names(None).happened(&line);
            (title, kind)
        };

        for (line, title, kind) in [
            (line(Consumption, None, -1), "Usage", None),
            (line(Consumption, Some("usage"), -1), "Usage", None),
            (line(Consumption, Some("image_generation"), -1), "Image generation", Some("Usage")),
            (line(Consumption, Some("Chat: my_file.txt"), -1), "Chat: my_file.txt", Some("Usage")),
            (line(Topup, Some("Top-up"), 1), "Top-up", None),
            (line(Adjustment, None, -1), "Purchase refunded", None),
            (line(Adjustment, None, 1), "Correction", None),
            (line(Expiry, None, -1), "Expired", None),
        ] {
            assert_eq!(told(line), (title.to_owned(), kind));
        }
    }
}
