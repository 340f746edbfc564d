//! Lists of customers, newest first, page by page.
//!
//! A page goes on below the place where the last one ended, and places never change: customers who
//! come meanwhile stand before the first page, and ones who go leave no gap. So each customer who was
//! there throughout is listed once.

use alloc::format;
use alloc::string::String;

use crate::customers::words::Wanted;
use crate::http::parse_query;
use crate::wire::errors::ApiError;
use crate::wire::requests::{parameter_error, parse_number};

/// Most customers of a page.
pub const MAX_PAGE: u32 = 100;
/// Customers of a page whose request names no limit.
pub const DEFAULT_PAGE: u32 = 50;
/// Longest search, in bytes: an email address, and a few words more.
pub const MAX_SEARCH_BYTES: usize = 400;

/// What `GET …/customers` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Most customers of the page.
    pub limit: u32,
    /// Only customers who fit.
    pub wanted: Option<Wanted>,
    /// Only customers at places below this one.
    pub before: u64,
}

impl Query {
    /// Reads the query. Unknown parameters are ignored, as usual for reads; an empty `q` or
    /// `cursor` is none.
    ///
    /// # Errors
    /// `invalid_request` naming the parameter.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let mut parsed = Self { limit: DEFAULT_PAGE, wanted: None, before: NEWEST };
        for (name, value) in parse_query(query) {
            match name.as_str() {
                "limit" => parsed.limit = parse_number(&name, &value, 1, MAX_PAGE)?,
                "q" if value.len() > MAX_SEARCH_BYTES => {
                    return Err(parameter_error(&name, "is longer than 400 bytes"));
                }
                "q" if !value.trim().is_empty() => parsed.wanted = Some(Wanted::parse(&value)),
                "cursor" if !value.is_empty() => {
                    parsed.before = read_cursor(&value).ok_or_else(|| {
                        parameter_error(&name, "is not a nextCursor of this list")
                    })?;
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// A place that no customer has: the first page begins below it. The largest number that crosses to
/// SQL for sure.
pub const NEWEST: u64 = (1 << 53) - 1;

/// How a cursor begins: what it holds may change, and is told by this.
const VERSION: &str = "p1";

/// Where the next page goes on, as text that says nothing to a caller.
#[must_use]
pub fn cursor(before: u64) -> String {
    format!("{VERSION}{before:x}")
}

fn read_cursor(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(VERSION)?;
    let before = u64::from_str_radix(digits, 16).ok()?;
    (before <= NEWEST && cursor(before) == text).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::errors::Code;

    #[test]
    fn queries_have_defaults() {
        let query = Query::parse("x=y&q=&cursor=").unwrap();
        assert_eq!((query.limit, query.wanted, query.before), (50, None, NEWEST));
        let query = Query::parse(&format!("limit=100&q=Ac&cursor={}", cursor(31))).unwrap();
        assert_eq!((query.limit, query.wanted, query.before), (100, Some(Wanted::parse("ac")), 31));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let long = format!("q={}", "x".repeat(MAX_SEARCH_BYTES + 1));
        let queries = [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=1.5",
            "limit=",
            "cursor=1f",
            "cursor=p1",
            "cursor=p1+1f",
            "cursor=p101f",
            "cursor=p1FF",
            "cursor=p2ff",
            "cursor=p1ffffffffffffffff",
            "cursor=%00",
            &long,
        ];
        for query in queries {
            assert_eq!(Query::parse(query).unwrap_err().code, Code::InvalidRequest, "{query}");
        }
    }
}
