//! What SIGUSR1 asks for.

use hullo::Stats;
use std::fmt;
use std::time::Duration;

/// How things stand; displays as one line, `name=value` after `name=value`.
pub struct Counters<'a> {
    /// Of the reactor, from one on, where there are several.
    pub reactor: Option<usize>,
    pub uptime: Duration,
    /// How many stream clients there may be at once.
    pub connections_max: usize,
    pub stats: &'a Stats,
    /// Datagrams that were not answered.
    pub unanswered: u64,
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
            ("datagrams_unanswered", self.unanswered),
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
