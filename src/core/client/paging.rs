//! Where the next page of transactions begins.
//!
//! Decides from three facts about a page, so that the rows themselves never have to be decoded
//! here: the facade parses a page once and passes the facts.

use alloc::boxed::Box;

use crate::client::error::ClientError;

/// What a walk needs to know of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFacts {
    /// Rows on the page.
    pub rows: u64,
    /// `sequence` of the last row; `None` where the server gives none.
    pub last_sequence: Option<u64>,
    /// `pagination.has_more`.
    pub has_more: bool,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// So many rows from the newest.
    Offset(u64),
    /// Below this sequence number. Rows that are appended during the walk do not move it.
    BeforeSequence(u64),
}

/// A walk over a customer's transactions, newest first.
#[derive(Clone, Debug)]
pub struct Walk {
    position: Position,
}

impl Walk {
    /// A walk that begins where the caller says.
    #[must_use]
    pub const fn new(offset: u64, before_sequence: Option<u64>) -> Self {
        let position = match before_sequence {
            Some(sequence) => Position::BeforeSequence(sequence),
            None => Position::Offset(offset),
        };
        Self { position }
    }

    /// Where the page to fetch begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Takes note of a page; `false` when it was the last.
    ///
    /// Against a server without sequence numbers the walk goes by offset: a row appended meanwhile
    /// shifts the rest, and one row is seen twice.
    ///
    /// # Errors
    /// `protocol_error` when the server's sequence numbers do not fall: the walk would never end.
    pub fn turn(&mut self, page: PageFacts) -> Result<bool, Box<ClientError>> {
        if page.rows == 0 || !page.has_more {
            return Ok(false);
        }
        self.position = match (self.position, page.last_sequence) {
            (Position::BeforeSequence(before), Some(last)) if last >= before => {
                return Err(ClientError::local(
                    "protocol_error",
                    "the server's pages do not advance: a page ended at or after the place where \
                     it was asked to begin. The list is incomplete.",
                ));
            }
            (_, Some(last)) => Position::BeforeSequence(last),
            (Position::Offset(offset), None) => Position::Offset(offset.saturating_add(page.rows)),
            (Position::BeforeSequence(_), None) => {
                return Err(ClientError::local(
                    "protocol_error",
                    "the server's rows carry no sequence, so a list that begins at one cannot go \
                     on. The list is incomplete.",
                ));
            }
        };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn page(rows: u64, last_sequence: Option<u64>, has_more: bool) -> PageFacts {
        PageFacts { rows, last_sequence, has_more }
    }

    #[test]
    fn goes_by_sequence_from_the_first_page_on() {
        let mut walk = Walk::new(40, None);
        assert_eq!(walk.position(), Position::Offset(40));
        assert_eq!(walk.turn(page(20, Some(81), true)), Ok(true));
        assert_eq!(walk.position(), Position::BeforeSequence(81));
        assert_eq!(walk.turn(page(20, Some(61), true)), Ok(true));
        assert_eq!(walk.turn(page(3, Some(58), false)), Ok(false));
    }

    #[test]
    fn falls_back_to_offsets() {
        let mut walk = Walk::new(0, None);
        let positions: Vec<Position> = (0..3)
            .map(|_| {
                assert_eq!(walk.turn(page(20, None, true)), Ok(true));
                walk.position()
            })
            .collect();
        assert_eq!(positions, [20, 40, 60].map(Position::Offset));
    }

    #[test]
    fn ends_on_an_empty_page_whatever_the_server_says() {
        assert_eq!(Walk::new(0, None).turn(page(0, None, true)), Ok(false));
    }

    #[test]
    fn a_server_that_does_not_advance_is_an_error_and_no_endless_loop() {
        let mut walk = Walk::new(0, Some(50));
        assert_eq!(walk.turn(page(5, Some(50), true)).unwrap_err().code, "protocol_error");
        assert_eq!(walk.turn(page(5, Some(60), true)).unwrap_err().code, "protocol_error");
        assert_eq!(walk.turn(page(5, None, true)).unwrap_err().code, "protocol_error");
        assert_eq!(walk.turn(page(5, Some(49), true)), Ok(true));
    }
}
