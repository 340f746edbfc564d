//! The ledger's alarm: writes what is due, folds its entries into days, and reports them.
//!
//! The core says when ([`Pace`]) and what ([`Report`]); here is the order. The next alarm is set before
//! anything is sent, so an attempt that ends anywhere, with the process or without, is followed by
//! another. Nothing is awaited but the directory's answer; charges come in between, and find the ledger
//! as they would without it.

use core::future::Future;

use edge_credits_core::analytics::pace::Pace;
use edge_credits_core::analytics::report::{MAX_REPORT_ENTRIES, Report, read_applied};
use edge_credits_core::analytics::rollup::fold;
use edge_credits_core::analytics::tally::{Lines, gather};
use edge_credits_core::entropy::Jitter;
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{AlarmIntent, settle};
use edge_credits_core::time::Timestamp;

use super::{Fault, Ledger, Loaded};
use crate::storage::Storage;
use crate::store::{self, StoreError, in_transaction, sooner};
use crate::{rollup_store, schema};

/// Slices of entries that one alarm folds, and reports: 10,000 entries, some tenths of a second. What
/// is left then waits for the next alarm, so that no alarm runs for minutes.
const SLICES: u32 = 20;

/// What the alarm needs of the runtime around the ledger.
pub(crate) trait Outward {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// What spreads pauses.
    fn jitter(&self) -> Jitter;
    /// Sends a report to the directory and returns its answer's body; a sentence for the log where
    /// there is none.
    fn report(&self, report: &Report) -> impl Future<Output = Result<String, String>>;
    /// A line in the log, of what nobody waits for.
    fn log(&self, line: &str);
}

impl<S: Storage> Ledger<S> {
    /// Takes the alarm: late, early or twice makes no difference.
    ///
    /// What fails on the way is logged and tried again after a pause: folding keeps nothing from being
    /// reported, and a fault that stays does not ring every second.
    ///
    /// # Errors
    /// A sentence for the log when the storage takes not even an alarm, or not what is due; the
    /// runtime then fires the alarm again. Never because of the directory.
    pub(crate) async fn alarm(&self, outward: &impl Outward) -> Result<(), String> {
        let Some(owner) = self.wake(outward.now(), &mut outward.jitter())? else { return Ok(()) };
        let folded = self.fold(&owner, outward.now());
        let told = self.tell(&owner, outward).await;
        let faults = [folded.err(), told.as_ref().err().cloned()];
        for reason in faults.iter().flatten() {
            outward.log(&format!("the ledger's sums wait for its next alarm: {reason}"));
        }
        if faults.iter().any(Option::is_some) {
            return self.set_back(&owner, outward.now(), &mut outward.jitter());
        }
        self.setback.take();
        match told {
            Ok(true) => self.rest(&owner, outward.now()),
            _ => Ok(()),
        }
    }

    /// Reports what there is to tell; whether the directory took it. When it did not, the alarm is
    /// set for the next attempt.
    async fn tell(&self, owner: &Owner, outward: &impl Outward) -> Result<bool, String> {
        for _ in 0..SLICES {
            let Some(report) = self.next_report(owner, outward.now())? else { break };
            let answer = outward.report(&report).await;
            let applied = answer.and_then(|body| {
                read_applied(&body).ok_or_else(|| "its answer was none of a directory".to_owned())
            });
            match applied {
                Ok(applied) => {
                    if self.reported(owner, outward.now(), applied)? {
                        outward.log(&ahead(applied, report.through));
                    }
                }
                Err(reason) => {
                    outward.log(&format!("the directory did not take a report: {reason}"));
                    self.not_reported(owner, outward.now(), &mut outward.jitter())?;
                    return Ok(false);
                }
            }
            if report.through - report.after < u64::from(MAX_REPORT_ENTRIES) {
                break;
            }
        }
        Ok(true)
    }

    /// Writes what is due, and sets the alarm for the case that this one comes to nothing. `None` is
    /// a ledger with nothing to work off.
    ///
    /// # Errors
    /// As for [`Ledger::alarm`].
    pub(crate) fn wake(
        &self,
        now: Timestamp,
        jitter: &mut Jitter,
    ) -> Result<Option<Owner>, String> {
        let Some(owner) = self.stored_owner().map_err(|error| in_words(error.into()))? else {
            return Ok(None);
        };
        let works = self.work(&owner, now, |loaded| {
            let mut writes = settle(&loaded.account, now)?;
            let mut after = loaded.account.clone();
            after.apply(&writes);
            let last = after.sequence();
            let works = loaded.pace.reports(last, &self.config) || loaded.pace.folds(last);
            loaded.pace.armed = works.then(|| loaded.pace.fallback(now, jitter));
            writes.alarm = AlarmIntent::Keep;
            if writes.is_empty() {
                // The alarm is spent by firing, but what it is for is as it was.
                self.ring(loaded, now)?;
                return Ok(works);
            }
            writes.alarm = after.rearm();
            self.commit(loaded, now, &writes)?;
            Ok(works)
        })?;
        Ok(works.then_some(owner))
    }

    /// Folds the entries, as far as there is reason to.
    fn fold(&self, owner: &Owner, now: Timestamp) -> Result<(), String> {
        for _ in 0..SLICES {
            if !self.fold_slice(owner, now)? {
                break;
            }
        }
        Ok(())
    }

