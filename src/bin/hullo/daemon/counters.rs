//! The counters that SIGUSR1 asks for.

use hullo::Stats;
use std::fmt;
use std::time::Duration;

/// Where a reactor prints its counters, and which of several reactors it is.
#[derive(Clone, Copy)]
pub struct Reporter {
    pub print: fn(&str),
    /// Counted from one; `None` where there is only one reactor.
    pub number: Option<usize>,
}

/// The counters of one reactor. They display as one line, `name=value` after `name=value`.
pub struct Counters<'a> {
    /// Which of several reactors it is, counted from one.
    pub reactor: Option<usize>,
    pub uptime: Duration,
    /// How many stream clients there may be at once.
    pub connections_max: usize,
    pub stats: &'a Stats,
    /// Datagrams that were not answered.
    pub datagrams_unanswered: u64,
}

impl fmt::Display for Counters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats;
        f.write_str("hullo: counters:")?;
        if let Some(reactor) = self.reactor {
            write!(f, " reactor={reactor}")?;
        }
        write!(f, " uptime={:.1}s", self.uptime.as_secs_f64())?;
        for (name, value) in [
            ("connections", stats.connections),
            ("connections_max", self.connections_max as u64),
            ("connections_peak", stats.connections_peak),
            ("opened", stats.opened),
            ("closed", stats.closed),
            ("shed", stats.shed),
            ("accept_errors", stats.accept_errors),
            ("bytes_in", stats.bytes_in),
            ("bytes_out", stats.bytes_out),
            ("datagrams_in", stats.datagrams_in),
            ("datagrams_out", stats.datagrams_out),
            ("datagrams_unanswered", self.datagrams_unanswered),
            ("datagrams_refused", stats.datagrams_refused),
            ("datagrams_truncated", stats.datagrams_truncated),
            ("datagram_errors", stats.datagram_errors),
            ("turns", stats.turns),
            ("panics", stats.panics),
        ] {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}
