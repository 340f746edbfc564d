//! What signals take, line by line.

use super::*;

#[test]
fn a_statement_line_by_line() {
    let mut desk = Desk::with(&[("api", "10"), ("usd", "1")]);
    // 1 000 × 1 + 500 × 2 = 0.002 USD; × 1.3 = 0.0026 USD; at a cent, 0.26 credits.
    let first = desk.sent(&credit("k1", 1_000, 500));
    let body = usage_log_body(&first, &CustomerId::parse("cus_1").unwrap());
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    for (name, expected) in [
        ("type", r#""credit""#),
        ("model", r#""M""#),
        ("inputTokens", "1000"),
        ("outputTokens", "500"),
        ("cacheTokens", "0"),
        ("cachedTokens", r#""beside""#),
        ("providedCost", "0.002"),
        ("customerCost", "0.0026"),
        ("creditsUsed", "0.26"),
        ("creditName", r#""API credits""#),
        ("agentKey", r#""api""#),
        ("balanceAfter", "9.74"),
        ("unit", r#""api""#),
        ("duplicate", "false"),
        ("dryRun", "false"),
        ("catalogVersion", &*format!("{:?}", desk.catalog.version())),
        ("createdAt", r#""2026-11-22T10:00:00.000Z""#),
        ("idempotencyKey", r#""k1""#),
    ] {
        assert_eq!(value[name].to_string(), expected, "{name}");
    }
    assert_eq!(desk.balance("api"), "9.74");
    // 100 × 1 + 1 000 × 0.1 = 0.0002 USD from the wallet, at cost.
    let second = desk.sent(&wallet("k2", 100, 1_000));
    assert_eq!((desk.balance("usd"), desk.balance("api")), ("0.9998".into(), "9.74".into()));
    assert_eq!(second.entry.unit.as_str(), "usd");
    assert_eq!(first.entry.action(), "api");
    assert_eq!(second.entry.action(), "m");
    let page = usage_page_body(
        (&CustomerId::parse("cus_1").unwrap(), None),
        &desk.rows.days,
        vec![second.entry, first.entry],
    );
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["totals"]["signals"].to_string(), "2");
    assert_eq!(page["totals"]["inputTokens"].to_string(), "1100");
    assert_eq!(page["totals"]["cacheTokens"].to_string(), "1000");
    assert_eq!(page["totals"]["providedCost"].to_string(), "0.0022");
    assert_eq!(page["totals"]["customerCost"].to_string(), "0.0028");
    assert_eq!(page["totals"]["wallet"]["customerCost"].to_string(), "0.0002");
    assert_eq!(page["logs"][1]["creditsUsed"].to_string(), "0.26");
}

#[test]
fn cached_tokens_are_counted_as_the_model_or_the_signal_says() {
    let mut desk = Desk::with(&[("usd", "1")]);
    let of = |key: &str, how: &str| {
        format!(
            r#"{{"customerId": "cus_1", "type": "wallet", "model": "m", "inputTokens": 1000,
                "cacheTokens": 800, "idempotencyKey": "{key}"{how}}}"#
        )
    };
    let taken = |logged: &Logged| logged.entry.amount.negated().minor_units();
    // Beside: 1 000 × 1 + 800 × 0.1 = 1 080. Inside: 200 × 1 + 800 × 0.1 = 280.
    assert_eq!(taken(&desk.sent(&of("1", ""))), 1_080_000);
    assert_eq!(taken(&desk.sent(&of("2", r#", "cachedTokens": "inside""#))), 280_000);
    let body = r#"{"modelId": "m", "inputPrice": 1, "outputPrice": 2, "cachePrice": 0.1,
        "cachedTokens": "inside"}"#;
    let edit = Edit::Put(parse_entry(Section::Models, body).unwrap());
    desk.catalog = desk.catalog.edited(&edit).unwrap();
    assert_eq!(taken(&desk.sent(&of("3", ""))), 280_000);
    assert_eq!(taken(&desk.sent(&of("4", r#", "cachedTokens": "beside""#))), 1_080_000);
    let error = desk.refused(&of("5", "").replace("1000", "799"));
    assert_eq!(error.code, Code::InvalidRequest);
}

/// What providers report of one call, what is sent of it, and its price worked out by hand. A signal has
/// three counts: what is read from a cache is the third; what is written to one is read by the model as
/// well, and thoughts are written by it.
#[test]
fn every_kind_of_token_by_the_table() {
    // Prices per million of input, output, and of the cache where the model has such a price.
    let table = [
        // OpenAI: prompt 2 006, of which cached 1 920; completion 300, of which reasoning 256.
        // 86 × 2.5 + 300 × 10 + 1 920 × 1.25 = 215 + 3 000 + 2 400.
        (
            r#""inputPrice": 2.5, "outputPrice": 10, "cachePrice": 1.25, "cachedTokens": "inside""#,
            [2_006, 300, 1_920],
            "0.005615",
        ),
        // The same of a model without a price for the cache: 2 006 × 2.5 + 3 000 = 5 015 + 3 000.
        (
            r#""inputPrice": 2.5, "outputPrice": 10, "cachedTokens": "inside""#,
            [2_006, 300, 1_920],
            "0.008015",
        ),
        // Anthropic: input 50, written to the cache 248, read from it 1 800; output 503.
        // (50 + 248) × 3 + 503 × 15 + 1 800 × 0.3 = 894 + 7 545 + 540.
        (r#""inputPrice": 3, "outputPrice": 15, "cachePrice": 0.3"#, [298, 503, 1_800], "0.008979"),
        // And without a price for the cache: 894 + 7 545 + 1 800 × 3.
        (r#""inputPrice": 3, "outputPrice": 15"#, [298, 503, 1_800], "0.013839"),
        // Google: prompt 1 000, of which cached 400; candidates 20, thoughts 180 beside them.
        // 600 × 1.25 + (20 + 180) × 10 + 400 × 0.125 = 750 + 2 000 + 50.
        (
            r#""inputPrice": 1.25, "outputPrice": 10, "cachePrice": 0.125, "cachedTokens": "inside""#,
            [1_000, 200, 400],
            "0.0028",
        ),
        // Nothing but the cache: 3 × 0.0005 is a millionth of 0.0015, at nine decimals 0.000000002.
        (r#""inputPrice": 1, "outputPrice": 1, "cachePrice": 0.0005"#, [0, 0, 3], "0.000000002"),
        // And one less, which is exactly 0.000000001.
        (r#""inputPrice": 1, "outputPrice": 1, "cachePrice": 0.0005"#, [0, 0, 2], "0.000000001"),
    ];
    for (number, (prices, [input, output, cache], expected)) in table.into_iter().enumerate() {
        let mut desk = Desk::with(&[("usd", "1")]);
        let model = format!(r#"{{"modelId": "m", {prices}}}"#);
        let edit = Edit::Put(parse_entry(Section::Models, &model).unwrap());
        desk.catalog = desk.catalog.edited(&edit).unwrap();
        let body = format!(
            r#"{{"customerId": "cus_1", "type": "wallet", "model": "m", "inputTokens": {input},
                "outputTokens": {output}, "cacheTokens": {cache}, "idempotencyKey": "k{number}"}}"#
        );
        let logged = desk.sent(&body);
        let taken = logged.entry.amount.negated().decimal(Unit::usd().scale()).to_string();
        assert_eq!(taken, expected, "{prices} of {input}, {output}, {cache}");
    }
}

#[test]
fn a_repeat_is_answered_as_the_first_time_whatever_has_changed() {
    let mut desk = Desk::with(&[("api", "10")]);
    let first = desk.sent(&credit("k", 1_000, 500));
    // The model is dearer, and then gone: neither touches what has been billed.
    let dear = r#"{"modelId": "m", "inputPrice": 900, "outputPrice": 900}"#;
    desk.catalog =
        desk.catalog.edited(&Edit::Put(parse_entry(Section::Models, dear).unwrap())).unwrap();
    let second = desk.sent(&credit("k", 1_000, 500));
    desk.catalog = Catalog::of("2026-01-01", 9, []);
    let third = desk.sent(&credit("k", 1_000, 500));
    for repeat in [second, third] {
        assert!(repeat.duplicate);
        assert_eq!(repeat.entry, first.entry);
    }
    assert_eq!(desk.balance("api"), "9.74");
    assert_eq!(desk.rows.days[0].signals, 1);
    // Other content under the key is another signal, and refused.
    assert_eq!(desk.refused(&credit("k", 1_001, 500)).code, Code::IdempotencyKeyReused);
    assert_eq!(desk.refused(&wallet("k", 1_000, 0)).code, Code::IdempotencyKeyReused);
    // Notes are not content: the first ones stay.
    let noted =
        credit("k", 1_000, 500).replace("{\"customerId\"", "{\"member\": \"eve\", \"customerId\"");
    assert!(desk.sent(&noted).duplicate);
}

#[test]
fn within_a_batch_each_signal_sees_the_ones_before_it() {
    let mut desk = Desk::with(&[("api", "0.5")]);
    let bodies = [
        credit("a", 1_000, 500),
        credit("a", 1_000, 500),
        credit("b", 1_000, 500),
        credit("c", 0, 0),
        credit("a", 2, 2),
    ];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let outcomes = desk.send(&bodies);
    assert!(!outcomes[0].as_ref().unwrap().duplicate);
    assert!(outcomes[1].as_ref().unwrap().duplicate);
    // 0.5 - 0.26 = 0.24 is less than 0.26.
    assert_eq!(outcomes[2].as_ref().unwrap_err().code, Code::InsufficientCredits);
    // What costs nothing is recorded, even so.
    let free = outcomes[3].as_ref().unwrap();
    assert_eq!((free.entry.amount, free.entry.sequence), (Credits::ZERO, 3));
    assert_eq!(outcomes[4].as_ref().unwrap_err().code, Code::IdempotencyKeyReused);
    assert_eq!((desk.balance("api").as_str(), desk.signals.as_slice()), ("0.24", &[2, 3][..]));
    assert_eq!(desk.rows.days[0].signals, 2);
}

#[test]
fn what_the_catalog_does_not_know_is_refused() {
    let mut desk = Desk::with(&[("api", "10"), ("usd", "10")]);
    let other_model = credit("k", 1, 1).replace(r#""M""#, r#""gpt-0""#);
    assert_eq!(desk.refused(&other_model).code, Code::UnknownModel);
    let other_key = credit("k", 1, 1).replace(r#""api""#, r#""apu""#);
    assert_eq!(desk.refused(&other_key).code, Code::UnknownKey);
    assert_eq!(desk.refused(&step("k", "tirage", "")).code, Code::UnknownKey);
    // A credit type is no step, nor the other way around.
    let crossed = step("k", "triage", "").replace("ticket.triage", "api");
    assert_eq!(desk.refused(&crossed).code, Code::UnknownKey);
    for error in [desk.refused(&other_model), desk.refused(&other_key)] {
        assert!(!error.message.to_lowercase().contains("insufficient"), "{}", error.message);
    }
}

#[test]
fn sums_of_a_day_stay_in_range() {
    let mut desk = Desk::with(&[("usd", "100")]);
    let free = r#"{"modelId": "m", "inputPrice": 0, "outputPrice": 0}"#;
    desk.catalog =
        desk.catalog.edited(&Edit::Put(parse_entry(Section::Models, free).unwrap())).unwrap();
    desk.sent(&wallet("1", MAX_SUM, 0));
    // A statistic that is full stands in nobody's way.
    desk.sent(&wallet("2", 1, 7));
    let full = desk.rows.days[0];
    assert_eq!((full.signals, full.input, full.cache), (2, MAX_SUM, 7));
    // The next day begins at nothing.
    desk.now = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
    desk.sent(&wallet("3", 1, 0));
    assert_eq!((desk.rows.days.len(), desk.rows.days[1].input), (2, 1));
}

#[test]
fn a_clock_that_steps_back_keeps_the_day() {
    let mut desk = Desk::with(&[("usd", "100")]);
    desk.sent(&wallet("1", 1, 0));
    desk.now = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
    desk.sent(&wallet("2", 1, 0));
    assert_eq!((desk.rows.days.len(), desk.rows.days[0].signals), (1, 2));
}
