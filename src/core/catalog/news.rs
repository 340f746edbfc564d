//! When a catalog that was read may still be used, and when the directory is asked for news of it; and
//! likewise what else a directory tells now and then.
//!
//! Decides who asks, who waits for an answer, and for how long: an edit counts soon after it was made,
//! and a directory that is slow or away keeps no signal from being priced by the catalog that is known.
//! However many signals come, one question at a time is under way, and one that failed is not asked
//! again at once. Where the catalog is kept, and how it is asked for, is the shell's.

use core::time::Duration;

use crate::time::Timestamp;

/// When something that the directory keeps is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How old it may be and be used without a question.
    max_age: Duration,
    /// Where it is known, though older.
    news: Patience,
    /// Where it is not.
    first: Patience,
}

/// What a question may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience {
    /// How long it may take.
    limit: Duration,
    /// How long whoever asks waits for it. An answer takes milliseconds.
    wait: Duration,
    /// How long after one that failed the next may come.
    pause: Duration,
}

impl Pace {
    /// A catalog's: an edit takes five seconds to count everywhere, and a busy isolate asks a dozen times
    /// a minute. Without a catalog a signal waits well below the ten seconds after which clients give up.
    pub const CATALOG: Self = Self {
        max_age: Duration::from_secs(5),
        news: Patience {
            limit: Duration::from_secs(5),
            wait: Duration::from_millis(500),
            pause: Duration::from_secs(5),
        },
        first: Patience {
            limit: Duration::from_secs(3),
            wait: Duration::from_secs(3),
            pause: Duration::from_secs(1),
        },
    };

    /// That of a customer's name, for a page that is complete without it.
    pub const NAME: Self = Self {
        max_age: Duration::from_mins(5),
        news: Patience {
            limit: Duration::from_secs(5),
            wait: Duration::ZERO,
            pause: Duration::from_secs(30),
        },
        first: Patience {
            limit: Duration::from_secs(5),
            wait: Duration::from_millis(300),
            pause: Duration::from_secs(30),
        },
    };
}

/// How long after a question the next may be asked for the sake of a refusal.
const BETWEEN: Duration = Duration::from_secs(1);

/// What is known of when a catalog was read and asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// When it was last known to be the present one; `None`: never read.
    read_at: Option<Timestamp>,
    /// When that question was asked: what is older than this, it tells of.
    asked_at: Option<Timestamp>,
    /// The last question.
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    at: Timestamp,
    failed: bool,
}

/// What is to be done for a signal that needs the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on with what is known: the catalog, or that there is none.
    GoOn,
    /// Ask, for at most `limit`, and wait for it for at most `wait`.
    Ask {
        /// How long the question may take.
        limit: Duration,
        /// How long the signal waits for it.
        wait: Duration,
    },
    /// Somebody's question is under way: wait for it for at most this long.
    Wait(Duration),
}

impl News {
    /// What to do at `now`. A clock that steps back makes nothing younger.
    #[must_use]
    pub fn step(&self, now: Timestamp, pace: &Pace) -> Step {
        let since = |at: Timestamp| (at <= now).then(|| now.since(at));
        let Patience { limit, wait, pause } = match self.read_at {
            Some(at) if since(at).is_some_and(|age| age < pace.max_age) => return Step::GoOn,
            Some(_) => pace.news,
            None => pace.first,
        };
        let ask = Step::Ask { limit, wait };
        let Some(asked) = self.asked else { return ask };
        match since(asked.at) {
            Some(gone) if asked.failed && gone < pause => Step::GoOn,
            Some(gone) if !asked.failed && gone < wait => Step::Wait(wait.saturating_sub(gone)),
            Some(gone) if !asked.failed && gone < limit => Step::GoOn,
            // Also where the question ended with the request that asked it, and nobody heard of it.
            _ => ask,
        }
    }

