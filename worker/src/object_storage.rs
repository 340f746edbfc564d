//! A Durable Object's storage, bound by hand.
//!
//! By hand for `transactionSync`: two statements of one event roll back together only inside it,
//! and the `worker` crate does not have it. Numbers cross as doubles, both ways, so that only whole
//! numbers within ±2^53 are let through; a boolean is never bound.

use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;
use js_sys::{Array, Promise, WebAssembly};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::State;
use worker::worker_sys::{SqlStorage, SqlStorageCursor};

use crate::host;
use crate::storage::{Row, Storage, StorageError};

/// The largest whole number up to which a double has no gaps: 2^53 − 1.
const MAX_EXACT: i64 = 9_007_199_254_740_991;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object)]
    type RawStorage;

    // The callback is typed synchronous: the runtime would accept an asynchronous one, and commit
    // before its first await.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &RawStorage,
        callback: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn sql(this: &RawStorage) -> SqlStorage;

    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    fn set_alarm(this: &RawStorage, scheduled_time: f64) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = deleteAlarm)]
    fn delete_alarm(this: &RawStorage) -> Result<Promise, JsValue>;
}

/// The storage of one object.
pub(crate) struct ObjectStorage {
    raw: RawStorage,
    sql: SqlStorage,
}

impl ObjectStorage {
    /// The storage of the object that `state` belongs to.
    pub(crate) fn of(state: &State) -> Self {
        let raw = js_sys::Reflect::get(state.as_raw(), &JsValue::from_str("storage"));
        let raw: RawStorage = raw.unwrap_or_default().unchecked_into();
        Self { sql: raw.sql(), raw }
    }

    fn run(&self, sql: &str, values: &[SqlValue]) -> Result<SqlStorageCursor, StorageError> {
        let bindings = Array::new();
        for value in values {
            bindings.push(&to_js(value)?);
        }
        self.sql.exec(sql, bindings).map_err(|thrown| failed(&thrown))
    }
}

impl Storage for ObjectStorage {
    fn query(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError> {
        let mut rows = Vec::new();
        for row in self.run(sql, values)?.raw().into_iter() {
            let row: Array = row.map_err(|thrown| failed(&thrown))?.unchecked_into();
            rows.push(row.iter().map(|value| from_js(&value)).collect::<Result<Row, _>>()?);
        }
        Ok(rows)
    }

    fn execute(&self, sql: &str, values: &[SqlValue]) -> Result<(), StorageError> {
        let cursor = self.run(sql, values)?;
        if values.is_empty() || cursor.rows_written() >= 1.0 {
            return Ok(());
        }
        Err(StorageError("a statement changed nothing".to_owned()))
    }

    fn set_alarm(&self, due: Option<Timestamp>) -> Result<(), StorageError> {
        // The promise need not be awaited: the change belongs to the transaction, and no answer
        // leaves the object before that is durable.
        let changed = match due {
            Some(time) => self.raw.set_alarm(exact(time.as_millis())?),
            None => self.raw.delete_alarm(),
        };
        changed.map(drop).map_err(|thrown| failed(&thrown))
    }

    fn transaction(
        &self,
        work: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut callback = || match work() {
            Ok(()) => Ok(JsValue::UNDEFINED),
            Err(StorageError(reason)) => Err(js_sys::Error::new(&reason).into()),
        };
        self.raw.transaction_sync(&mut callback).map(drop).map_err(|thrown| failed(&thrown))
    }
}

/// What was thrown, as an error. A trap is thrown on: it passed through JavaScript and would be
/// taken for an error here, while this instance's memory can no longer be trusted.
fn failed(thrown: &JsValue) -> StorageError {
    if thrown.is_instance_of::<WebAssembly::RuntimeError>() {
        wasm_bindgen::throw_val(thrown.clone());
    }
    StorageError(host::describe(thrown))
}

fn to_js(value: &SqlValue) -> Result<JsValue, StorageError> {
    Ok(match value {
        SqlValue::Null => JsValue::NULL,
        SqlValue::Integer(number) => JsValue::from_f64(exact(*number)?),
        SqlValue::Text(text) => JsValue::from_str(text),
    })
}

fn from_js(value: &JsValue) -> Result<SqlValue, StorageError> {
    if value.is_null() {
        return Ok(SqlValue::Null);
    }
    if let Some(text) = value.as_string() {
        return Ok(SqlValue::Text(text));
    }
    let number = value.as_f64().and_then(whole);
    number.map(SqlValue::Integer).ok_or_else(|| StorageError("a column is no number".to_owned()))
}

/// A whole number as a double, if no digit is lost.
#[expect(clippy::cast_precision_loss, reason = "checked to lose nothing")]
fn exact(number: i64) -> Result<f64, StorageError> {
    if number.unsigned_abs() <= MAX_EXACT.unsigned_abs() {
        return Ok(number as f64);
    }
    Err(StorageError("a number is beyond ±2^53".to_owned()))
}

/// A double as the whole number that it is, within ±2^53.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "compared back")]
fn whole(double: f64) -> Option<i64> {
    let number = double as i64;
    let same = number as f64 == double && number.unsigned_abs() <= MAX_EXACT.unsigned_abs();
    same.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_cross_exactly_or_not_at_all() {
        for number in [0, 1, -1, 8_000_000_000_000_000, MAX_EXACT, -MAX_EXACT] {
            assert_eq!(whole(exact(number).unwrap()), Some(number));
        }
        for number in [MAX_EXACT + 1, -MAX_EXACT - 1, i64::MAX, i64::MIN] {
            assert!(exact(number).is_err());
        }
        for double in [0.5, -1.25, f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0, 1e300] {
            assert_eq!(whole(double), None, "{double}");
        }
    }
}
