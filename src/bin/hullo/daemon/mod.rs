//! The greeting daemon: a [`Handler`](hullo::Handler) that keeps one greeting session per connection.

mod counters;
mod greeter;
mod plan;
mod reload;
mod sockets;
mod workers;

pub use plan::{Plan, SocketPlan, StartError, Summary};
pub use reload::Prepare;

use crate::signals::Signals;
use greeter::{Greeter, Lead, Voice};
use hullo::Reactor;
use reload::Reload;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use sockets::Sockets;
use std::sync::Arc;
use workers::Crew;

/// What a daemon has to do with besides the network.
pub struct Outside {
    /// Takes one line for each bound socket, and says how many of them went through. It must not wait for somebody who
    /// does not read.
    pub announce: fn(&[String]) -> usize,
    /// Takes the counters that are asked for by SIGUSR1. It must not wait for a reader.
    pub say: fn(&str),
    /// Is asked for a new plan on SIGHUP, on a thread of its own.
    pub reload: Arc<Prepare>,
}

/// Runs the daemon until it is drained or stopped by a signal.
///
/// # Errors
///
/// When a socket cannot be bound, or the system has no descriptor for the loop itself. Nothing is left half open.
pub fn run(plan: Plan, outside: Outside) -> Result<Summary, StartError> {
    let mut reactor = Reactor::with_limits(plan.limits_of_one()).map_err(StartError::system)?;
    let signals = Signals::catch(reactor.net(), &[SIGTERM, SIGINT, SIGHUP, SIGUSR1]);
    let signals = signals.map_err(StartError::system)?;
    let mut sockets = Sockets::of_the_first();
    sockets.open(reactor.net(), &plan)?;
    let crew = Crew::start(&sockets.shared(reactor.net(), &plan), outside.say)?;
    let lines = sockets.announcements(reactor.net());
    // Whoever started us may not be listening; we are.
    let unread = lines.len() - (outside.announce)(&lines);
    if unread > 0 {
        log::warn!("{unread} of {} sockets could not be announced: nobody reads stdout", lines.len());
    }
    let voice = Voice { say: outside.say, number: (plan.reactors > 1).then_some(1) };
    let lead = Lead { signals, reload: Reload::new(outside.reload), crew, grace: None };
    let mut greeter = Greeter::new(plan, sockets, voice, Some(lead));
    let drained = reactor.run(&mut greeter);
    let others = greeter.dismiss(drained.is_err());
    let mut summary = greeter.summary(drained.map_err(StartError::system)?, reactor.net().stats());
    others.map_err(StartError::system)?.iter().for_each(|other| summary.add(other));
    Ok(summary)
}
