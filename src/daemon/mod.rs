//! The greeting daemon: a [`Handler`](crate::Handler) that keeps one greeting session per connection.

mod crew;
mod greeter;
mod plan;
mod sockets;

pub use plan::{Plan, SocketPlan, StartError, Summary};

use crate::Reactor;
use crate::signals::Signals;
use crew::Crew;
use greeter::{Greeter, Lead};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use sockets::Sockets;
use std::io::Write;

/// Runs the daemon until it is drained or stopped by a signal.
///
/// Each bound socket is announced with a line on `announce`. `reload` is asked for a new plan on SIGHUP.
///
/// # Errors
///
/// When a socket cannot be bound, or the system has no descriptor for the loop itself. Nothing is left half open.
pub fn run(
    plan: Plan,
    announce: &mut dyn Write,
    reload: &mut dyn FnMut() -> Result<Plan, String>,
) -> Result<Summary, StartError> {
    let cannot_start = |error| StartError { address: None, error };
    let mut reactor = Reactor::with_limits(plan.limits_of_one()).map_err(cannot_start)?;
    let signals = Signals::catch(reactor.net(), &[SIGTERM, SIGINT, SIGHUP]).map_err(cannot_start)?;
    let mut sockets = Sockets::of_the_first();
    sockets.open(reactor.net(), &plan)?;
    let crew = Crew::start(&sockets.shared(reactor.net(), &plan))?;
    for line in sockets.announcements(reactor.net()) {
        // Whoever started us may not be listening; we are.
        let _ = writeln!(announce, "{line}");
    }
    let _ = announce.flush();
    let mut greeter = Greeter::new(plan, sockets, Some(Lead { signals, reload, crew }));
    let drained = reactor.run(&mut greeter);
    let others = greeter.dismiss(drained.is_err());
    let mut summary = greeter.summary(drained.map_err(cannot_start)?, reactor.net().stats());
    others.map_err(cannot_start)?.iter().for_each(|other| summary.add(other));
    Ok(summary)
}
