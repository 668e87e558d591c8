//! Sets and cancels timers, for `tests/gate/run` to count: `gate_timers ROUNDS`.
//!
//! A thousand timers are pending at all times; each round sets one more, a step later than the one before, and cancels
//! the oldest.

use hullo::{ConnId, Handler, Net, Reactor};
use std::collections::VecDeque;
use std::time::Duration;

struct Nobody;

impl Handler for Nobody {
    fn data(&mut self, _: &mut Net, _: ConnId, _: &[u8]) {}
}

fn main() -> std::io::Result<()> {
    let rounds: u64 = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
    let mut reactor = Reactor::new()?;
    let hour = Duration::from_secs(3600);
    let mut pending: VecDeque<_> = (0..1000).map(|key| reactor.net().set_timer(hour, key)).collect();
    reactor.turn(&mut Nobody, Some(Duration::ZERO))?;
    let net = reactor.net();
    for round in 0..rounds {
        pending.push_back(net.set_timer(hour + Duration::from_micros(round), round));
        if let Some(oldest) = pending.pop_front() {
            net.cancel_timer(oldest);
        }
    }
    Ok(())
}
