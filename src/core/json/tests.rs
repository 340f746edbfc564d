//! The skimmer and the writer against `serde_json`, which reads and writes the same language.

use super::*;
use alloc::string::ToString;
use proptest::prelude::*;

/// Whether `serde_json` takes the text for one object.
fn is_object(text: &str) -> bool {
    let value: Result<&serde_json::value::RawValue, _> = serde_json::from_str(text);
    value.is_ok_and(|value| value.get().starts_with('{'))
}

#[test]
fn objects_by_the_grammar() {
    for text in [
        "{}",
        " { } \n",
        r#"{"a":-0.5e+10,"b":[1,[],{}],"c":"\u00e9\ud83d\ude00\/","d":null,"e":true,"f":false}"#,
        "{\"é\":\"\u{7f}\u{2028}\"}",
    ] {
        assert!(is_object(text), "{text}");
        assert!(Members::read(text).is_some(), "{text}");
    }
    for text in [
        "",
        "[]",
        "1",
        "{",
        "{}}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":+1}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12",
        "{\"a\":[1 2]}",
        "{\"a\":[1,]}",
        "\u{feff}{}",
    ] {
        assert!(!is_object(text), "{text}");
        assert_eq!(Members::read(text), None, "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Members::read(&nested(MAX_DEPTH - 1)).is_some());
    assert_eq!(Members::read(&nested(MAX_DEPTH)), None);
    assert_eq!(Members::read(&nested(100_000)), None);
}

#[test]
fn members_are_found_as_they_are_spelled() {
    let members = Members::read(r#"{"a": 1.50, "b":"x\"y", "a":2, "c" : {"d":1} }"#).unwrap();
    assert_eq!(members.get("a"), Some("1.50"));
    assert_eq!(members.text("b").as_deref(), Some("x\"y"));
    assert_eq!(members.text("a"), None);
    assert_eq!(members.object("c"), Some("{\"d\":1}"));
    assert_eq!(members.object("b"), None);
    assert_eq!(members.get("d"), None);
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    for string in [r#""\ud800""#, r#""\ud800\u0041""#, r#""\udc00""#, r#""\ud800x""#, "x", "\""] {
        assert_eq!(decode(string), None, "{string}");
    }
    assert_eq!(decode(r#""\uD83D\uDE00""#).as_deref(), Some("😀"));
}

#[test]
fn numbers_by_the_grammar() {
    for text in ["0", "-0", "10.50", "1e3", "1E-3"] {
        assert!(is_number(text), "{text}");
    }
    for text in ["", "-", "01", "1.", "1 ", " 1", "+1", "\"1\"", "1e", "0x1"] {
        assert!(!is_number(text), "{text}");
    }
}

proptest! {
    #[test]
    fn damaged_text_is_judged_as_serde_json_judges_it(
        mut text in any_object().prop_map(|value| value.to_string()),
        place: prop::sample::Index,
        with in r#"["\\{}\[\],:0-9.eEtfnu+ \n\u{0}é-]{0,3}"#,
    ) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[place.index(places.len())];
        let end = text[at..].chars().next().map_or(at, |character| at + character.len_utf8());
        text.replace_range(at..end, &with);
        // Escapes that name half a pair are well-formed JSON whose text cannot be decoded.
        prop_assume!(!text.contains("\\u"));
        prop_assert_eq!(Members::read(&text).is_some(), is_object(&text), "{}", text);
    }

    #[test]
    fn strings_are_decoded_as_serde_json_decodes_them(text in "\\PC{0,12}|[\\x00-\\x7f]{0,12}") {
        let spelled = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(decode(&spelled), Some(text));
    }

    #[test]
    fn what_is_written_is_read(name in "\\PC{0,8}", text in "[\\x00-\\x7f]{0,20}|\\PC{0,20}") {
        // The other field's name: an object that has a name twice is read by its last.
        prop_assume!(name != "n");
        let mut object = ObjectWriter::new();
        object.text(&name, Some(&text)).raw("n", Some("1"));
        let written = object.finish();
        let read: serde_json::Map<_, _> = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read.get(&name).and_then(|value| value.as_str()), Some(text.as_str()));
        prop_assert!(Members::read(&written).is_some());
    }
}

fn any_object() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-1e9..1e9).prop_map(serde_json::Value::from),
        "\\PC{0,6}".prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-c]{0,2}", value, 0..4)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}
