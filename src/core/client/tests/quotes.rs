//! Quotes by hand.

use std::string::ToString as _;

use crate::client::quote::quote;
use crate::wire::reading::RawObject;

fn ask(asked: &str, models: Option<&[&str]>) -> Result<serde_json::Value, std::string::String> {
    let models: Option<std::vec::Vec<RawObject<'_>>> =
        models.map(|models| models.iter().map(|text| RawObject::read(text).unwrap()).collect());
    let told = quote(&RawObject::read(asked).unwrap(), models.as_deref());
    told.map(|text| serde_json::from_str(&text).unwrap()).map_err(|error| error.code)
}

#[test]
fn the_two_ends_by_the_public_list() {
    let asked = r#"{"model": "GPT-4o", "inputTokens": 10000, "cacheTokens": 8000,
        "cachedTokens": "inside", "maxOutputTokens": 500, "pricePerCredit": "0.01",
        "marginPercent": 50, "basePrice": 0.001}"#;
    // 2 000 × 2.5 + 8 000 × 1.25 = 15 000 of a millionth; 500 × 10 = 5 000 more.
    // (0.015 × 1.5 + 0.001) ÷ 0.01 = 2.35; (0.02 × 1.5 + 0.001) ÷ 0.01 = 3.1.
    let told = ask(asked, None).unwrap();
    assert_eq!((told["low"].to_string(), told["high"].to_string()), ("2.35".into(), "3.1".into()));
    assert_eq!(told["highUsd"].to_string(), "0.031");
    assert_eq!(told["model"], "gpt-4o");
    assert_eq!(told["listDate"], crate::catalog::seed::SEED_DATE);
    // OpenAI counts cached tokens inside of the input, so that need not be said; the contrary may be.
    let unsaid = asked.replace(r#""cachedTokens": "inside","#, "");
    assert_eq!(ask(&unsaid, None).unwrap(), told);
    // 10 000 × 2.5 + 8 000 × 1.25 = 35 000: (0.035 × 1.5 + 0.001) ÷ 0.01 = 5.35.
    let beside = ask(&asked.replace("inside", "beside"), None).unwrap();
    assert_eq!(beside["low"].to_string(), "5.35");
}

#[test]
fn own_models_are_the_only_ones() {
    let own =
        r#"{"modelId": "Mine", "inputPrice": 1, "outputPrice": "2", "cachedTokens": "inside"}"#;
    let asked = r#"{"model": "mine", "inputTokens": 10, "cacheTokens": 5, "maxOutputTokens": 10,
        "pricePerCredit": 0.000001}"#;
    let told = ask(asked, Some(&[own])).unwrap();
    // Inside, and the cache costs what input does: 10; and 20 more.
    assert_eq!((told["low"].to_string(), told["high"].to_string()), ("10".into(), "30".into()));
    assert!(told["listDate"].is_null());
    assert_eq!(ask(&asked.replace("mine", "gpt-4o"), Some(&[own])), Err("unknown_model".into()));
    let priceless = r#"{"modelId": "mine", "inputPrice": 1}"#;
    assert_eq!(ask(asked, Some(&[priceless])), Err("invalid_request".into()));
    let wrong = r#"{"modelId": "mine", "inputPrice": 1, "outputPrice": [2]}"#;
    assert_eq!(ask(asked, Some(&[wrong])), Err("invalid_amount".into()));
}
