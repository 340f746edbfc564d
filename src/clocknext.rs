//! The functions that the facade of ClockNext calls: check its options ([`signal_options`]), write a
//! [`signal`] down, find the [`pace`] of a buffer, [`ask`] the API, read the [`verdict`] on one signal of a batch.
//!
//! They decide nothing and keep nothing: the signals that wait are the facade's. They are a module of
//! their own, so that who charges credits and reports no signals does not pay for them.

use edge_credits_core::client::clocknext::answer;
use edge_credits_core::client::clocknext::buffer::{self, Backlog, Next, Server};
use edge_credits_core::client::clocknext::call::{Ask, AskInput};
use edge_credits_core::client::clocknext::config::{FaceConfig, FaceOptions};
use edge_credits_core::client::clocknext::exchange::Conversation;
use edge_credits_core::client::clocknext::signal::{Signal, SignalInput};
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::{Event, Step};
use edge_credits_core::entropy::Entropy;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::reading::Said;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;

use crate::converse::{converse, promise};
use crate::fields::{Fields, url_parts};
use crate::host::{self, Line, now};
use crate::json::ParsedObject;
use crate::panic;
use crate::throw::{no_entropy, thrown};

#[wasm_bindgen]
extern "C" {
    /// What a call may use of its host: a plain object that the facade has made.
    pub type FaceHost;
    #[wasm_bindgen(method, getter)]
    fn fetcher(this: &FaceHost) -> Option<JsValue>;
    #[wasm_bindgen(method, getter, js_name = onPanic)]
    fn on_panic(this: &FaceHost) -> Function;
    #[wasm_bindgen(method, getter)]
    fn watch(this: &FaceHost) -> Function;
}

type Checked<T> = Result<T, Box<ClientError>>;

/// Checks the options of a client: what the facade keeps of them, as JSON text.
///
/// # Errors
/// `[facts, cause]`, see [`crate::throw`].
#[wasm_bindgen(js_name = signalOptions)]
pub fn signal_options(options: JsValue) -> Result<String, JsValue> {
    config(options).map(|config| config.to_json()).map_err(|error| thrown(&error, None))
}

/// Checks a signal and writes it down: `[type, idempotency key, body, its bytes]`.
///
/// # Errors
/// `[facts, cause]` when it is refused.
#[wasm_bindgen]
pub fn signal(input: JsValue) -> Result<Array, JsValue> {
    let signal = Signal::new(&signal_input(&Fields(input)), entropy)
        .map_err(|error| thrown(&error, None))?;
    let bytes = JsValue::from_f64(signal.body.len() as f64);
    Ok(Array::of4(&signal.kind.into(), &signal.key.into(), &signal.body.into(), &bytes))
}

/// Why one more signal is not taken, while so many wait.
#[wasm_bindgen]
pub fn refusal(waiting: u32, most: u32) -> Option<String> {
    buffer::refusal(waiting.into(), most.into()).map(str::to_owned)
}

/// What a buffer does next: `["send", signals, bytes at most]`, `["wait", milliseconds or
/// undefined]`, `["expire"]` or `["rest"]`.
#[wasm_bindgen]
pub fn pace(facts: JsValue) -> Array {
    let now = now();
    let (word, figure) = match backlog(&Fields(facts)).next(now) {
        Next::Send(signals) => ("send", Some(signals)),
        Next::Wait(until) => ("wait", until.map(|until| until.since(now).as_millis() as u64)),
        Next::Expire => ("expire", None),
        Next::Rest => ("rest", None),
    };
    let figure = figure.map_or(JsValue::UNDEFINED, |figure| JsValue::from_f64(figure as f64));
    Array::of3(&word.into(), &figure, &JsValue::from_f64(buffer::MAX_BATCH_BYTES as f64))
}

/// Performs a call: the promise of `[body as JSON text, whether its payload is "result"]`. After each
/// attempt `watch` is told whether the server is ours (undefined without an answer) and, before a
/// pause, the facts of it.
///
/// # Errors
/// `[facts, cause]` when the arguments are refused; nothing is sent then.
#[wasm_bindgen]
pub fn ask(options: JsValue, call: JsValue, host: &FaceHost) -> Result<Promise, JsValue> {
    panic::report_to(host.on_panic());
    let call = Fields(call);
    let begin = || -> Checked<Conversation> {
        let config = config(options)?;
        let ask = Ask::new(&ask_input(&call))?;
        let deadline = call.count("deadline").map(instant);
        Ok(Conversation::new(&config, ask, deadline, &entropy()?))
    };
    let conversation = begin().map_err(|error| thrown(&error, None))?;
    let line = Line::of(host.fetcher());
    Ok(promise(Box::pin(perform(conversation, line, host.watch()))))
}

