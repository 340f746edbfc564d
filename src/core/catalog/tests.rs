//! What a catalog takes, refuses and finds.

use std::string::ToString as _;
use std::vec::Vec;

use super::*;
use crate::idempotency::Fingerprint;
use crate::wire::errors::Code;

fn put(catalog: &Catalog, section: Section, body: &str) -> Catalog {
    let entry = parse_entry(section, body).unwrap_or_else(|error| panic!("{}", error.message));
    catalog.edited(&Edit::Put(entry)).unwrap_or_else(|error| panic!("{}", error.message))
}

fn refused(section: Section, body: &str) -> Code {
    match parse_entry(section, body) {
        Ok(entry) => panic!("{body} was taken as {entry:?}"),
        Err(error) => error.code,
    }
}

const TRIAGE: &str = r#"{"name": "Resolved ticket", "pricePerOutcome": 0.99, "steps": [
    {"name": "Triage", "agentKey": "resolved_ticket.triage", "basePrice": "0.01"},
    {"name": "Answer", "agentKey": "resolved_ticket.answer"}]}"#;

#[test]
fn the_seed_is_a_price_list() {
    let lines: Vec<_> = seed::list().collect();
    let text = include_str!("seed.tsv");
    let models = text.lines().count();
    assert_eq!(lines.len(), models, "a line of the list does not read as a price");
    let catalog = Catalog::seed();
    assert_eq!(catalog.models().count(), models, "a model stands there twice");
    for seed::ListPrice { model, prices, cached } in lines {
        assert!(prices.input <= prices.output, "{model}: output is the dearer kind");
        assert!(prices.cache <= prices.input, "{model}: the cache is a discount");
        assert!(!prices.input.is_zero(), "{model}");
        assert_eq!(seed::find(&model.to_ascii_uppercase()).unwrap().prices, prices);
        // Of these providers Anthropic alone reports them beside the input.
        let expected =
            if model.starts_with("claude") { CachedTokens::Beside } else { CachedTokens::Inside };
        assert_eq!((cached, catalog.model(model).unwrap().cached), (expected, expected), "{model}");
    }
    assert!(catalog.version().starts_with(&std::format!("{}+0.", seed::SEED_DATE)));
}

/// A directory that is restored to an earlier state counts its edits on from there.
#[test]
fn a_version_names_one_content() {
    let start = put(&Catalog::seed(), Section::Outcomes, TRIAGE);
    let dearer = put(&start, Section::Outcomes, &TRIAGE.replace("0.99", "1.99"));
    let (one, other) = (dearer.version(), put(&start, Section::Outcomes, TRIAGE).version());
    let count = |version: &str| version.split_once('.').unwrap().0.to_string();
    assert_eq!(count(&one), std::format!("{}+2", seed::SEED_DATE));
    assert_eq!(count(&one), count(&other));
    assert_ne!(one, other);
    // The same edits of the same catalog come to the same name.
    assert_eq!(put(&start, Section::Outcomes, &TRIAGE.replace("0.99", "1.99")).version(), one);
    // The name goes with the catalog, also where entries are written otherwise than when it was given.
    let given = dearer.clone().known_as("0123456789ab");
    assert_eq!(Catalog::from_json(&given.to_json()).unwrap().version(), given.version());
    // A catalog that an earlier release tells of has none, and is given its own.
    let digest = std::format!(".{}", dearer.digest());
    let earlier = dearer.to_json().replace(&digest, "");
    assert_eq!(Catalog::from_json(&earlier).unwrap(), dearer);
}

/// Entries name the list by its date: a list that says something else needs another date.
#[test]
fn a_date_names_one_list() {
    let digest = Fingerprint::of([("list", Some(include_str!("seed.tsv")))]).to_text();
    assert_eq!((seed::SEED_DATE, &*digest), ("2026-11-05", "list:c93b6e4e5cc760d2"));
}

#[test]
fn models_are_found_in_any_case_and_replaced_whatever_the_case() {
    let seed = Catalog::seed();
    assert_eq!(seed.model("LLAMA-3.3-70B-Versatile").unwrap().id, "llama-3.3-70b-versatile");
    assert_eq!(seed.model("llama-3.3"), None);
    let body = r#"{"modelId": "LLaMA-3.3-70b-versatile", "inputPrice": 1, "outputPrice": 2,
        "cachePrice": 0.1, "cachedTokens": "inside"}"#;
    let after = put(&seed, Section::Models, body);
    assert_eq!(after.models().count(), seed.models().count());
    let model = after.model("llama-3.3-70b-versatile").unwrap();
    assert_eq!(
        (model.prices.output.nano_usd(), model.cached),
        (2_000_000_000, CachedTokens::Inside)
    );
    assert_eq!((after.edits(), seed.edits()), (1, 0));
    let gone = after.edited(&Edit::Remove(Section::Models, "Llama-3.3-70B-VERSATILE".to_string()));
    let gone = gone.unwrap();
    assert_eq!((gone.model("llama-3.3-70b-versatile"), gone.edits()), (None, 2));
    let again = gone.edited(&Edit::Remove(Section::Models, "llama-3.3-70b-versatile".to_string()));
    assert_eq!(again.unwrap_err().code, Code::NotFound);
}

