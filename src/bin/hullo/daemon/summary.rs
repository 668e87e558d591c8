//! How a daemon's run went.

use std::fmt;
use std::time::Duration;

/// How a daemon ended. It displays as the last line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Stream clients that were served.
    pub clients: u64,
    /// The most stream clients at once. With several reactors it is the sum of the peak of each.
    pub peak: u64,
    /// Datagrams that were received.
    pub datagrams: u64,
    /// Datagrams that were answered.
    pub answered: u64,
    /// How long the daemon ran.
    pub uptime: Duration,
    /// How long the drain took. With several reactors it is the longest drain.
    pub drain: Duration,
    /// Clients that were cut off by the end of the drain, or by the second signal.
    pub cut: u64,
    /// A second signal stopped it at once.
    pub is_forced: bool,
}

impl Summary {
    /// Adds the summary of another reactor.
    pub fn add(&mut self, other: &Summary) {
        self.clients += other.clients;
        self.peak += other.peak;
        self.datagrams += other.datagrams;
        self.answered += other.answered;
        self.cut += other.cut;
        self.drain = self.drain.max(other.drain);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { clients, peak, datagrams, answered, uptime, drain, cut, is_forced } = self;
        match is_forced {
            true => write!(f, "hullo: stopped at once")?,
            false => write!(f, "hullo: drained after {:.2} s", drain.as_secs_f64())?,
        }
        write!(
            f,
            ", up {:.1} s: {} ({peak} at once, {cut} cut), {} ({answered} answered)",
            uptime.as_secs_f64(),
            counted(*clients, "client"),
            counted(*datagrams, "datagram")
        )
    }
}

/// Writes `1 client`, `2 clients`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_the_drain_from_the_time_before_it() {
        let mut summary = Summary {
            clients: 1,
            peak: 1,
            datagrams: 0,
            answered: 0,
            uptime: Duration::from_millis(4_640),
            drain: Duration::from_millis(120),
            cut: 0,
            is_forced: false,
        };
        let books = "up 4.6 s: 1 client (1 at once, 0 cut), 0 datagrams (0 answered)";
        assert_eq!(summary.to_string(), format!("hullo: drained after 0.12 s, {books}"));
        let slower = Summary { clients: 2, drain: Duration::from_secs(2), is_forced: true, ..summary };
        summary.add(&slower);
        assert!(
            summary.to_string().starts_with("hullo: drained after 2.00 s, up 4.6 s: 3 clients (2 at once")
        );
        assert!(slower.to_string().starts_with("hullo: stopped at once, up 4.6 s: 2 clients "), "{slower}");
    }
}