/// What the answer of a batch says of one of its signals: undefined when it was delivered, else the
/// facts of its error, as JSON text.
#[wasm_bindgen]
pub fn verdict(item: JsValue, key: String) -> Option<String> {
    let item = ParsedObject::of(item);
    let status = item.as_ref().map_or(0, |item| item.number_of("statusCode"));
    let said = Said::in_envelope(item.as_ref());
    if answer::succeeded(status, &said) {
        return None;
    }
    let mut error = answer::error_of(status, said, "");
    error.idempotency_key = Some(key);
    error.attempts = 1;
    Some(error.to_json())
}

async fn perform(
    mut conversation: Conversation,
    line: Line,
    watch: Function,
) -> Result<JsValue, JsValue> {
    let first = conversation.start(now());
    let mut on = |event: Event| {
        let ours = match &event {
            Event::Response(response, _) => {
                Some(JsValue::from(response.header("x-edge-credits").is_some()))
            }
            Event::Failed { .. } => Some(JsValue::UNDEFINED),
            Event::Woke => None,
        };
        let now = now();
        let step = conversation.on(now, event);
        let pause = match &step {
            Step::Sleep { until } => JsValue::from(conversation.pause(now, *until)),
            _ => JsValue::UNDEFINED,
        };
        if let Some(ours) = ours {
            // The facade's; it does not throw.
            let _ = watch.call2(&JsValue::UNDEFINED, &ours, &pause);
        }
        step
    };
    let (outcome, cause) = converse(&line, first, &mut on).await;
    match outcome {
        Ok(success) => {
            let enveloped = success.said.is_some_and(|said| said.enveloped);
            Ok(Array::of2(&success.body.into(), &enveloped.into()).into())
        }
        Err(error) => Err(thrown(&error, cause)),
    }
}

fn entropy() -> Checked<Entropy> {
    host::random_bytes().map(Entropy::new).map_err(|_| no_entropy())
}

fn instant(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis as i64)
}

fn config(options: JsValue) -> Result<FaceConfig, Box<ClientError>> {
    let options = Fields(options);
    FaceConfig::new(FaceOptions {
        api_key: options.text("apiKey"),
        base_url: options.object("baseUrl").map(|url| url_parts(&url)),
        mode: options.text("mode"),
        timeout_ms: options.count("timeoutMs"),
        max_size: options.count("maxSize"),
        max_interval_ms: options.count("maxIntervalMs"),
        max_concurrency: options.count("maxConcurrency"),
        max_queue_size: options.count("maxQueueSize"),
        max_attempts: options.count("maxAttempts"),
        base_delay_ms: options.count("baseDelayMs"),
        max_delay_ms: options.count("maxDelayMs"),
        browser: options.flag("browser").unwrap_or_default(),
        allow_browser: options.flag("allowBrowser").unwrap_or_default(),
    })
}

fn signal_input(given: &Fields) -> SignalInput {
    SignalInput {
        kind: given.text("type"),
        customer_id: given.text("customerId"),
        model: given.text("model"),
        key: given.text("key"),
        agent_key: given.text("agentKey"),
        run_id: given.text("runId"),
        complete: given.flag("complete"),
        member: given.text("member"),
        custom: given.text("custom"),
        idempotency_key: given.text("idempotencyKey"),
        dry_run: given.flag("dryRun").unwrap_or_default(),
        input_tokens: given.count("inputTokens"),
        output_tokens: given.count("outputTokens"),
        cache_tokens: given.count("cacheTokens"),
        metric_ref: given.text("metricRef"),
        metric_value: given.text("metricValue"),
    }
}

fn ask_input(given: &Fields) -> AskInput {
    AskInput {
        method: given.required("method"),
        customer_id: given.text("customerId"),
        body: given.text("body"),
        key: given.text("key"),
        limit: given.text("limit"),
        q: given.text("q"),
        cursor: given.text("cursor"),
        range: given.text("range"),
    }
}

fn backlog(facts: &Fields) -> Backlog {
    let count = |name| facts.count(name).unwrap_or_default();
    Backlog {
        waiting: count("waiting"),
        sending: count("sending"),
        since: instant(count("since")),
        flushing: facts.flag("flushing").unwrap_or_default(),
        tried: facts.flag("tried").unwrap_or_default(),
        deadline: facts.count("deadline").map(instant),
        server: match facts.flag("ours") {
            None => Server::Unknown,
            Some(true) => Server::Ours,
            Some(false) => Server::Other,
        },
        max_size: count("maxSize"),
        max_interval_ms: count("maxIntervalMs"),
        max_concurrency: count("maxConcurrency"),
    }
}
