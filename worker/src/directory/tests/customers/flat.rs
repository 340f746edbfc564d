//! What lists cost: the same however many customers there are.

use edge_credits_core::customers::list::cursor;

use super::{Office, id};

/// What a page costs, in steps of SQLite's machine, with so many customers.
fn costs(customers: u64) -> Vec<(String, u64)> {
    let mut office = Office::new();
    for number in 0..customers {
        let name =
            format!("Customer {number:05} {}", if number % 50 == 7 { "Rare" } else { "Usual" });
        office.add(&name, &format!("user{number}@example.com"));
    }
    let middle = office.model.keys().nth(usize::try_from(customers).unwrap() / 2).copied().unwrap();
    let deep = cursor(middle);
    let someone = id(office.model[&middle]["id"].as_str().unwrap());
    let mut costs = Vec::new();
    let queries = [
        "limit=50".to_owned(),
        format!("limit=50&cursor={deep}"),
        "limit=50&q=u".to_owned(),
        "limit=50&q=cus".to_owned(),
        format!("limit=50&q=customer&cursor={deep}"),
        "limit=1&q=rare".to_owned(),
        "limit=20&q=customer%20example".to_owned(),
        "limit=2&q=customer%20rare".to_owned(),
        "limit=50&q=nobody%20customer".to_owned(),
        format!("q={}", someone.as_str()),
    ];
    office.disk.steps();
    for query in queries {
        office.list(&query);
        costs.push((query.split("&cursor").next().unwrap().to_owned(), office.disk.steps()));
    }
    office.directory.customer(&someone).unwrap();
    costs.push(("get".to_owned(), office.disk.steps()));
    costs
}

#[test]
fn pages_cost_the_same_however_many_customers_there_are() {
    let [few, many, most] = [200, 1_000, 5_000].map(costs);
    for ((few, many), most) in few.iter().zip(&many).zip(&most) {
        println!(
            "figure: {}: {} steps of 200, {} of 1 000, {} of 5 000",
            few.0, few.1, many.1, most.1
        );
        if few.0.contains("q=cus_") {
            continue; // Another customer, whose id is another.
        }
        assert!(most.1 <= few.1 + few.1 / 10 + 20, "{}: {} then {}", few.0, few.1, most.1);
    }
}

#[test]
fn lists_walk_an_index_and_sort_nothing() {
    let mut office = Office::new();
    office.add("Acme Corporation", "ops@acme.com");
    office.disk.statements();
    for query in ["", "q=ac", "q=ac%20co", "q=corporation"] {
        office.list(query);
    }
    for sql in office.disk.statements() {
        let plan = office.disk.plan(&sql);
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
