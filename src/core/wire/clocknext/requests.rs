//! What the entrance reads of a request before it knows who is to answer: whom it is about.

use crate::http::parse_query;
use crate::ids::CustomerId;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error};
use crate::wire::requests::parameter_error;

/// The member of a body, and the parameter of a query, that names a customer.
pub const CUSTOMER: &str = "customerId";

/// Whom a body is about. The whole body is read strictly once more by who answers it.
///
/// # Errors
/// The 400 of the tables for bodies and ids.
pub fn whose_body(body: &str) -> Result<CustomerId, ApiError> {
    let id = Fields::parse(body)?.required_text(CUSTOMER)?;
    CustomerId::parse(&id).map_err(|error| field_error(Code::InvalidId, CUSTOMER, error.reason()))
}

/// Whom a query is about.
///
/// # Errors
/// `invalid_request` where it names nobody, or two; `invalid_id`.
pub fn whose_query(query: &str) -> Result<CustomerId, ApiError> {
    let mut named = parse_query(query).into_iter().filter(|(name, _)| name == CUSTOMER);
    let (_, id) = named.next().ok_or_else(|| parameter_error(CUSTOMER, "is missing"))?;
    if named.next().is_some() {
        return Err(parameter_error(CUSTOMER, "is there twice"));
    }
    CustomerId::parse(&id).map_err(|error| {
        let message = alloc::format!("The query parameter {CUSTOMER} {}.", error.reason());
        ApiError::about(Code::InvalidId, CUSTOMER, &message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_by_the_table() {
        let read = |body| whose_body(body).map_err(|error| error.code);
        assert_eq!(read(r#"{"customerId":"a/b","x":1}"#).unwrap().as_str(), "a/b");
        let table = [
            ("", Code::InvalidJson),
            ("[]", Code::InvalidRequest),
            ("{}", Code::InvalidRequest),
            (r#"{"customerId":null}"#, Code::InvalidRequest),
            (r#"{"customerId":7}"#, Code::InvalidType),
            (r#"{"customerId":""}"#, Code::InvalidId),
            (r#"{"customerId":".."}"#, Code::InvalidId),
            (r#"{"customerId":"a","customerId":"b"}"#, Code::DuplicateField),
        ];
        for (body, code) in table {
            assert_eq!(read(body), Err(code), "{body}");
        }
    }

    #[test]
    fn queries_by_the_table() {
        let read = |query| whose_query(query).map_err(|error| error.code);
        assert_eq!(read("limit=1&customerId=a%2Fb").unwrap().as_str(), "a/b");
        for (query, code) in [
            ("", Code::InvalidRequest),
            ("customer_id=a", Code::InvalidRequest),
            ("customerId=a&customerId=a", Code::InvalidRequest),
            ("customerId=", Code::InvalidId),
            ("customerId=%00", Code::InvalidId),
        ] {
            assert_eq!(read(query), Err(code), "{query}");
        }
    }
}
