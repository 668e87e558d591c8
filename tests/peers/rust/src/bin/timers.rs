//! What setting and cancelling a timer costs while many others are pending: hullo's, against what a program keeps that has
//! no reactor. Prints nanoseconds for each set and each cancel.
//!
//! cargo run --release --bin timers -- hullo|heap|tree [PENDING]
//!
//! Deadlines are random within a minute, cancelled in random order; whoever sets a timer reads the clock for it.

use hullo::{Reactor, TimerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::time::{Duration, Instant};

const BATCH: usize = 1000;
const BATCHES: usize = 500;

trait Timers {
    type Id: Copy;
    fn set(&mut self, after: Duration) -> Self::Id;
    fn cancel(&mut self, id: Self::Id);
}

impl Timers for Reactor {
    type Id = TimerId;

    fn set(&mut self, after: Duration) -> TimerId {
        self.net().set_timer(after, 0)
    }

    fn cancel(&mut self, id: TimerId) {
        self.net().cancel_timer(id);
    }
}

/// A binary heap cannot give up an entry from its middle: cancelling only notes it, and when half of the heap is such
/// entries it is built again, as asyncio does.
#[derive(Default)]
struct Heap {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    cancelled: HashSet<u64>,
    next: u64,
}

impl Timers for Heap {
    type Id = u64;

    fn set(&mut self, after: Duration) -> u64 {
        self.next += 1;
        self.heap.push(Reverse((Instant::now() + after, self.next)));
        self.next
    }

    fn cancel(&mut self, id: u64) {
        self.cancelled.insert(id);
        if self.cancelled.len() > self.heap.len() / 2 {
            self.heap.retain(|Reverse((_, id))| !self.cancelled.remove(id));
        }
    }
}

#[derive(Default)]
struct Tree {
    tree: BTreeMap<(Instant, u64), u64>,
    next: u64,
}

impl Timers for Tree {
    type Id = (Instant, u64);

    fn set(&mut self, after: Duration) -> (Instant, u64) {
        self.next += 1;
        let id = (Instant::now() + after, self.next);
        self.tree.insert(id, 0);
        id
    }

    fn cancel(&mut self, id: (Instant, u64)) {
        self.tree.remove(&id);
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_default();
    let pending = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match which.as_str() {
        "hullo" => measure(Reactor::new()?, pending),
        "heap" => measure(Heap::default(), pending),
        "tree" => measure(Tree::default(), pending),
        _ => {
            eprintln!("usage: timers hullo|heap|tree [PENDING]");
            std::process::exit(2);
        }
    }
    Ok(())
}

fn measure<T: Timers>(mut timers: T, pending: usize) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..pending {
        timers.set(random.deadline());
    }
    let mut ids = Vec::with_capacity(BATCH);
    let (mut setting, mut cancelling) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..BATCHES {
        let deadlines: Vec<Duration> = (0..BATCH).map(|_| random.deadline()).collect();
        let start = Instant::now();
        ids.extend(deadlines.into_iter().map(|after| timers.set(after)));
        setting += start.elapsed();
        for i in (1..ids.len()).rev() {
            ids.swap(i, random.next() as usize % (i + 1));
        }
        let start = Instant::now();
        ids.drain(..).for_each(|id| timers.cancel(id));
        cancelling += start.elapsed();
    }
    let each = |all: Duration| all.as_nanos() as f64 / (BATCH * BATCHES) as f64;
    println!("set {:.1} cancel {:.1}", each(setting), each(cancelling));
}

/// Xorshift: the same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn deadline(&mut self) -> Duration {
        Duration::from_secs(1) + Duration::from_nanos(self.next() % 60_000_000_000)
    }
}
