//! Scripts: what callers might ask of one customer's ledger, in which order, and when.
//!
//! A step names amounts, charges and grants in relation to what is there when its turn comes (one
//! more than is available, the third charge so far), because a script of fixed numbers hardly ever
//! meets an edge. [`crate::pair`] makes commands of them.

use edge_credits_core::credits::MAX_MINOR_UNITS;
use edge_credits_core::ledger::{OnExpiry, Source, WhenShort};
use proptest::prelude::*;
use proptest::sample::Index;

/// The units of a script; two scales.
pub(crate) const UNITS: [&str; 3] = ["credits", "usd", "gpu"];

/// One step: time goes by, something is asked, and then somebody reads.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Milliseconds; negative where the clock is set back.
    pub(crate) wait: i64,
    pub(crate) act: Act,
    /// Which unit is read afterwards, and how much later (or earlier) by the reader's clock.
    pub(crate) read: (usize, i64),
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Call {
        key: Key,
        what: What,
    },
    /// An earlier command once more, other notes and all; a consume perhaps as the other kind.
    Again {
        earlier: Index,
        other_kind: bool,
    },
    Alarm,
    /// A change of a hold that moves no credits.
    Adjust {
        hold: Target,
        how: How,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum How {
    /// For so many milliseconds from now.
    Extend(u64),
    Progress {
        unit: Option<usize>,
        used: Amount,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Key {
    Fresh,
    /// The key of an earlier command, whatever that was.
    Of(Index),
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Consume {
        unit: usize,
        amount: Amount,
        when_short: WhenShort,
    },
    Debit {
        unit: usize,
        amount: Amount,
    },
    Grant {
        unit: usize,
        amount: Amount,
        source: Source,
        terms: Terms,
    },
    Refund {
        unit: Option<usize>,
        amount: Amount,
        of: Target,
    },
    Void {
        grant: Target,
    },
    /// For so many milliseconds.
    Hold {
        unit: usize,
        amount: Amount,
        ttl: u64,
        on_expiry: OnExpiry,
    },
    Capture {
        hold: Target,
        unit: Option<usize>,
        used: Option<Amount>,
    },
    Release {
        hold: Target,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) product: Option<bool>,
    pub(crate) priority: u16,
    /// Milliseconds from now.
    pub(crate) effective_in: Option<i64>,
    pub(crate) expires_in: Option<i64>,
}

/// An amount in minor units, brought into 1 ..= the largest when its turn comes.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    Of(i64),
    /// So much more than is available.
    Available(i64),
    /// So much more than the overdraft limit leaves; than the range leaves, without a limit.
    ToFloor(i64),
    /// So much more than the range of balances leaves.
    ToCeiling(i64),
    /// So much more than is left to refund.
    Refundable(i64),
    /// So much more than the hold reserves.
    Held(i64),
    Zero,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Charge(Index),
    Grant(Index),
    Hold(Index),
    /// Any entry, the ledger's own included.
    Entry(Index),
    Nothing,
}

/// Mostly small numbers, so that grants are shared and used up; sometimes an edge.
fn amount() -> impl Strategy<Value = Amount> {
    let near = -8_i64..=8;
    let edge = prop_oneof![
        (0_u32..53, near.clone()).prop_map(|(power, by)| (1_i64 << power) + by),
        (0_u32..16, near.clone()).prop_map(|(power, by)| 10_i64.pow(power) + by),
        near.clone().prop_map(|by| MAX_MINOR_UNITS + by),
    ];
    prop_oneof![
        10 => (1_i64..=30).prop_map(Amount::Of),
        2 => edge.prop_map(Amount::Of),
        3 => (-3_i64..=3).prop_map(Amount::Available),
        1 => (-3_i64..=3).prop_map(Amount::ToFloor),
    ]
}

fn granted() -> impl Strategy<Value = Amount> {
    prop_oneof![6 => amount(), 1 => (-3_i64..=3).prop_map(Amount::ToCeiling)]
}

fn refunded() -> impl Strategy<Value = Amount> {
    prop_oneof![
        4 => (1_i64..=10).prop_map(Amount::Of),
        1 => amount(),
        4 => (-5_i64..=0).prop_map(Amount::Refundable),
        1 => (1_i64..=3).prop_map(Amount::Refundable),
    ]
}

/// What may be used of a hold; nothing, too.
fn used() -> impl Strategy<Value = Amount> {
    prop_oneof![
        5 => (1_i64..=10).prop_map(Amount::Of),
        3 => (-5_i64..=0).prop_map(Amount::Held),
        1 => (1_i64..=3).prop_map(Amount::Held),
        1 => Just(Amount::Zero),
    ]
}

fn hold() -> impl Strategy<Value = Target> {
    prop_oneof![
        10 => any::<Index>().prop_map(Target::Hold),
        1 => any::<Index>().prop_map(Target::Entry),
        1 => Just(Target::Nothing),
    ]
}

fn about_holds() -> impl Strategy<Value = What> {
    let on_expiry = prop_oneof![
        2 => Just(OnExpiry::CaptureProgress),
        1 => Just(OnExpiry::Release),
        1 => Just(OnExpiry::CaptureAll),
    ];
    let other_unit = || prop_oneof![9 => Just(None), 1 => unit().prop_map(Some)];
    let some_used = prop_oneof![1 => Just(None), 3 => used().prop_map(Some)];
    let amount = prop_oneof![3 => (1_i64..=20).prop_map(Amount::Of), 1 => amount()];
    prop_oneof![
        6 => (unit(), amount, 1_u64..60, on_expiry)
            .prop_map(|(unit, amount, ttl, on_expiry)| What::Hold { unit, amount, ttl, on_expiry }),
        3 => (hold(), other_unit(), some_used)
            .prop_map(|(hold, unit, used)| What::Capture { hold, unit, used }),
        1 => hold().prop_map(|hold| What::Release { hold }),
    ]
}

fn how() -> impl Strategy<Value = How> {
    let unit = prop_oneof![9 => Just(None), 1 => unit().prop_map(Some)];
    prop_oneof![
        1 => (1_u64..60).prop_map(How::Extend),
        2 => (unit, used()).prop_map(|(unit, used)| How::Progress { unit, used }),
    ]
}

fn unit() -> impl Strategy<Value = usize> {
    prop_oneof![8 => Just(0), 2 => Just(1), 1 => Just(2)]
}

fn terms() -> impl Strategy<Value = Terms> {
    let priority = prop_oneof![3 => Just(100), 1 => Just(0), 1 => Just(99), 1 => Just(1_000)];
    let effective_in = prop_oneof![4 => Just(None), 2 => (0_i64..30).prop_map(Some),
        1 => (-20_i64..=0).prop_map(Some)];
    let expires_in = prop_oneof![3 => Just(None), 6 => (1_i64..60).prop_map(Some),
        1 => (-20_i64..=0).prop_map(Some)];
    (any::<Option<bool>>(), priority, effective_in, expires_in).prop_map(
        |(product, priority, effective_in, expires_in)| Terms {
            product,
            priority,
            effective_in,
            expires_in,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let when_short = prop_oneof![Just(WhenShort::Allow), Just(WhenShort::Reject)];
    let source = prop_oneof![
        3 => Just(Source::Topup),
        1 => Just(Source::Adjustment),
        1 => Just(Source::Refund),
    ];
    let charge = prop_oneof![
        10 => any::<Index>().prop_map(Target::Charge),
        1 => any::<Index>().prop_map(Target::Entry),
        1 => Just(Target::Nothing),
    ];
    let grant = prop_oneof![
        6 => any::<Index>().prop_map(Target::Grant),
        1 => any::<Index>().prop_map(Target::Entry),
        1 => Just(Target::Nothing),
    ];
    let charged_in = prop_oneof![9 => Just(None), 1 => unit().prop_map(Some)];
    prop_oneof![
        6 => (unit(), amount(), when_short)
            .prop_map(|(unit, amount, when_short)| What::Consume { unit, amount, when_short }),
        5 => (unit(), granted(), source, terms())
            .prop_map(|(unit, amount, source, terms)| What::Grant { unit, amount, source, terms }),
        1 => (unit(), amount()).prop_map(|(unit, amount)| What::Debit { unit, amount }),
        4 => (charged_in, refunded(), charge)
            .prop_map(|(unit, amount, of)| What::Refund { unit, amount, of }),
        1 => grant.prop_map(|grant| What::Void { grant }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let key = prop_oneof![12 => Just(Key::Fresh), 1 => any::<Index>().prop_map(Key::Of)];
    prop_oneof![
        14 => (key.clone(), what().boxed()).prop_map(|(key, what)| Act::Call { key, what }),
        6 => (key, about_holds().boxed()).prop_map(|(key, what)| Act::Call { key, what }),
        3 => (hold(), how()).prop_map(|(hold, how)| Act::Adjust { hold, how }),
        2 => (any::<Index>(), any::<bool>())
            .prop_map(|(earlier, other_kind)| Act::Again { earlier, other_kind }),
        1 => Just(Act::Alarm),
    ]
}

pub(crate) fn step() -> BoxedStrategy<Step> {
    let wait = prop_oneof![4 => Just(0_i64), 6 => 1_i64..10, 1 => 10_i64..80, 1 => -40_i64..0];
    let read = (unit(), prop_oneof![Just(0_i64), -20_i64..100]);
    (wait, act().boxed(), read).prop_map(|(wait, act, read)| Step { wait, act, read }).boxed()
}

/// The start of a script of a customer who is about to have too many grants: a charge that used a
/// grant up, and one whose overage a later grant has paid. Refunds of either open a grant again.
pub(crate) fn used_up() -> Vec<Step> {
    let terms = Terms { product: None, priority: 0, effective_in: None, expires_in: None };
    let grant = |amount| What::Grant {
        unit: 0,
        amount: Amount::Of(amount),
        source: Source::Topup,
        terms: terms.clone(),
    };
    let consume = |amount| What::Consume {
        unit: 0,
        amount: Amount::Of(amount),
        when_short: WhenShort::Allow,
    };
    let steps = [grant(5), consume(5), consume(7), grant(7)].into_iter();
    let step = |what| Step { wait: 1, act: Act::Call { key: Key::Fresh, what }, read: (0, 0) };
    steps.map(step).collect()
}

/// A step of that customer: mostly something that opens a grant.
pub(crate) fn opening_step() -> BoxedStrategy<Step> {
    let grant = (granted(), terms()).prop_map(|(amount, terms)| What::Grant {
        unit: 0,
        amount,
        source: Source::Topup,
        terms,
    });
    let refund = (refunded(), any::<Index>()).prop_map(|(amount, index)| What::Refund {
        unit: None,
        amount,
        of: Target::Charge(index),
    });
    let opening = prop_oneof![grant, refund].boxed();
    let opening = opening.prop_map(|what| Act::Call { key: Key::Fresh, what });
    let opening = opening.prop_map(|act| Step { wait: 1, act, read: (0, 0) });
    prop_oneof![2 => opening, 1 => step()].boxed()
}

/// What a deployment may have set: no limit, none below zero, or some.
pub(crate) fn overdraft_limit() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(0)),
        2 => (1_i64..40).prop_map(Some),
        1 => Just(Some(MAX_MINOR_UNITS)),
    ]
}
