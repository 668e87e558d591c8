//! The greeting daemon: a [`Handler`](hullo::Handler) that keeps one greeting session per connection.

mod counters;
mod greeter;
mod plan;
mod reload;
mod sockets;
mod workers;

pub use plan::{ServePlan, SocketPlan, StartError, Summary};
pub use reload::MakePlan;

use crate::signals::Signals;
use greeter::{Coordinator, Greeter, Reporter};
use hullo::Reactor;
use reload::Reloader;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use sockets::Sockets;
use std::sync::Arc;
use workers::Workers;

/// What a daemon has to do with besides the network.
pub struct Callbacks {
    /// Takes one line for each bound socket, and says how many of them went through. It must not wait for somebody who
    /// does not read.
    pub announce: fn(&[String]) -> usize,
    /// Takes the counters that are asked for by SIGUSR1. It must not wait for a reader.
    pub print: fn(&str),
    /// Is asked for a new plan on SIGHUP, on a thread of its own.
    pub reload: Arc<MakePlan>,
}

/// Runs the daemon until it is drained or stopped by a signal.
///
/// # Errors
///
/// When a socket cannot be bound, or the system has no descriptor for the loop itself. Nothing is left half open.
pub fn run(plan: ServePlan, callbacks: Callbacks) -> Result<Summary, StartError> {
    let mut reactor = Reactor::with_limits(plan.limits_per_reactor()).map_err(StartError::system)?;
    let signals = Signals::catch(reactor.net(), &[SIGTERM, SIGINT, SIGHUP, SIGUSR1]);
    let signals = signals.map_err(StartError::system)?;
    let mut sockets = Sockets::for_first_reactor();
    sockets.open(reactor.net(), &plan)?;
    let workers = Workers::start(&sockets.shared(reactor.net(), &plan), callbacks.print)?;
    let lines = sockets.announcements(reactor.net());
    // Whoever started us may not be listening; we are.
    let unread = lines.len() - (callbacks.announce)(&lines);
    if unread > 0 {
        log::warn!("{unread} of {} sockets could not be announced: nobody reads stdout", lines.len());
    }
    let reporter = Reporter { print: callbacks.print, number: (plan.reactors > 1).then_some(1) };
    let coordinator = Coordinator { signals, reload: Reloader::new(callbacks.reload), workers, grace: None };
    let mut greeter = Greeter::new(plan, sockets, reporter, Some(coordinator));
    let drained = reactor.run(&mut greeter);
    let others = greeter.join_workers(drained.is_err());
    let mut summary = greeter.summary(drained.map_err(StartError::system)?, reactor.net().stats());
    others.map_err(StartError::system)?.iter().for_each(|other| summary.add(other));
    Ok(summary)
}
