//! Queries of the Credit Engine API: what each is read as, line by line.

use edge_credits_core::ledger::EntryKind;
use edge_credits_core::wire::requests::{parse_balance_query, parse_page_query};

use crate::requests::refusal;

#[test]
fn balance_queries_are_read_as_the_table_says() {
    let read = |query: &str| match parse_balance_query(query) {
        Ok(query) => format!("{} {}", query.unit.as_str(), query.include_breakdown),
        Err(error) => refusal(&error),
    };
    let table = [
        ("", "credits false"),
        ("include_breakdown=true", "credits true"),
        ("include_breakdown=false&unit=usd", "usd false"),
        ("unit=gpu%2Eh&x=1&=&&", "gpu.h false"),
        ("include_breakdown=1", "invalid_request include_breakdown"),
        ("include_breakdown=", "invalid_request include_breakdown"),
        ("include_breakdown=TRUE", "invalid_request include_breakdown"),
        ("unit=", "invalid_id unit"),
        ("unit=a+b", "invalid_id unit"),
        ("unit=%ff", "invalid_id unit"),
    ];
    for (query, expected) in table {
        assert_eq!(read(query), expected, "{query}");
    }
}

#[test]
fn page_queries_are_read_as_the_table_says() {
    let read = |query: &str| match parse_page_query(query) {
        Ok(page) => {
            assert_eq!(page.rows_to_read(), page.limit + 1);
            let kind = page.kind.map_or("all", EntryKind::as_str);
            let before = page.before_sequence.map_or("-".to_owned(), |it| it.to_string());
            format!("{} {kind} {}+{} {before}", page.unit.as_str(), page.offset, page.limit)
        }
        Err(error) => refusal(&error),
    };
    let table = [
        ("", "credits all 0+20 -"),
        ("limit=1&offset=100000", "credits all 100000+1 -"),
        ("limit=100&type=expiry&unit=usd", "usd expiry 0+100 -"),
        ("before_sequence=9007199254740991", "credits all 0+20 9007199254740991"),
        ("type=consumption&x=y", "credits consumption 0+20 -"),
        ("limit=0", "invalid_request limit"),
        ("limit=101", "invalid_request limit"),
        ("limit=-1", "invalid_request limit"),
        ("limit=%2B5", "invalid_request limit"),
        ("limit=5.0", "invalid_request limit"),
        ("limit=", "invalid_request limit"),
        ("limit=99999999999999999999", "invalid_request limit"),
        ("offset=100001", "invalid_request offset"),
        ("offset=x", "invalid_request offset"),
        ("type=Consumption", "invalid_request type"),
        ("type=", "invalid_request type"),
        ("before_sequence=", "invalid_request before_sequence"),
        ("before_sequence=-1", "invalid_request before_sequence"),
        ("before_sequence=%2B1", "invalid_request before_sequence"),
        ("before_sequence=9007199254740992", "invalid_request before_sequence"),
        ("unit=a%20b", "invalid_id unit"),
    ];
    for (query, expected) in table {
        assert_eq!(read(query), expected, "{query}");
    }
    for kind in EntryKind::ALL {
        let query = format!("type={}", kind.as_str());
        assert_eq!(parse_page_query(&query).unwrap().kind, Some(kind));
    }
}
