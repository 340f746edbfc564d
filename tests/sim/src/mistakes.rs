//! Known mistakes, of any world: built into the core or a shell, looked for seed by seed.

use std::thread;

/// A mistake, wherever it is: in the core, or in a shell or its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake<C, S> {
    Core(C),
    Shell(S),
}

impl<C: Copy, S: Copy> Mistake<C, S> {
    pub(crate) const fn core(self) -> Option<C> {
        match self {
            Self::Core(mutant) => Some(mutant),
            Self::Shell(_) => None,
        }
    }

    pub(crate) const fn shell(self) -> Option<S> {
        match self {
            Self::Shell(switch) => Some(switch),
            Self::Core(_) => None,
        }
    }
}

/// Where the search for a mistake begins, more than once: how many seeds it takes is chance.
const BASES: [u64; 3] = [1, 1_000_001, 2_000_001];

/// A mistake to look for.
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    /// By which law a seed fails with it, if it does.
    pub(crate) breaks: Box<dyn Fn(u64) -> Option<&'static str> + Sync>,
}

/// How a mistake was found.
pub(crate) struct Kill {
    /// Seeds that it took from each base.
    seeds: Vec<u64>,
    /// By which law at first.
    law: &'static str,
}

/// What came of the search for one.
pub(crate) struct Sought {
    pub(crate) name: &'static str,
    pub(crate) kill: Option<Kill>,
}

impl Sought {
    pub(crate) fn line(&self, most: u64) -> String {
        let name = self.name;
        match &self.kill {
            Some(Kill { seeds, law }) => {
                let median = seeds.get(seeds.len() / 2).copied().unwrap_or_default();
                format!(
                    "mutant {name:<40} {median:>5} seeds to kill (median of {seeds:?}), by {law}"
                )
            }
            None => format!("mutant {name:<40} LIVES after {most} seeds"),
        }
    }
}

/// Looks for each of them, on every processor.
pub(crate) fn search(wanted: &[Wanted], most: u64) -> Vec<Sought> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = wanted.len().div_ceil(threads).max(1);
    let sought = |wanted: &Wanted| Sought { name: wanted.name, kill: wanted.kill(most) };
    thread::scope(|scope| {
        let parts: Vec<_> = wanted
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(sought).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("a search ends")).collect()
    })
}

impl Wanted {
    /// Runs seeds with it until one fails, from each base; `None` if it ever survives them all.
    fn kill(&self, most: u64) -> Option<Kill> {
        let (mut seeds, mut first) = (Vec::new(), None);
        for base in BASES {
            let mut tries = (0..most).map(|index| (index + 1, (self.breaks)(base + index)));
            let (taken, law) = tries.find_map(|(taken, law)| Some((taken, law?)))?;
            seeds.push(taken);
            first.get_or_insert(law);
        }
        seeds.sort_unstable();
        Some(Kill { seeds, law: first? })
    }
}
