//! What a metered stream may have been charged, once every hold has ended:
//!
//! * S1: a hold that ended by its own rule was charged what its stream was told had been written, at
//!   least, and what it had reported, at most; never the whole hold for being a hold.
//! * S2: a stream that settled was charged what it used, to the minor unit, in however many parts; unless a
//!   hold had expired meanwhile, of which more had been reported, by an estimate that was too high.
//! * S3: no stream is charged more than was ever counted as used.
//! * S4: of a stream that died, what had been passed on is a step ahead of what was charged at most, or
//!   the one part that was passed last; unless that was passed although an answer was wanting.
//!
//! They go by what the stream said and heard, and not by the auditor's books of what was kept.

use core::mem;

use edge_credits_core::ids::TransactionId;
use edge_credits_core::ledger::HoldState;

use super::faults::Edge;
use super::streams::{At, Part, Stream};
use super::world::World;

impl World {
    /// S1 to S4, once every hold has ended.
    pub(super) fn streams_were_charged(&mut self) {
        let streams = mem::take(&mut self.streams);
        for (number, stream) in streams.iter().enumerate() {
            if let Err((law, what)) = self.judge_stream(stream) {
                return self.auditor.fail(law, format!("stream {number}: {what}: {stream:?}"));
            }
        }
    }

    fn judge_stream(&mut self, stream: &Stream) -> Result<(), (&'static str, String)> {
        let books = &self.auditor.customers[stream.customer].books;
        let end = |id: &TransactionId| {
            let placed = books.ids.get(id)?;
            books.holds.get(placed)?.ended
        };
        let mut met = Vec::new();
        for Part { id, told, heard } in &stream.parts {
            match end(id) {
                Some((HoldState::Expired, captured)) => {
                    if captured < *heard || captured > *told {
                        let what = format!("{id:?} was charged {captured}");
                        return Err(("S1", what));
                    }
                    if stream.at == At::Dead && captured > 0 {
                        met.push(Edge::StreamDied);
                    }
                }
                Some(_) => {}
                None => return Err(("S1", format!("{id:?} has not ended"))),
            }
        }
        let held: i128 = stream.asked.iter().filter_map(end).map(|(_, captured)| captured).sum();
        let charge = |id: &TransactionId| books.charged(id);
        let charged = held + stream.besides.iter().map(charge).sum::<i128>();
        let (used, most) = (stream.used(), stream.most.max(stream.used()));
        if charged > most {
            return Err(("S3", format!("{charged} were charged of {most} used at most")));
        }
        // Whoever takes a customer away gives back what is held, also if it dies before the end of that.
        let is_sure = stream.at == At::Dead && stream.is_sure && !books.leaving;
        if is_sure && stream.passed - charged > stream.ahead {
            let (passed, ahead) = (stream.passed, stream.ahead);
            let what =
                format!("{charged} were charged of {passed} passed on, {ahead} ahead at most");
            return Err(("S4", what));
        }
        if stream.at == At::Settled {
            let expired = |part: &Part| matches!(end(&part.id), Some((HoldState::Expired, _)));
            let is_kept = charged > used && stream.parts.iter().any(expired);
            if charged != used && !is_kept {
                return Err(("S2", format!("{charged} were charged, not {used}")));
            }
            met.push(Edge::StreamSettled);
        }
        met.into_iter().for_each(|edge| self.auditor.met(edge));
        Ok(())
    }
}