#[test]
fn steps_are_found_by_key_and_belong_to_one_outcome() {
    let catalog = put(&Catalog::seed(), Section::Outcomes, TRIAGE);
    let first = catalog.step("resolved_ticket.triage").unwrap();
    assert_eq!((&*first.outcome.name, &*first.step.name), ("Resolved ticket", "Triage"));
    assert_eq!(catalog.step("resolved_ticket.answer").unwrap().outcome, first.outcome);
    assert_eq!(catalog.step("resolved_ticket"), None);
    let thief = r#"{"name": "Other", "pricePerOutcome": 1,
        "steps": [{"name": "Triage", "agentKey": "resolved_ticket.triage"}]}"#;
    let thief = parse_entry(Section::Outcomes, thief).unwrap();
    assert_eq!(catalog.edited(&Edit::Put(thief)).unwrap_err().code, Code::InvalidRequest);
    // The outcome itself may be put again, with other steps under its keys.
    assert_eq!(put(&catalog, Section::Outcomes, TRIAGE).edits(), 2);
}

#[test]
fn entries_by_the_table_of_refusals() {
    use Section::{CreditTypes, Models, Outcomes};
    let table = [
        (Models, r#"{"inputPrice": 1, "outputPrice": 1}"#, Code::InvalidRequest),
        (Models, r#"{"modelId": "", "inputPrice": 1, "outputPrice": 1}"#, Code::InvalidId),
        (Models, r#"{"modelId": " m", "inputPrice": 1, "outputPrice": 1}"#, Code::InvalidId),
        (Models, r#"{"modelId": "m", "outputPrice": 1}"#, Code::InvalidRequest),
        (Models, r#"{"modelId": "m", "inputPrice": -1, "outputPrice": 1}"#, Code::AmountNegative),
        (Models, r#"{"modelId": "m", "inputPrice": -0, "outputPrice": 1}"#, Code::AmountNegative),
        (Models, r#"{"modelId": "m", "inputPrice": true, "outputPrice": 1}"#, Code::InvalidType),
        (
            Models,
            r#"{"modelId": "m", "inputPrice": 1e-10, "outputPrice": 1}"#,
            Code::AmountPrecision,
        ),
        (Models, r#"{"modelId": "m", "inputPrice": 9e6, "outputPrice": 1}"#, Code::AmountTooLarge),
        (
            Models,
            r#"{"modelId": "m", "inputPrice": 1, "outputPrice": 1, "x": 1}"#,
            Code::UnknownField,
        ),
        (
            Models,
            r#"{"modelId": "m", "inputPrice": 1, "outputPrice": 1, "cachedTokens": "in"}"#,
            Code::InvalidRequest,
        ),
        (
            CreditTypes,
            r#"{"name": "A", "agentKey": "usd", "pricePerCredit": 1}"#,
            Code::InvalidRequest,
        ),
        (
            CreditTypes,
            r#"{"name": "A", "agentKey": "credits", "pricePerCredit": 1}"#,
            Code::InvalidRequest,
        ),
        (CreditTypes, r#"{"name": "A", "agentKey": "a b", "pricePerCredit": 1}"#, Code::InvalidId),
        (CreditTypes, r#"{"name": "A", "agentKey": "a", "pricePerCredit": 0}"#, Code::AmountZero),
        (CreditTypes, r#"{"name": "A", "agentKey": "a"}"#, Code::InvalidRequest),
        (
            CreditTypes,
            r#"{"name": "A", "agentKey": "a", "pricePerCredit": 1, "marginPercent": -101}"#,
            Code::AmountNegative,
        ),
        (
            CreditTypes,
            r#"{"name": "A", "agentKey": "a", "pricePerCredit": 1, "marginPercent": "1e7"}"#,
            Code::InvalidRequest,
        ),
        (
            CreditTypes,
            r#"{"name": "A", "agentKey": "a", "pricePerCredit": 1, "marginPercent": [1]}"#,
            Code::InvalidType,
        ),
        (Outcomes, r#"{"name": "O", "pricePerOutcome": 1, "steps": []}"#, Code::InvalidRequest),
        (Outcomes, r#"{"name": "O", "pricePerOutcome": 1, "steps": {}}"#, Code::InvalidType),
        (Outcomes, r#"{"name": "O", "pricePerOutcome": 1}"#, Code::InvalidRequest),
        (
            Outcomes,
            r#"{"name": "O", "pricePerOutcome": 1, "steps": [{"name": "a", "agentKey": "k"},
                {"name": "b", "agentKey": "k"}]}"#,
            Code::InvalidRequest,
        ),
    ];
    for (section, body, code) in table {
        assert_eq!(refused(section, body), code, "{body}");
    }
}

#[test]
fn the_lists_are_bounded() {
    let mut catalog = Catalog::of("2026-01-01", 0, []);
    let body =
        |number| std::format!(r#"{{"name": "C", "agentKey": "c{number}", "pricePerCredit": 1}}"#);
    for number in 0..MAX_CREDIT_TYPES {
        catalog = put(&catalog, Section::CreditTypes, &body(number));
    }
    let edit = |number| Edit::Put(parse_entry(Section::CreditTypes, &body(number)).unwrap());
    assert_eq!(catalog.edited(&edit(999)).unwrap_err().code, Code::InvalidRequest);
    // Replacing one is no addition.
    assert!(catalog.edited(&edit(0)).is_ok());
}

/// What an isolate could not read would leave every signal without a price.
#[test]
fn the_whole_is_bounded_too() {
    let name = "\\\"".repeat(MAX_LABEL_BYTES);
    let outcome = |number| {
        let step = |step| {
            std::format!(
                r#"{{"name": "{name}", "agentKey": "o{number}.{step}", "basePrice": 0.123456789}}"#
            )
        };
        let steps: Vec<_> = (0..MAX_STEPS).map(step).collect();
        let steps = steps.join(",");
        let body =
            std::format!(r#"{{"name": "{number}", "pricePerOutcome": 1, "steps": [{steps}]}}"#);
        Edit::Put(parse_entry(Section::Outcomes, &body).unwrap())
    };
    let catalog = |outcomes| {
        let entries = (0..outcomes).map(|number| match outcome(number) {
            Edit::Put(entry) => entry,
            Edit::Remove(..) => panic!("an entry"),
        });
        Catalog::of("2026-01-01", 0, entries)
    };
    let (few, many) = (catalog(100), catalog(150));
    let length = |catalog: &Catalog| catalog.to_json().len();
    assert!(length(&few) < MAX_CATALOG_BYTES && length(&many) > MAX_CATALOG_BYTES);
    assert!(few.edited(&outcome(0)).is_ok());
    assert_eq!(many.edited(&outcome(0)).unwrap_err().code, Code::InvalidRequest);
    // Of one that is too large, something can be taken out, and it is read as it was kept.
    assert!(many.edited(&Edit::Remove(Section::Outcomes, "0".to_string())).is_ok());
    assert_eq!(Catalog::from_json(&many.to_json()).unwrap(), many);
}

/// No URL could name it: it would be there for ever. What is there is read all the same.
#[test]
fn names_that_a_path_swallows_are_not_put_in() {
    for name in [".", ".."] {
        let body = std::format!(r#"{{"modelId": "{name}", "inputPrice": 1, "outputPrice": 1}}"#);
        let entry = parse_entry(Section::Models, &body).unwrap();
        let kept = Catalog::of("2026-01-01", 4, [entry.clone()]);
        assert_eq!(Catalog::from_json(&kept.to_json()).unwrap(), kept);
        let refused = Catalog::seed().edited(&Edit::Put(entry)).unwrap_err();
        assert_eq!(refused.code, Code::InvalidId);
    }
}

#[test]
fn json_gives_the_catalog_again() {
    let credits = r#"{"name": "API \"credit\"", "agentKey": "api_credit", "basePrice": "0.001",
        "marginPercent": 12.5, "pricePerCredit": 0.01}"#;
    let catalog = put(&Catalog::seed(), Section::CreditTypes, credits);
    let catalog = put(&catalog, Section::Outcomes, TRIAGE);
    let text = catalog.to_json();
    assert_eq!(Catalog::from_json(&text).unwrap(), catalog);
    assert!(text.contains(r#""marginPercent":12.5"#), "{text}");
    assert!(Catalog::from_json("{}").is_err());
    let spoiled = text.replace("0.99", "-0.99");
    assert_eq!(Catalog::from_json(&spoiled).unwrap_err().code, Code::AmountNegative);
}
