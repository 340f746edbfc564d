//! The two functions by which the facade meters a call.
//!
//! The core's meter lives in the facade, as numbers: here they become the core's, and its again.

use edge_credits_core::client::{error::ClientError, quote};
use edge_credits_core::credits::Credits;
use edge_credits_core::meter::{Meter, NUMBERS, Rates};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::client::objects;
use crate::convert;
use crate::json::ParsedObject;
use crate::throw::thrown;

/// Makes a meter in `numbers`, and says what to hold first, as decimal text; undefined where the caller
/// has placed a hold. In the first of the numbers is what is known of the call (`Meter::open`);
/// `amounts` are the core's `AMOUNTS`, absent ones undefined. `listed` names a model instead of its prices, of
/// the list that is `models` or else the public one.
///
/// # Errors
/// `[facts, cause]` when an option is refused.
#[wasm_bindgen(js_name = meterOpen)]
pub fn meter_open(
    numbers: &mut [f64],
    unit: Option<String>,
    amounts: Array,
    listed: JsValue,
    models: Option<Array>,
) -> Result<JsValue, JsValue> {
    let [input, max_output, known_calls, dearest, ..] = read(numbers).0;
    let mut amount = |index| convert::amount(amounts.get(u32::try_from(index).unwrap_or(u32::MAX)));
    let call = [input, max_output, known_calls, dearest];
    let unit = unit.as_deref();
    let opened = rates(unit, listed, models)
        .and_then(|listed| Meter::open(unit, listed, &mut amount, call))
        .map_err(|error| thrown(&error, None));
    opened.map(|(meter, first)| written(&meter, numbers, first))
}

fn rates(
    unit: Option<&str>,
    listed: JsValue,
    models: Option<Array>,
) -> Result<Option<Rates>, Box<ClientError>> {
    let Some(asked) = ParsedObject::of(listed) else { return Ok(None) };
    let models = models.map(|models| objects(&models));
    quote::rates(&asked, models.as_deref(), unit).map(Some)
}

/// Asks a meter (`Meter::ask`). Gives the amount that it answers as decimal text, or undefined.
#[wasm_bindgen(js_name = meterAsk)]
pub fn meter_ask(numbers: &mut [f64], question: u32) -> JsValue {
    let mut meter = read(numbers);
    let answer = meter.ask(question);
    written(&meter, numbers, answer)
}

fn read(numbers: &[f64]) -> Meter {
    let mut meter = Meter([0; NUMBERS]);
    // The facade's numbers are whole.
    meter.0.iter_mut().zip(numbers).for_each(|(place, number)| *place = *number as i64);
    meter
}

fn written(meter: &Meter, numbers: &mut [f64], answer: Option<Credits>) -> JsValue {
    // Each is below 2^53.
    numbers.iter_mut().zip(meter.0).for_each(|(place, number)| *place = number as f64);
    let text = answer.map(|amount| amount.decimal(meter.scale()).to_string());
    text.map_or(JsValue::UNDEFINED, |text| JsValue::from_str(&text))
}