    /// Folds the next slice, if there is reason to; whether there may be another.
    fn fold_slice(&self, owner: &Owner, now: Timestamp) -> Result<bool, String> {
        self.work(owner, now, |loaded| {
            if !loaded.pace.folds(loaded.account.sequence()) {
                return Ok(false);
            }
            let facts = rollup_store::facts(&self.storage, loaded.pace.folded, MAX_REPORT_ENTRIES)?;
            let folded = facts.last().ok_or(StoreError::Corrupt)?.sequence;
            let mut lines = Lines::new();
            gather(&mut lines, &facts);
            let rollup = fold(&lines, rollup_store::known(&self.storage, &lines)?);
            let pace = Pace { folded, ..loaded.pace };
            in_transaction(&self.storage, || {
                rollup_store::add(&self.storage, &rollup)?;
                rollup_store::set_pace(&self.storage, &pace)
            })?;
            loaded.pace = pace;
            Ok(true)
        })
    }

    /// What is to be told next.
    ///
    /// # Errors
    /// As for [`Ledger::alarm`].
    pub(crate) fn next_report(
        &self,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<Option<Report>, String> {
        self.work(owner, now, |loaded| {
            let after = loaded.pace.reported;
            if !loaded.pace.reports(loaded.account.sequence(), &self.config) {
                return Ok(None);
            }
            let facts = rollup_store::facts(&self.storage, after, MAX_REPORT_ENTRIES)?;
            let report = Report::of(loaded.account.owner().clone(), after, &facts);
            report.map(Some).ok_or(Fault::Store(StoreError::Corrupt))
        })
    }

    /// Takes note of what the directory has applied; whether that is more than there is.
    ///
    /// # Errors
    /// As for [`Ledger::alarm`].
    pub(crate) fn reported(
        &self,
        owner: &Owner,
        now: Timestamp,
        applied: u64,
    ) -> Result<bool, String> {
        self.work(owner, now, |loaded| {
            let mut pace = loaded.pace;
            let ahead = pace.answered(applied, loaded.account.sequence());
            if pace != loaded.pace {
                rollup_store::set_pace(&self.storage, &pace)?;
                loaded.pace = pace;
            }
            Ok(ahead)
        })
    }

    /// Takes note that the directory has not answered, and when it is tried again: a pause from now,
    /// after however long it was waited for.
    fn not_reported(
        &self,
        owner: &Owner,
        now: Timestamp,
        jitter: &mut Jitter,
    ) -> Result<(), String> {
        self.work(owner, now, |loaded| {
            let mut pace = loaded.pace;
            let retry_at = pace.next_try(now, jitter);
            pace.not_answered(retry_at);
            pace.armed = Some(retry_at);
            in_transaction(&self.storage, || {
                rollup_store::set_pace(&self.storage, &pace)?;
                let due = sooner(loaded.account.next_due(), pace.armed);
                Ok(store::ring(&self.storage, due, now)?)
            })?;
            loaded.pace = pace;
            Ok(())
        })
    }

    /// The alarm's end: whatever has come in meanwhile waits for others, as after any charge.
    ///
    /// # Errors
    /// As for [`Ledger::alarm`].
    pub(crate) fn rest(&self, owner: &Owner, now: Timestamp) -> Result<(), String> {
        self.work(owner, now, |loaded| {
            loaded.pace.armed = None;
            loaded.pace.armed = loaded.pace.arm(loaded.account.sequence(), now, &self.config);
            self.ring(loaded, now)
        })
    }

    /// The alarm's end when the ledger's own side failed: it is left alone for a while, and so is a
    /// directory that did not answer.
    fn set_back(&self, owner: &Owner, now: Timestamp, jitter: &mut Jitter) -> Result<(), String> {
        let (setback, until) = self.setback.get().another(now, jitter);
        self.setback.set(setback);
        self.work(owner, now, |loaded| {
            loaded.pace.armed = loaded.pace.retry_at.max(Some(until));
            self.ring(loaded, now)
        })
    }

    /// Sets the alarm for whatever it is to stand for.
    fn ring(&self, loaded: &Loaded, now: Timestamp) -> Result<(), Fault> {
        let due = sooner(loaded.account.next_due(), loaded.pace.armed);
        Ok(store::ring(&self.storage, due, now)?)
    }

    fn work<T>(
        &self,
        owner: &Owner,
        now: Timestamp,
        step: impl FnOnce(&mut Loaded) -> Result<T, Fault>,
    ) -> Result<T, String> {
        self.step(owner, now, step).map_err(in_words)
    }

    fn stored_owner(&self) -> Result<Option<Owner>, StoreError> {
        if schema::version(&self.storage)? == 0 {
            return Ok(None);
        }
        store::owner(&self.storage).map(Some)
    }
}

fn ahead(applied: u64, last: u64) -> String {
    format!(
        "the directory has counted {applied} entries of this ledger, which has {last}: the ledger was \
         restored to an earlier time. The sums over all customers keep what it had then, and its \
         entries up to number {applied} are not counted."
    )
}

fn in_words(fault: Fault) -> String {
    fault.reason().unwrap_or_else(|| "the ledger refused".to_owned())
}
