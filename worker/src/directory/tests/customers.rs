//! Customers' records on SQLite: against a naive model, through failing disks, and flat in the number of
//! customers.

mod flat;

use core::time::Duration;
use std::collections::BTreeMap;

use edge_credits_core::customers::list::Query;
use edge_credits_core::customers::record::Changes;
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::http::encode_component;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{CustomerId, Environment};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::Code;
use serde_json::{Value, json};

use super::town::{START, Town};
use crate::directory::Directory;
use crate::directory::customers::Birth;
use crate::directory_store;
use crate::respond::{Answer, Failure};
use crate::storage::sqlite::Sqlite;

/// A directory on its disk, and what a naive list of its customers would be.
struct Office {
    disk: Sqlite,
    directory: Directory<Sqlite>,
    now: Timestamp,
    born: u64,
    /// By place; the place of a customer is when it was made.
    model: BTreeMap<u64, Value>,
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

fn entropy(number: u64) -> Entropy {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Entropy::new(bytes)
}

impl Office {
    fn new() -> Self {
        let disk = Sqlite::new();
        let (directory, now) = (Directory::new(disk.clone()), Timestamp::from_millis(START));
        Self { disk, directory, now, born: 0, model: BTreeMap::new() }
    }

    fn create(&self, number: u64, key: Option<&str>, body: &Value) -> Result<Answer, Failure> {
        let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
        let entropy = entropy(number);
        let birth = Birth { environment: Environment::Live, key: key.as_ref(), entropy: &entropy };
        self.directory.create(&birth, &Changes::parse_new(&body.to_string()).unwrap(), self.now)
    }

    fn add(&mut self, name: &str, email: &str) -> String {
        self.born += 1;
        self.now = self.now.plus(Duration::from_millis(7));
        let body = json!({"name": name, "email": email});
        let customer = parsed(&self.create(self.born, None, &body).unwrap())["customer"].take();
        let id = customer["id"].as_str().unwrap().to_owned();
        self.model.insert(self.born, customer);
        id
    }

    fn list(&self, query: &str) -> (Vec<Value>, Option<String>) {
        let answer = self.directory.list(&Query::parse(query).unwrap()).unwrap();
        let mut body = parsed(&answer);
        let next = body["nextCursor"].as_str().map(ToOwned::to_owned);
        let Value::Array(customers) = body["customers"].take() else { panic!("{body}") };
        (customers, next)
    }

    /// All pages of a list, with something happening between them.
    fn walk(&mut self, query: &str, mut between: impl FnMut(&mut Self)) -> (Vec<Value>, u32) {
        let (mut all, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let (page, next) = self.list(&format!("{query}&cursor={cursor}"));
            all.extend(page);
            pages += 1;
            match next {
                Some(next) => cursor = next,
                None => return (all, pages),
            }
            between(self);
        }
    }
}

fn id(text: &str) -> CustomerId {
    CustomerId::parse(text).unwrap()
}

fn naive_words(customer: &Value) -> Vec<String> {
    let text = ["id", "email", "name"].map(|name| customer[name].as_str().unwrap_or_default());
    let text = text.join(" ").to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).map(ToOwned::to_owned).collect()
}

fn fits(customer: &Value, search: &str) -> bool {
    let (words, search) = (naive_words(customer), search.to_lowercase());
    let mut wanted = search.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    let found = |wanted: &str| words.iter().any(|word| word.starts_with(wanted));
    wanted.clone().next().is_some() && wanted.all(found)
}

#[test]
fn lists_and_searches_are_those_of_a_naive_list() {
    let names = ["Acme", "Accord Incorporated", "Über Straße", "Ödland Incorporators", "Zebra"];
    let hosts = ["acme.com", "mail.example.org", "incorporated.net"];
    let searches =
        ["", "ac", "acme", "incorporate", "incorporated net", "STRASSE", "stra über", "cus", "a b"];
    for seed in 0..6 {
        let mut random: Jitter = Entropy::new([seed; 16]).jitter();
        let mut pick = |bound: usize| usize::try_from(random.up_to(bound as u64 - 1)).unwrap();
        let mut office = Office::new();
        for step in 0..220 {
            match pick(8) {
                0..=4 => {
                    let (name, host) = (names[pick(names.len())], hosts[pick(hosts.len())]);
                    office.add(&format!("{name} {}", pick(30)), &format!("u{}@{host}", pick(9)));
                }
                5 | 6 if !office.model.is_empty() => {
                    let place = *office.model.keys().nth(pick(office.model.len())).unwrap();
                    let customer = id(office.model[&place]["id"].as_str().unwrap());
                    let changes =
                        json!({"name": names[pick(names.len())], "notes": step.to_string()});
                    let changes = Changes::parse(&changes.to_string()).unwrap();
                    let answer = office.directory.update(&customer, &changes, office.now).unwrap();
                    office.model.insert(place, parsed(&answer)["customer"].take());
                }
                _ if !office.model.is_empty() => {
                    let place = *office.model.keys().nth(pick(office.model.len())).unwrap();
                    let gone = office.model.remove(&place).unwrap();
                    let gone = id(gone["id"].as_str().unwrap());
                    for _ in 0..2 {
                        let of = (Environment::Live, &gone);
                        let answer = office.directory.remove(of, office.now).unwrap();
                        assert_eq!(parsed(&answer), json!({"id": gone.as_str(), "deleted": true}));
                    }
                    let failure = office.directory.customer(&gone).unwrap_err();
                    assert_eq!(failure.error.code, Code::NotFound);
                }
                _ => {}
            }
        }
        for search in searches {
            let expected: Vec<Value> = office
                .model
                .values()
                .rev()
                .filter(|customer| search.is_empty() || fits(customer, search))
                .cloned()
                .collect();
            let query = format!("limit={}&q={}", pick(7) + 1, encode_component(search));
            assert_eq!(office.walk(&query, |_| {}).0, expected, "{search:?}");
        }
        for customer in office.model.values() {
            let found = office.directory.customer(&id(customer["id"].as_str().unwrap()));
            assert_eq!(parsed(&found.unwrap())["customer"], *customer);
        }
    }
}