    /// What to do at `now` before something that came at `arrived` is refused because the catalog does not
    /// know it: it may have been put in a moment ago, elsewhere. Only an answer to a question that was asked
    /// since then tells that. However many ask, it is one question a second.
    #[must_use]
    pub fn step_since(&self, arrived: Timestamp, now: Timestamp, pace: &Pace) -> Step {
        if self.asked_at.is_some_and(|asked| asked >= arrived) {
            return Step::GoOn;
        }
        let limit = pace.first.limit;
        let since = |at: Timestamp| (at <= now).then(|| now.since(at));
        let wait = match self.asked {
            // Its answer may be from before.
            Some(asked) if !asked.failed => {
                since(asked.at).and_then(|gone| limit.checked_sub(gone))
            }
            Some(asked) => since(asked.at).and_then(|gone| BETWEEN.checked_sub(gone)),
            None => self.asked_at.and_then(since).and_then(|gone| BETWEEN.checked_sub(gone)),
        };
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => Step::Wait(wait),
            None => Step::Ask { limit, wait: limit },
        }
    }

    /// A question is under way.
    pub fn ask(&mut self, now: Timestamp) {
        self.asked = Some(Asked { at: now, failed: false });
    }

    /// It was answered: what is known is the present catalog.
    pub fn answered(&mut self, now: Timestamp) {
        let asked_at = self.asked.map(|asked| asked.at);
        *self = Self { read_at: Some(now), asked_at, asked: None };
    }

    /// It was not answered, or by nothing that makes sense.
    pub fn failed(&mut self, now: Timestamp) {
        self.asked = Some(Asked { at: now, failed: true });
    }

    /// Whether nobody's question is under way any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.asked.is_none_or(|asked| asked.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    fn waits(step: Step) -> Duration {
        match step {
            Step::GoOn => Duration::ZERO,
            Step::Ask { wait, .. } | Step::Wait(wait) => wait,
        }
    }

    #[test]
    fn a_young_catalog_is_used_and_an_old_one_asked_about_by_one() {
        let mut news = News::default();
        news.answered(at(0));
        assert_eq!(news.step(at(4_999), &Pace::CATALOG), Step::GoOn);
        let Patience { limit, wait, .. } = Pace::CATALOG.news;
        let ask = Step::Ask { limit, wait };
        assert_eq!(news.step(at(5_000), &Pace::CATALOG), ask);
        assert_eq!(news.step(at(-1), &Pace::CATALOG), ask, "the clock stepped back");
        news.ask(at(5_000));
        assert_eq!(news.step(at(5_001), &Pace::CATALOG), Step::Wait(Duration::from_millis(499)));
        assert!(!news.is_settled());
        news.answered(at(5_020));
        assert_eq!((news.step(at(5_021), &Pace::CATALOG), news.is_settled()), (Step::GoOn, true));
    }

    /// A minute of a directory that never answers, with a signal every ten milliseconds.
    #[test]
    fn a_directory_that_hangs_holds_up_no_signal_for_long() {
        let mut news = News::default();
        news.answered(at(-5_000));
        let (mut asked, mut under_way, mut waited) = (0, None, 0);
        for now in (0..60_000).step_by(10) {
            if under_way.is_some_and(|until| until <= now) {
                news.failed(at(now));
                under_way = None;
            }
            let step = news.step(at(now), &Pace::CATALOG);
            assert!(waits(step) <= Pace::CATALOG.news.wait, "{step:?} at {now}");
            waited += u32::from(step != Step::GoOn);
            if let Step::Ask { limit, .. } = step {
                assert_eq!(under_way, None, "two questions at once");
                news.ask(at(now));
                asked += 1;
                under_way = Some(now + i64::try_from(limit.as_millis()).unwrap());
            }
        }
        // Each question takes five seconds to fail and is followed by five seconds of peace.
        assert_eq!((asked, waited), (6, 6 * 50));
    }

    #[test]
    fn a_failed_question_is_not_asked_again_at_once() {
        let mut news = News::default();
        news.answered(at(0));
        news.ask(at(6_000));
        news.failed(at(6_001));
        assert_eq!(news.step(at(11_000), &Pace::CATALOG), Step::GoOn);
        assert!(matches!(news.step(at(11_001), &Pace::CATALOG), Step::Ask { .. }));
    }

    #[test]
    fn without_a_catalog_one_asks_and_the_others_wait_for_it() {
        let mut news = News::default();
        let Patience { limit, wait, .. } = Pace::CATALOG.first;
        let ask = Step::Ask { limit, wait };
        assert_eq!(news.step(at(0), &Pace::CATALOG), ask);
        news.ask(at(0));
        assert_eq!(news.step(at(1_000), &Pace::CATALOG), Step::Wait(Duration::from_secs(2)));
        // The request that asked has ended, and nobody told of it.
        assert_eq!(news.step(at(3_000), &Pace::CATALOG), ask);
        news.failed(at(3_000));
        assert_eq!(news.step(at(3_999), &Pace::CATALOG), Step::GoOn);
        assert_eq!(news.step(at(4_000), &Pace::CATALOG), ask);
    }

    /// A refusal needs an answer to a question that was asked after what is refused came in.
    #[test]
    fn what_is_unknown_is_asked_about_before_it_is_refused() {
        let step =
            |news: &News, arrived, now| news.step_since(at(arrived), at(now), &Pace::CATALOG);
        let mut news = News::default();
        assert!(matches!(step(&news, 0, 0), Step::Ask { .. }));
        news.ask(at(0));
        news.answered(at(20));
        assert_eq!(news.step(at(1_000), &Pace::CATALOG), Step::GoOn);
        // One who came before the question is told by its answer; who came after it, by another's.
        assert_eq!(step(&news, 0, 30), Step::GoOn);
        assert_eq!(step(&news, 500, 500), Step::Wait(Duration::from_millis(500)));
        assert!(matches!(step(&news, 500, 1_000), Step::Ask { .. }));
        news.ask(at(1_000));
        // Many who came meanwhile wait for one question, and the late ones for the next.
        assert!(matches!(step(&news, 600, 1_001), Step::Wait(_)));
        news.answered(at(1_020));
        assert_eq!(step(&news, 600, 1_021), Step::GoOn);
        assert_eq!(step(&news, 1_010, 1_021), Step::Wait(Duration::from_millis(979)));
        // A failed one is no answer, and is not asked again at once.
        news.ask(at(3_000));
        news.failed(at(3_100));
        assert_eq!(step(&news, 2_900, 3_500), Step::Wait(Duration::from_millis(600)));
        assert!(matches!(step(&news, 2_900, 4_100), Step::Ask { .. }));
        // A question whose request has ended holds up nobody for ever.
        news.ask(at(5_000));
        assert!(matches!(step(&news, 5_001, 8_000), Step::Ask { .. }));
    }

    /// A minute of a directory that never answers, with a page every ten seconds.
    #[test]
    fn a_page_waits_for_a_name_once() {
        let (mut news, mut waited) = (News::default(), Duration::ZERO);
        for now in (0..60_000).step_by(10_000) {
            let step = news.step(at(now), &Pace::NAME);
            waited += waits(step);
            if let Step::Ask { limit, .. } = step {
                news.ask(at(now));
                news.failed(at(now + i64::try_from(limit.as_millis()).unwrap()));
            }
        }
        assert_eq!(waited, Duration::from_millis(600));
        // One that is known is shown at once, whatever its age.
        news.answered(at(60_000));
        assert_eq!(news.step(at(359_999), &Pace::NAME), Step::GoOn);
        assert_eq!(waits(news.step(at(360_000), &Pace::NAME)), Duration::ZERO);
    }
}
