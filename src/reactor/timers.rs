//! Deadlines: set, cancel, due.
//!
//! A four-ary heap of (deadline, slot), and for each timer a slot that knows its place in the heap, so that
//! cancelling takes the timer out at once. The root is the next deadline.
//!
//! **I10** Timers never fire early, cancel frees, periodic ones skip missed ticks, and only the monotonic clock
//! counts. Guards: `timers_never_fire_early` in `tests/reactor/turns.rs`, and the tests below.

use crate::reactor::slots::{Key, Slots};
use std::time::Duration;

/// Nanoseconds on the monotonic clock: half the size of an `Instant`, and one word to compare.
pub(crate) type Tick = u64;

/// A duration in ticks, of at most 146 years, so that a sum with the clock cannot overflow.
#[inline]
pub(crate) fn ticks(duration: Duration) -> Tick {
    let ticks =
        duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into());
    ticks.min(Tick::MAX / 4)
}

/// What a due timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The handler's own, with its key.
    User(u64),
    /// Look at this stream: stalled, or done lingering.
    Stream(Key),
    /// Look for streams that were silent for too long.
    Idle,
    /// Go on with this dial: the next address, or the end of its time.
    Dial(Key),
    /// Serve this listener or datagram socket again.
    Serve(Key),
    /// Cut what the drain has left.
    Drain,
}

struct Timer {
    purpose: Purpose,
    /// Zero for a timer that fires once.
    period: Tick,
    place: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Tick,
    key: Key,
}

/// Every timer of a reactor.
pub(crate) struct Timers {
    slots: Slots<Timer>,
    heap: Vec<Entry>,
    /// The deadline at the root, beside the heap: every turn asks for it.
    next: Tick,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        // Timers take the upper half of the generations, so that a timer's id given as a connection's names nothing.
        Timers { slots: Slots::after(1 << 39), heap: Vec::new(), next: Tick::MAX }
    }

    /// `None` when there are 16.7 million timers already.
    pub(crate) fn set(&mut self, deadline: Tick, period: Tick, purpose: Purpose) -> Option<Key> {
        let place = self.heap.len() as u32;
        let key = self.slots.insert(Timer { purpose, period, place })?;
        self.heap.push(Entry { deadline, key });
        self.sift_up(place as usize);
        self.look_at_root();
        Some(key)
    }

    /// Whether the timer was still pending.
    pub(crate) fn cancel(&mut self, key: Key) -> bool {
        let Some(timer) = self.slots.remove(key) else { return false };
        self.take_out(timer.place as usize);
        self.look_at_root();
        true
    }

    /// Moves a pending timer to another deadline.
    pub(crate) fn reset(&mut self, key: Key, deadline: Tick) {
        let Some(timer) = self.slots.get(key) else { return };
        let place = timer.place as usize;
        let before = std::mem::replace(&mut self.heap[place].deadline, deadline);
        if deadline < before {
            self.sift_up(place);
        } else {
            self.sift_down(place);
        }
        self.look_at_root();
    }

    #[inline]
    pub(crate) fn deadline(&self, key: Key) -> Option<Tick> {
        self.slots.get(key).map(|timer| self.heap[timer.place as usize].deadline)
    }

    /// The earliest deadline; `Tick::MAX` where there is none.
    #[inline]
    pub(crate) fn next(&self) -> Tick {
        self.next
    }

    /// Takes out the earliest timer if its deadline is `by` then or earlier. A periodic one stays, its deadline moved to
    /// the first multiple of its period after `now`: ticks that were missed are skipped, and the phase is kept.
    pub(crate) fn due(&mut self, by: Tick, now: Tick) -> Option<(Key, Purpose)> {
        let &Entry { deadline, key } = self.heap.first().filter(|entry| entry.deadline <= by)?;
        let timer = self.slots.get(key)?;
        let (purpose, period) = (timer.purpose, timer.period);
        match (now - deadline).checked_div(period) {
            Some(missed) => self.reset(key, deadline.saturating_add((missed + 1).saturating_mul(period))),
            None => drop(self.cancel(key)),
        }
        Some((key, purpose))
    }

    fn look_at_root(&mut self) {
        self.next = self.heap.first().map_or(Tick::MAX, |entry| entry.deadline);
    }

    fn take_out(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            // The entry from the end may belong above or below the gap it fills.
            self.sift_up(place);
            self.sift_down(place);
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 4;
            if self.heap[parent].deadline <= entry.deadline {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sift_down(&mut self, mut place: usize) {
        let entry = self.heap[place];
        loop {
            let first = 4 * place + 1;
            let children = first..(first + 4).min(self.heap.len());
            let Some(child) = children.min_by_key(|&child| self.heap[child].deadline) else { break };
            if entry.deadline <= self.heap[child].deadline {
                break;
            }
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: Entry) {
        self.heap[place] = entry;
        if let Some(timer) = self.slots.get_mut(entry.key) {
            timer.place = place as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fired(timers: &mut Timers, now: Tick) -> Vec<u64> {
        std::iter::from_fn(|| timers.due(now, now))
            .map(|(_, purpose)| match purpose {
                Purpose::User(key) => key,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn nothing_is_due_before_its_deadline() {
        let mut timers = Timers::new();
        timers.set(10, 0, Purpose::User(1)).unwrap();
        assert!(fired(&mut timers, 9).is_empty());
        assert_eq!(fired(&mut timers, 10), [1]);
        assert_eq!(timers.next(), Tick::MAX);
    }

    #[test]
    fn a_cancelled_timer_leaves_nothing_behind() {
        let mut timers = Timers::new();
        let keys: Vec<Key> = (0..100).map(|n| timers.set(n, 0, Purpose::User(n)).unwrap()).collect();
        for &key in &keys {
            assert!(timers.cancel(key));
            assert!(!timers.cancel(key));
        }
        assert_eq!((timers.heap.len(), timers.slots.len()), (0, 0));
    }

    #[test]
    fn a_periodic_timer_skips_missed_ticks_and_keeps_its_phase() {
        let mut timers = Timers::new();
        let key = timers.set(10, 10, Purpose::User(7)).unwrap();
        assert_eq!(fired(&mut timers, 10), [7]);
        assert_eq!(fired(&mut timers, 57), [7], "20, 30, 40 and 50 are one");
        assert_eq!(timers.deadline(key), Some(60));
        assert!(timers.cancel(key));
    }

    proptest! {
        #[test]
        fn whatever_is_set_moved_or_cancelled_comes_due_in_order(
            steps in prop::collection::vec((0u8..4, 0u64..50, 0usize..64), 1..200)
        ) {
            let mut timers = Timers::new();
            let mut model: Vec<(Key, u64)> = Vec::new();
            for (what, deadline, pick) in steps {
                match what {
                    0 | 1 => {
                        let key = timers.set(deadline, 0, Purpose::User(0)).unwrap();
                        model.push((key, deadline));
                    }
                    2 if !model.is_empty() => {
                        let (key, _) = model.swap_remove(pick % model.len());
                        prop_assert!(timers.cancel(key));
                    }
                    _ if !model.is_empty() => {
                        let at = pick % model.len();
                        model[at].1 = deadline;
                        timers.reset(model[at].0, deadline);
                    }
                    _ => {}
                }
                let earliest = model.iter().map(|&(_, deadline)| deadline).min();
                prop_assert_eq!(timers.next(), earliest.unwrap_or(Tick::MAX));
            }
            for now in 0..50 {
                while let Some((key, _)) = timers.due(now, now) {
                    let at = model.iter().position(|&(known, _)| known == key).unwrap();
                    prop_assert_eq!(model.swap_remove(at).1, now);
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}
