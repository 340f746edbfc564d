//! The options of a meter, judged, and how much is held for its call before it is made.
//!
//! A hold that is too large keeps a customer from calling twice at once; one that is too small has to be
//! followed by another while the stream runs. Neither changes what is paid.

use alloc::boxed::Box;

use crate::client::arguments::RawAmount;
use crate::client::checks::{self, Sign};
use crate::client::error::ClientError;
use crate::credits::Credits;
use crate::meter::counting::MAX_TOKENS;
use crate::meter::numbers::{KINDS, Meter, at, credits};
use crate::pricing::Rate;

/// The output that is presumed of a call that names no limit and whose customer is not known.
pub const PRESUMED_OUTPUT: i64 = 4_096;

/// So many calls of a customer must have been seen before a hold is sized by them.
pub const MIN_LEARNED: i64 = 3;

/// What a million tokens of each kind cost, and what the call does whatever it uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// By kind.
    pub kinds: [Rate; KINDS],
    /// Besides.
    pub base: Rate,
}

/// The amounts that a caller may name, in this order. First what a million tokens of each kind cost: input
/// and output must be named, the cache is priced as input and reasoning as output where they are not; none
/// of these where a list has said it.
/// `hold` is what a hold that was placed before holds.
pub const AMOUNTS: [&str; 9] = [
    "price.input",
    "price.cacheRead",
    "price.cacheWrite",
    "price.output",
    "price.reasoning",
    "hold",
    "hold.amount",
    "hold.cap",
    "progressEvery",
];

impl Meter {
    /// A meter, and what is to be held before the call is made; nothing where the caller has. `listed` is what
    /// a list says of its price, and `amount` gives what was named of [`AMOUNTS`]. `call` is what else is known, below 0 where it is not: tokens of
    /// the input, most tokens of output, how many of the customer's recent calls there are to go by, and
    /// what the dearest of them has cost in minor units.
    ///
    /// # Errors
    /// An argument that is no amount.
    pub fn open(
        unit: Option<&str>,
        listed: Option<Rates>,
        amount: &mut dyn FnMut(usize) -> Option<RawAmount>,
        call: [i64; 4],
    ) -> Result<(Self, Option<Credits>), Box<ClientError>> {
        let scale = checks::unit(unit)?;
        let mut amounts = [None; AMOUNTS.len()];
        for (index, (place, name)) in amounts.iter_mut().zip(AMOUNTS).enumerate() {
            let Some(raw) = amount(index) else { continue };
            let sign = if index < KINDS { Sign::NotNegative } else { Sign::Positive };
            *place = Some(checks::named_amount(name, &raw, scale, sign)?.minor_units());
        }
        let [input, cache_read, cache_write, output, reasoning, held, wanted, cap, step] = amounts;
        let named = || {
            let (input, output) = input.zip(output)?;
            let [cache_read, cache_write] = [cache_read, cache_write].map(|it| it.unwrap_or(input));
            let kinds = [input, cache_read, cache_write, output, reasoning.unwrap_or(output)];
            let kinds = kinds.map(|minor_units| Rate { minor_units, millionths: 0 });
            Some(Rates { kinds, base: Rate::default() })
        };
        let Rates { kinds, base } = listed.or_else(named).ok_or_else(|| {
            ClientError::argument("invalid_amount", "price", "needs input and output")
        })?;
        let mut meter = Self::default();
        meter.set(at::DECIMALS, i64::from(scale.decimals()));
        for (index, rate) in kinds.into_iter().enumerate() {
            meter.set(at::RATES + index, rate.minor_units);
            meter.set(at::FINE + index, rate.millionths);
        }
        meter.set(at::BASE, base.minor_units);
        meter.set(at::FINE + KINDS, base.millionths);
        let [presumed, ..] = call;
        meter.set(at::PRESUMED, presumed.clamp(0, MAX_TOKENS));
        let first = held.unwrap_or_else(|| meter.first_hold(call, wanted, cap));
        meter.set(at::STEP, step.unwrap_or(0));
        meter.add_hold(credits(first));
        meter.lay(0);
        Ok((meter, held.is_none().then(|| credits(first))))
    }

    /// What is held first: what was asked for; else half as much again as the dearest of the recent
    /// calls, if there are enough of them, and no more than the worst case of this call, if one is known;
    /// else that worst case. Never more than the cap, and never nothing.
    fn first_hold(&self, call: [i64; 4], wanted: Option<i64>, cap: Option<i64>) -> i64 {
        let [_, max_output, known_calls, dearest] = call;
        let is_limited = max_output >= 0;
        let worst = self.worst_case(if is_limited { max_output } else { PRESUMED_OUTPUT });
        let learned = dearest.saturating_add(dearest / 2);
        let sized = match wanted {
            Some(amount) => amount,
            None if known_calls < MIN_LEARNED => worst,
            None if is_limited => learned.min(worst),
            None => learned,
        };
        sized.min(cap.unwrap_or(sized)).max(1)
    }

    /// The most that the call can cost with so much output, whatever kinds its tokens turn out to be.
    fn worst_case(&self, output: i64) -> i64 {
        let rate = |kind| self.rate(kind);
        let input = rate(0).max(rate(1)).max(rate(2));
        let parts = [(self.get(at::PRESUMED), input), (output, rate(3).max(rate(4)))];
        self.price(&parts).minor_units()
    }
}
