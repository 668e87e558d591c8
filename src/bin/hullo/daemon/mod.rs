//! The greeting daemon: a [`Handler`](hullo::Handler) that keeps one greeting session per connection.

mod counters;
mod greeter;
mod message;
mod plan;
mod reload;
mod sockets;
mod start_error;
mod summary;
mod workers;

pub use plan::{ServePlan, SocketPlan, TlsPlan};
pub use reload::MakePlan;
pub use start_error::StartError;
pub use summary::Summary;

use crate::signals::Signals;
use counters::Reporter;
use greeter::{Coordinator, Greeter};
use hullo::Reactor;
use reload::Reloader;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use sockets::Sockets;
use std::sync::Arc;
use workers::Workers;

/// What the daemon asks of the rest of the program.
pub struct Callbacks {
    /// Prints one line for each bound socket, and returns how many of the lines were taken. It must not wait for a reader.
    pub announce: fn(&[String]) -> usize,
    /// Prints the counters that SIGUSR1 asks for. It must not wait for a reader.
    pub print: fn(&str),
    /// Makes the new plan that SIGHUP asks for, on a thread of its own.
    pub make_plan: Arc<MakePlan>,
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
    let unread = lines.len() - (callbacks.announce)(&lines);
    if unread > 0 {
        log::warn!("{unread} of {} sockets could not be announced: nobody reads stdout", lines.len());
    }
    let reporter = Reporter { print: callbacks.print, number: (plan.reactors > 1).then_some(1) };
    let coordinator =
        Coordinator { signals, reloader: Reloader::new(callbacks.make_plan), workers, grace_timer: None };
    let mut greeter = Greeter::new(plan, sockets, reporter, Some(coordinator));
    let drained = reactor.run(&mut greeter);
    let others = greeter.join_workers(drained.is_err());
    let mut summary = greeter.summary(drained.map_err(StartError::system)?, reactor.net().stats());
    others.map_err(StartError::system)?.iter().for_each(|other| summary.add(other));
    Ok(summary)
}
