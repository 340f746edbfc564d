//! The catalog on its disk: from the list of public prices to the last edit, whatever fails.

use edge_credits_core::catalog::{Catalog, Edit, Section, parse_entry};
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::Code;

use crate::directory::Directory;
use crate::respond::Failure;
use crate::storage::sqlite::Sqlite;

const NOW: Timestamp = Timestamp::from_millis(super::town::START);

fn put(body: &str) -> Edit {
    Edit::Put(parse_entry(Section::Models, body).unwrap())
}

fn model(id: &str, price: u32) -> Edit {
    put(&format!(r#"{{"modelId":"{id}","inputPrice":{price},"outputPrice":{price}}}"#))
}

fn remove(id: &str) -> Edit {
    Edit::Remove(Section::Models, id.to_owned())
}

fn edit(directory: &Directory<Sqlite>, edit: &Edit) -> Result<Catalog, Failure> {
    directory.edit_catalog(Environment::Live, NOW, edit)
}

#[test]
fn before_its_first_edit_it_is_the_public_list_and_nothing_is_written() {
    let disk = Sqlite::new();
    let directory = Directory::new(disk.clone());
    assert_eq!(directory.catalog().unwrap(), Catalog::seed());
    assert_eq!(directory.catalog_version().unwrap(), Catalog::seed().version());
    let refused = edit(&directory, &remove("no-such-model")).unwrap_err();
    assert_eq!(refused.error.code, Code::NotFound);
    assert!(disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
}

#[test]
fn edits_add_up_over_restarts() {
    let disk = Sqlite::new();
    let edits =
        [model("Mine", 1), remove("gpt-5-mini"), model("mine", 2), model("x", 3), remove("X")];
    let mut expected = Catalog::seed();
    for change in &edits {
        expected = expected.edited(change).unwrap();
        let directory = Directory::new(disk.clone());
        assert_eq!(edit(&directory, change).unwrap(), expected);
        assert_eq!(Directory::new(disk.clone()).catalog().unwrap(), expected);
        assert_eq!(Directory::new(disk.clone()).catalog_version().unwrap(), expected.version());
    }
    assert_eq!(expected.edits(), 5);
    assert!(expected.model("gpt-5-mini").is_none() && expected.model("x").is_none());
    assert_eq!(expected.model("MINE").unwrap().prices.input.nano_usd(), 2_000_000_000);
}

/// Every place where the storage can fail during the first edit, which writes the whole list, and
/// during a later one: the edit is made or not, and made again afterwards by its repeat.
#[test]
fn a_failing_disk_makes_an_edit_or_does_not() {
    for prepared in [false, true] {
        let mut failures = 0;
        for operations in 0.. {
            let disk = Sqlite::new();
            if prepared {
                edit(&Directory::new(disk.clone()), &model("a", 1)).unwrap();
            }
            let before = Directory::new(disk.clone()).catalog().unwrap();
            let directory = Directory::new(disk.clone());
            disk.fail_after(operations);
            let outcome = edit(&directory, &model("b", 2));
            disk.heal();
            let Err(failure) = outcome else { break };
            failures += 1;
            assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
            assert_eq!(directory.catalog().unwrap(), before, "after {operations}");
            let after = edit(&directory, &model("b", 2)).unwrap();
            assert_eq!(Directory::new(disk.clone()).catalog().unwrap(), after);
        }
        let least = if prepared { 5 } else { 50 };
        assert!(failures >= least, "only {failures} places failed");
    }
}

#[test]
fn rows_that_make_no_sense_are_no_prices() {
    for damage in [
        "UPDATE catalog SET body = '{}' WHERE key = 'a'",
        "UPDATE catalog SET body = replace(body, '\"inputPrice\":1', '\"inputPrice\":-1') WHERE key = 'a'",
        "UPDATE catalog SET section = 'outcomes' WHERE key = 'a'",
    ] {
        let disk = Sqlite::new();
        edit(&Directory::new(disk.clone()), &model("a", 1)).unwrap();
        disk.raw(damage).unwrap();
        let refused = Directory::new(disk).catalog().unwrap_err();
        assert_eq!(refused.error.code, Code::InvariantViolation, "{damage}");
    }
}

/// The version is what isolates compare, and what entries name: a directory that is restored to an
/// earlier state and edited otherwise never gives one to two contents.
#[test]
fn a_restored_directory_gives_no_version_again() {
    let restored = |price| {
        let disk = Sqlite::new();
        edit(&Directory::new(disk.clone()), &model("a", 1)).unwrap();
        edit(&Directory::new(disk.clone()), &model("b", price)).unwrap();
        Directory::new(disk).catalog_version().unwrap()
    };
    assert_eq!(restored(2), restored(2));
    assert_ne!(restored(2), restored(3));
}

/// A catalog that was last edited before versions named a content gets such a version by being asked
/// for, once, and what was read of it then costs no more than before.
#[test]
fn older_catalogs_get_a_version_that_names_their_content() {
    let disk = Sqlite::new();
    let expected = edit(&Directory::new(disk.clone()), &model("a", 1)).unwrap();
    disk.raw(
        "ALTER TABLE catalog_head DROP COLUMN digest; DELETE FROM migrations WHERE version > 3",
    )
    .unwrap();
    let directory = Directory::new(disk.clone());
    assert_eq!(directory.catalog_version().unwrap(), expected.version());
    disk.statements();
    assert_eq!(Directory::new(disk.clone()).catalog_version().unwrap(), expected.version());
    assert!(
        !disk
            .statements()
            .iter()
            .any(|sql| sql.contains("FROM catalog ") || sql.starts_with("UPDATE"))
    );
    assert_eq!(Directory::new(disk).catalog().unwrap(), expected);
}

/// A directory from before there was a catalog has its tables brought up by the first edit.
#[test]
fn older_directories_gain_it() {
    let disk = Sqlite::new();
    edit(&Directory::new(disk.clone()), &model("a", 1)).unwrap();
    disk.raw(
        "DROP TABLE beginnings; DROP TABLE records; DROP TABLE gone; DROP TABLE adoption; DROP TABLE catalog; DROP TABLE catalog_head; DELETE FROM migrations WHERE version > 1",
    )
    .unwrap();
    let directory = Directory::new(disk.clone());
    assert_eq!(directory.catalog().unwrap(), Catalog::seed());
    edit(&directory, &model("b", 1)).unwrap();
    assert!(Directory::new(disk).catalog().unwrap().model("b").is_some());
}
