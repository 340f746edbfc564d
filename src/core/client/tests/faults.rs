//! Calls against a ledger behind a faulty network, checked against what the ledger really did.
//!
//! Each attempt meets a fault drawn at random; requests may also arrive after the client has given
//! up, when the customer has topped up in the meantime. Whatever happens, the outcome must be true.

use super::*;
use crate::error::Effect;
use proptest::prelude::*;
use std::vec;

/// What befalls one attempt.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The request never arrives.
    Lost,
    /// Carried out, and the answer is lost.
    AnswerLost,
    /// Arrives only after the call has ended.
    Delayed,
    /// A proxy's error before the ledger, and one after it.
    Refused(u16),
    Mangled(u16),
    /// Carried out, and the answer is cut off.
    Cut,
    /// Never left this machine.
    NotSent,
    /// The server asks to wait so many seconds.
    Busy(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Lost),
        1 => Just(Fault::AnswerLost),
        2 => Just(Fault::Delayed),
        1 => prop::sample::select(vec![429, 425, 401]).prop_map(Fault::Refused),
        1 => prop::sample::select(vec![500, 502, 503, 504, 408, 520]).prop_map(Fault::Mangled),
        1 => Just(Fault::Cut),
        1 => Just(Fault::NotSent),
        1 => (0_u64..100).prop_map(Fault::Busy),
    ]
}

/// A ledger of one customer: the first applied call of a key is remembered, refusals are not.
#[derive(Default)]
struct Ledger {
    balance: i64,
    applied: Vec<String>,
}

impl Ledger {
    fn judge(&mut self, request: &Request) -> Event {
        let key = key_of(request);
        let replayed = self.applied.contains(&key);
        if !replayed {
            if self.balance < 5 {
                return answer(402, &error_body("insufficient_credits"));
            }
            self.balance -= 5;
            self.applied.push(key);
        }
        answer(200, &format!(r#"{{"balance":{},"replayed":{replayed}}}"#, self.balance))
    }
}

fn key_of(request: &Request) -> String {
    let header = request.headers.iter().find(|(name, _)| *name == "idempotency-key");
    header.map(|(_, value)| value.clone()).unwrap()
}

fn meets(fault: Fault, ledger: &mut Ledger, request: &Request, late: &mut Vec<Request>) -> Event {
    match fault {
        Fault::None => ledger.judge(request),
        Fault::Lost => failed(Failure::Timeout),
        Fault::AnswerLost => {
            let _ = ledger.judge(request);
            failed(Failure::Network)
        }
        Fault::Delayed => {
            late.push(request.clone());
            failed(Failure::Timeout)
        }
        Fault::Refused(status) => answer(status, "<html>"),
        Fault::Mangled(status) => {
            let _ = ledger.judge(request);
            answer(status, "<html>")
        }
        Fault::Cut => match ledger.judge(request) {
            Event::Response(response, _) if response.status == 200 => answer(200, r#"{"balance":"#),
            other => other,
        },
        Fault::NotSent => Event::Failed { sent: false, failure: Failure::Network },
        Fault::Busy(seconds) => {
            answer_with(503, &[("retry-after", &seconds.to_string())], &error_body("busy"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_outcome_is_true(
        faults in proptest::collection::vec((fault(), 0_u64..12_000), 11),
        balance in prop_oneof![Just(0_i64), Just(5), Just(100)],
        retries in 0_u32..=10,
        entropy in proptest::array::uniform16(0_u8..),
    ) {
        let config = config(&format!(r#"{{"maxRetries":{retries},"retryBudget":false}}"#));
        let mut world = World::new(&config);
        let mut ledger = Ledger { balance, applied: Vec::new() };
        let mut late = Vec::new();
        let arguments = arguments(r#"{"customerId":"c","amount":5}"#);
        let entropy = Entropy::new(entropy);
        let call =
            Call::new(&config, ApiMethod::ConsumeOrFail, &arguments, &entropy, None).unwrap();
        let outcome = world.perform(&config, call, |request, attempt| {
            let (fault, latency) = faults[attempt];
            // An answer that comes after the attempt's timeout was still given.
            (Duration::from_millis(latency), meets(fault, &mut ledger, request, &mut late))
        });
        let applied_in_time = ledger.applied.len();
        ledger.balance += 100;
        for request in late {
            let _ = ledger.judge(&request);
        }

        let attempts = u32::try_from(world.sent.len()).unwrap();
        prop_assert!((1..=retries + 1).contains(&attempts));
        prop_assert!(world.elapsed() <= config.deadline);
        prop_assert!(world.sent.iter().all(|request| *request == world.sent[0]));
        prop_assert!(ledger.applied.len() <= 1);
        match outcome {
            Ok(success) => {
                prop_assert_eq!(applied_in_time, 1);
                prop_assert_eq!(success.attempts, attempts);
                prop_assert_eq!(success.idempotency_key, Some(key_of(&world.sent[0])));
            }
            Err(error) => {
                prop_assert_eq!(error.attempts, attempts);
                prop_assert_ne!(error.effect, Effect::Applied);
                if error.effect == Effect::NotApplied {
                    prop_assert_eq!(ledger.applied.len(), 0, "{}", error.message);
                }
            }
        }
    }
}
