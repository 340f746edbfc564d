//! What happens next in a world: by its time, and at one instant in the order in which it was put in.

use std::collections::BTreeMap;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    events: BTreeMap<(u64, u64), E>,
    put: u64,
}

impl<E> Queue<E> {
    pub(crate) const fn new() -> Self {
        Self { events: BTreeMap::new(), put: 0 }
    }

    pub(crate) fn put(&mut self, at: u64, event: E) {
        self.put += 1;
        self.events.insert((at, self.put), event);
    }

    /// The next event until a time, and when it is.
    pub(crate) fn next(&mut self, until: u64) -> Option<(u64, E)> {
        let entry = self.events.first_entry().filter(|entry| entry.key().0 <= until)?;
        let ((at, _), event) = entry.remove_entry();
        Some((at, event))
    }

    /// Takes out those that are meant, in their order.
    pub(crate) fn take_out(&mut self, meant: impl Fn(&E) -> bool) -> Vec<E> {
        self.events.extract_if(.., |_, event| meant(event)).map(|(_, event)| event).collect()
    }

    pub(crate) fn retain(&mut self, stays: impl Fn(&E) -> bool) {
        self.events.retain(|_, event| stays(event));
    }
}