#[test]
fn customers_who_come_and_go_meanwhile_do_not_disturb_a_list() {
    let mut office = Office::new();
    for number in 0..50 {
        office.add(&format!("Customer {number}"), "a@b.c");
    }
    let there: Vec<Value> = office.model.values().rev().cloned().collect();
    for query in ["limit=7", "limit=7&q=customer", "limit=7&q=customer%20b"] {
        let mut coming = 0;
        let (listed, pages) = office.walk(query, |office| {
            coming += 1;
            office.add(&format!("Customer late {coming}"), "a@b.c");
        });
        assert_eq!(
            listed.len(),
            listed
                .iter()
                .map(|c| c["id"].to_string())
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        );
        assert!(there.iter().all(|customer| listed.contains(customer)), "{query}");
        assert!(pages >= 8);
    }
    // The one on which a page has ended goes away.
    let (page, next) = office.list("limit=10");
    let last = id(page[9]["id"].as_str().unwrap());
    office.directory.remove((Environment::Live, &last), office.now).unwrap();
    let (following, _) = office.list(&format!("limit=10&cursor={}", next.unwrap()));
    let whole: Vec<Value> = office.list("limit=100").0;
    assert_eq!(following, whole[9..19]);
}

#[test]
fn a_creation_under_a_key_is_made_once() {
    let office = Office::new();
    let acme = json!({"name": "Acme", "email": "ops@acme.com"});
    let first = office.create(1, Some("signup"), &acme).unwrap();
    let again = office.create(2, Some("signup"), &acme).unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.body, again.body);
    let other = json!({"name": "Acme", "email": "other@acme.com"});
    let failure = office.create(3, Some("signup"), &other).unwrap_err();
    assert_eq!(failure.error.code, Code::IdempotencyKeyReused);
    // Without a key each request makes one; the same request, delivered twice, does not.
    let plain = office.create(4, None, &acme).unwrap();
    assert_ne!(plain.body, first.body);
    assert_eq!(office.create(4, None, &acme).unwrap().body, plain.body);
    assert_eq!(office.list("").0.len(), 2);
    // A key whose customer was deleted makes no other.
    let made = id(parsed(&first)["customer"]["id"].as_str().unwrap());
    office.directory.remove((Environment::Live, &made), office.now).unwrap();
    let failure = office.create(5, Some("signup"), &acme).unwrap_err();
    assert_eq!(failure.error.code, Code::NotFound);
}

