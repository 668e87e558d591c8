//! What the log is told of clients that are not let in.

use crate::reactor::net::Net;
use crate::reactor::timers::{Tick, ticks};
use std::io;
use std::time::Duration;

/// Each warning comes once in this time at the most.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Warnings {
    full: Seldom,
    /// It has been said that no more are let in, and not yet that there is room again.
    is_full: bool,
    shed: Seldom,
    back_off: Seldom,
}

/// When something was said last.
#[derive(Default)]
struct Seldom(Option<Tick>);

impl Seldom {
    /// When it may be said again.
    fn next(&self) -> Tick {
        self.0.map_or(0, |last| last + ticks(PAUSE))
    }

    /// Whether it is to be said now.
    fn is_due(&mut self, now: Tick) -> bool {
        let is_due = now >= self.next();
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

#[cold]
#[inline(never)]
pub(super) fn of_descriptors(net: &mut Net) {
    if net.warnings.shed.is_due(net.now) {
        let shed = net.stats.shed;
        log::warn!("out of descriptors: {shed} clients dropped so far; raise the limit (ulimit -n)");
    }
}

#[cold]
#[inline(never)]
pub(super) fn of_back_off(net: &mut Net, error: &io::Error) {
    if net.warnings.back_off.is_due(net.now) {
        let again = net.limits.back_off;
        log::warn!("no client can be accepted: {error}; trying again every {again:?}");
    }
}

/// Says that there are as many clients as may be; the time at which to look again, where that has to wait to be said.
#[cold]
#[inline(never)]
pub(super) fn of_the_limit(net: &mut Net) -> Option<Tick> {
    let most = net.limits.connections;
    let warnings = &mut net.warnings;
    if warnings.is_full {
        return None;
    }
    if !warnings.full.is_due(net.now) {
        return Some(warnings.full.next());
    }
    warnings.is_full = true;
    log::warn!("as many clients as the limit allows are connected ({most}): others wait until one leaves");
    None
}

/// Says that there is room again, now that a backlog is empty.
#[inline]
pub(super) fn of_room(net: &mut Net) {
    if net.warnings.is_full {
        say_that_there_is_room(net);
    }
}

#[cold]
#[inline(never)]
fn say_that_there_is_room(net: &mut Net) {
    net.warnings.is_full = false;
    let (now, most) = (net.stats.connections, net.limits.connections);
    log::warn!("clients are let in again: {now} of {most} are connected");
}
