//! A meter as a shell uses it: numbers in, a question, numbers and an amount out.
//!
//! The first ten of its numbers are the desk, on which the shell lays what it tells and finds what
//! it is told. So one function is all that has to cross from a shell.

use crate::credits::Credits;
use crate::meter::counting::Report;
use crate::meter::course::{Due, Settlement};
use crate::meter::numbers::{ABSENT, Meter, at};

/// How many numbers the desk has.
pub const DESK: usize = at::RATES - at::DESK;

impl Meter {
    /// Answers a question: 0, bytes of text and of reasoning went by; 1, a provider's
    /// [`Report`](crate::meter::Report) has come; 2, what is due, in a pause (above 0) or not; 3, whether
    /// more is held as was due (above 0); 4, how the hold of that number ends; 5, the hold of that number
    /// had ended, and so many minor units were taken of it; 6, the last report is acknowledged; 7, whether
    /// the part that was counted has to wait, unless it has waited enough (above 0). Only 2 and 4 are
    /// answered with an amount.
    ///
    /// On the desk are afterwards: the tokens of each kind; whether some are estimated; what they cost,
    /// in minor units; the decimals of those; what the amount is for: 1 progress of the last hold,
    /// 2 holding more, 3 capture, 4 release, 5 plain usage, 0 nothing; and [bytes](Meter::bytes_of_a_step) of a part,
    /// or below 0 where the one that was counted has to wait.
    pub fn ask(&mut self, question: u32) -> Option<Credits> {
        let told: Report = core::array::from_fn(|index| self.get(at::DESK + index));
        let [first, second, ..] = told;
        let index = usize::try_from(first).unwrap_or(usize::MAX);
        let mut answer = (0, None);
        let mut has_to_wait = false;
        match question {
            0 => self.see(first, second),
            1 => self.report(&told),
            2 => match self.due(first > 0) {
                Some(Due::Progress(amount)) => answer = (1, Some(amount)),
                Some(Due::Hold(amount)) => answer = (2, Some(amount)),
                None => {}
            },
            3 => self.held_more(first > 0),
            4 => match self.settle(index) {
                Some(Settlement::Capture(amount)) => answer = (3, Some(amount)),
                Some(Settlement::Release) => answer = (4, Some(Credits::ZERO)),
                Some(Settlement::Consume(amount)) => answer = (5, Some(amount)),
                None => {}
            },
            5 => self.ended(index, second),
            6 => self.acknowledged(),
            _ => has_to_wait = !self.pass(first > 0),
        }
        self.lay(answer.0);
        if has_to_wait {
            self.set(at::DESK + DESK - 1, ABSENT);
        }
        answer.1
    }

    /// Lays out what a caller may know.
    pub(super) fn lay(&mut self, kind: i64) {
        let tokens = self.tokens();
        let [input, cache_read, cache_write, output, reasoning] = tokens;
        let facts = [
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            i64::from(self.is_estimated()),
            self.cost(&tokens).minor_units(),
            self.get(at::DECIMALS),
            kind,
            self.bytes_of_a_step(),
        ];
        for (index, number) in facts.into_iter().enumerate() {
            self.set(at::DESK + index, number);
        }
    }
}