#[test]
fn a_failing_disk_leaves_a_record_as_it_was_or_as_it_is_to_be() {
    let mut failures = 0;
    for operations in 0..60 {
        let mut office = Office::new();
        let made = id(&office.add("Acme Corporation", "ops@acme.com"));
        let changes = Changes::parse(r#"{"name":"Zebra Limited","notes":"x"}"#).unwrap();
        office.disk.fail_after(operations);
        let updated = office.directory.update(&made, &changes, office.now);
        office.disk.heal();
        let name = parsed(&office.directory.customer(&made).unwrap())["customer"]["name"].take();
        let found = |search: &str| office.list(&format!("q={search}")).0.len();
        assert_eq!(
            (found("acme"), found("corp"), found("zebra")),
            match name.as_str() {
                Some("Acme Corporation") => (1, 1, 0),
                Some("Zebra Limited") => (1, 0, 1), // by the address
                other => panic!("{other:?}"),
            }
        );
        if let Err(failure) = updated {
            assert_eq!(failure.error.code, Code::InternalError);
            failures += 1;
        }
        office.disk.fail_after(operations);
        let removed = office.directory.remove((Environment::Live, &made), office.now);
        office.disk.heal();
        let left = office.list("q=acme").0.len();
        assert!(left <= 1 && (left == 0 || removed.is_err()), "{operations}: {left}");
        office.directory.remove((Environment::Live, &made), office.now).unwrap();
        assert_eq!(office.list("").0.len(), 0);
    }
    assert!((20..60).contains(&failures), "{failures}");
}

#[test]
fn who_comes_by_the_ledger_is_listed_and_can_be_given_a_name() {
    let mut town = Town::new(3, 1);
    for _ in 0..30 {
        town.call();
    }
    town.come_to_rest();
    let list = |town: &Town, query: &str| {
        let answer = town.directory.list(&Query::parse(query).unwrap()).unwrap();
        parsed(&answer)["customers"].as_array().unwrap().clone()
    };
    let everybody = list(&town, "");
    assert_eq!(everybody.len(), 3);
    assert!(everybody.iter().all(|customer| customer["name"].is_null()));
    let first = town.houses[0].owner.customer.clone();
    let changes = Changes::parse(r#"{"name":"Acme","email":"a@b.c"}"#).unwrap();
    town.directory.update(&first, &changes, town.now).unwrap();
    assert_eq!(list(&town, "q=acme")[0]["id"], first.as_str());
    // Once taken away, a report does not bring anybody back.
    town.directory.remove((Environment::Live, &first), town.now).unwrap();
    for _ in 0..30 {
        town.call();
    }
    town.come_to_rest();
    assert_eq!(list(&town, "").len(), 2);
    let early = CustomerId::parse("customer 9").unwrap();
    town.directory.remove((Environment::Live, &early), town.now).unwrap();
    assert_eq!(list(&town, "").len(), 2);
}

#[test]
fn who_is_deleted_before_their_first_report_is_not_listed_by_it() {
    let mut town = Town::new(2, 4);
    let first = town.houses[0].owner.customer.clone();
    town.directory.remove((Environment::Live, &first), town.now).unwrap();
    for _ in 0..30 {
        town.call();
    }
    town.come_to_rest();
    let reported = directory_store::customer(&town.disk, &first).unwrap();
    assert!(reported.is_some_and(|customer| customer.applied > 0), "what they used is counted");
    let answer = town.directory.list(&Query::parse("").unwrap()).unwrap();
    let listed = parsed(&answer)["customers"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_ne!(listed[0]["id"], first.as_str());
}

#[test]
fn a_directory_from_before_there_were_records_lists_its_customers() {
    let mut town = Town::new(4, 3);
    for _ in 0..40 {
        town.call();
    }
    town.come_to_rest();
    town.disk
        .raw(
            "DROP TABLE beginnings; DROP TABLE records; DROP TABLE gone; DROP TABLE adoption; \
             DROP TABLE catalog; DROP TABLE catalog_head; \
             DELETE FROM migrations WHERE version > 1",
        )
        .unwrap();
    // A read is enough.
    let old = Directory::new(town.disk.clone());
    let answer = old.list(&Query::parse("q=customer").unwrap()).unwrap();
    let listed = parsed(&answer)["customers"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 4);
    assert!(
        listed.windows(2).all(|two| two[0]["createdAt"].as_str() >= two[1]["createdAt"].as_str())
    );
}

#[test]
fn many_customers_from_before_are_adopted_some_at_a_time() {
    let mut town = Town::new(1, 3);
    town.call();
    town.come_to_rest();
    town.disk
        .raw(
            "DROP TABLE beginnings; DROP TABLE records; DROP TABLE gone; DROP TABLE adoption; \
             DROP TABLE catalog; DROP TABLE catalog_head; DELETE FROM migrations WHERE version > 1; \
             DELETE FROM customers; \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1230) \
             INSERT INTO customers SELECT 'old ' || i, 1, i, i FROM n",
        )
        .unwrap();
    let old = Directory::new(town.disk.clone());
    town.disk.statements();
    // Whoever is asked for is there at once.
    let customer = old.customer(&id("old 900")).unwrap();
    assert_eq!(parsed(&customer)["customer"]["id"], "old 900");
    let gone = id("old 901");
    old.remove((Environment::Live, &gone), town.now).unwrap();
    let mut requests = 0;
    while !old.adopted.get() {
        town.disk.statements();
        old.list(&Query::parse("limit=1").unwrap()).unwrap();
        let statements = town.disk.statements().len();
        assert!(statements < 2_500, "{statements} statements of one request");
        requests += 1;
    }
    assert_eq!(requests, 13);
    let mut listed = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let query = Query::parse(&format!("limit=100&cursor={cursor}")).unwrap();
        let page = parsed(&old.list(&query).unwrap());
        for customer in page["customers"].as_array().unwrap() {
            assert!(listed.insert(customer["id"].to_string()), "{customer}");
        }
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(listed.len(), 1_229);
    assert!(old.customer(&gone).is_err());
    // Those that start later do not look for any more of them.
    let later = Directory::new(town.disk.clone());
    town.disk.statements();
    later.list(&Query::parse("limit=1").unwrap()).unwrap();
    let looks = town.disk.statements();
    assert!(
        !looks.iter().any(|each| each.contains("FROM customers WHERE customer >")),
        "{looks:?}"
    );
}
