use super::*;
use crate::client::clocknext::call::{Ask, AskInput};
use std::format;

fn ask(method: &str, customer: Option<&str>) -> Ask {
    let input = AskInput {
        method: method.into(),
        customer_id: customer.map(Into::into),
        ..AskInput::default()
    };
    Ask::new(&input).map_err(|error| error.message).unwrap()
}

#[test]
fn where_each_method_goes_and_whether_it_may_be_repeated() {
    let table = [
        ("signal", "POST /api/v1/usage", true, true),
        ("verify", "POST /api/v1/usage", true, false),
        ("batch", "POST /api/v1/usage/batch", true, true),
        ("list", "GET /api/v1/usage?customerId=a%2F1", true, false),
        ("customers.create", "POST /api/v1/customers?customerId=a%2F1", false, true),
        ("customers.get", "GET /api/v1/customers/a%2F1", true, false),
        ("customers.update", "PATCH /api/v1/customers/a%2F1", false, true),
        ("customers.delete", "DELETE /api/v1/customers/a%2F1", true, true),
        ("customers.usage", "GET /api/v1/customers/a%2F1/usage", true, false),
        ("customers.balances", "GET /api/v1/customers/a%2F1/balances", true, false),
        ("customers.plan", "GET /api/v1/customers/a%2F1/plan", true, false),
        ("customers.revenue", "GET /api/v1/customers/a%2F1/revenue", true, false),
        ("portal.createToken", "POST /api/v1/portal/token?customerId=a%2F1", false, true),
    ];
    for (method, expected, repeatable, changes) in table {
        let customer = (!matches!(method, "signal" | "verify" | "batch")).then_some("a/1");
        let ask = ask(method, customer);
        assert_eq!(format!("{} {}", ask.method.as_str(), ask.target), expected);
        assert_eq!((ask.repeatable, ask.changes), (repeatable, changes), "{method}");
        assert_eq!(ask.batch, method == "batch");
    }
}

#[test]
fn empty_parameters_are_left_out() {
    let input = AskInput {
        method: "customers.list".into(),
        limit: Some("50".into()),
        q: Some(String::new()),
        cursor: Some("a b".into()),
        ..AskInput::default()
    };
    let target = Ask::new(&input).map_err(|error| error.message).unwrap().target;
    assert_eq!(target, "/api/v1/customers?limit=50&cursor=a%20b");
}

#[test]
fn ids_that_a_path_cannot_name_are_refused() {
    for id in ["", "  ", ".", ".."] {
        let input = AskInput {
            method: "customers.get".into(),
            customer_id: Some(id.into()),
            ..AskInput::default()
        };
        assert_eq!(Ask::new(&input).err().unwrap().code, "invalid_id", "{id:?}");
    }
    let unknown = AskInput { method: "customers.drop".into(), ..AskInput::default() };
    assert_eq!(Ask::new(&unknown).err().unwrap().code, "invalid_request");
}
