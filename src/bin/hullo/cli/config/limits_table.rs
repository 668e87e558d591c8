//! `[limits]`: the limits of the daemon, read, checked and written back.

use crate::cli::config::toml_section::TomlSection;
use crate::cli::units;
use hullo::greeting::{Guard, Rate};
use hullo::{Limits, SocketOptions};
use std::fmt::Write;
use std::time::Duration;

/// The values of `[limits]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsTable {
    pub reactor: Limits,
    pub drain: Duration,
    pub nodelay: bool,
    pub reuse_address: bool,
    /// How many answers a source of datagrams gets in a second; zero means any number.
    rate: u32,
    burst: u32,
    sources: usize,
    on_loopback: bool,
}

/// One key of the table.
struct LimitKey {
    name: &'static str,
    kind: LimitValue,
    /// The smallest number that works.
    least: usize,
}

/// The unit of a value, and the place where the value is kept.
#[derive(Clone, Copy)]
enum LimitValue {
    Count(fn(&mut LimitsTable) -> &mut usize),
    Count32(fn(&mut LimitsTable) -> &mut u32),
    Size(fn(&mut LimitsTable) -> &mut usize),
    Time(fn(&mut LimitsTable) -> &mut Duration),
    Flag(fn(&mut LimitsTable) -> &mut bool),
}

use LimitValue::{Count, Count32, Flag, Size, Time};

/// Every key, in the order in which the table is written.
const KEYS: [LimitKey; 21] = [
    LimitKey { name: "connections", kind: Count(|b| &mut b.reactor.connections), least: 1 },
    LimitKey { name: "backlog", kind: Count32(|b| &mut b.reactor.backlog), least: 1 },
    LimitKey { name: "nodelay", kind: Flag(|b| &mut b.nodelay), least: 0 },
    LimitKey { name: "reuse_address", kind: Flag(|b| &mut b.reuse_address), least: 0 },
    LimitKey { name: "read_budget", kind: Size(|b| &mut b.reactor.read_budget), least: 1 },
    LimitKey { name: "accepts", kind: Count(|b| &mut b.reactor.accepts), least: 1 },
    LimitKey { name: "datagrams", kind: Count(|b| &mut b.reactor.datagrams), least: 1 },
    LimitKey { name: "commands", kind: Count(|b| &mut b.reactor.commands), least: 1 },
    LimitKey { name: "timers", kind: Count(|b| &mut b.reactor.timers), least: 1 },
    LimitKey { name: "outbox_high", kind: Size(|b| &mut b.reactor.outbox_high), least: 0 },
    LimitKey { name: "outbox_low", kind: Size(|b| &mut b.reactor.outbox_low), least: 0 },
    LimitKey { name: "outbox_cap", kind: Size(|b| &mut b.reactor.outbox_cap), least: 1 },
    LimitKey { name: "idle", kind: Time(|b| &mut b.reactor.idle), least: 0 },
    LimitKey { name: "write_stall", kind: Time(|b| &mut b.reactor.write_stall), least: 0 },
    LimitKey { name: "connect", kind: Time(|b| &mut b.reactor.connect), least: 0 },
    LimitKey { name: "linger", kind: Time(|b| &mut b.reactor.linger), least: 0 },
    LimitKey { name: "drain", kind: Time(|b| &mut b.drain), least: 0 },
    LimitKey { name: "datagram_rate", kind: Count32(|b| &mut b.rate), least: 0 },
    LimitKey { name: "datagram_burst", kind: Count32(|b| &mut b.burst), least: 1 },
    LimitKey { name: "datagram_sources", kind: Count(|b| &mut b.sources), least: 1 },
    LimitKey { name: "rate_on_loopback", kind: Flag(|b| &mut b.on_loopback), least: 0 },
];

impl Default for LimitsTable {
    fn default() -> LimitsTable {
        let guard = Guard::default();
        let rate = guard.rate.unwrap_or_default();
        let socket = SocketOptions::default();
        LimitsTable {
            reactor: Limits::default(),
            drain: Duration::from_secs(25),
            nodelay: socket.nodelay,
            reuse_address: socket.reuse_address,
            rate: rate.per_second,
            burst: rate.burst,
            sources: guard.sources,
            on_loopback: guard.on_loopback,
        }
    }
}

impl LimitsTable {
    /// Reads `[limits]`. A key that is missing has its default.
    pub fn read(section: &TomlSection<'_>) -> LimitsTable {
        let mut limits = LimitsTable::default();
        for key in &KEYS {
            key.read(section, &mut limits);
        }
        limits.check(section);
        section.complain_of_unknown_keys();
        limits
    }

    /// The name of each key, the unit of its value, and its default.
    pub fn keys() -> Vec<(&'static str, &'static str, String)> {
        let describe = |key: &LimitKey| {
            let unit = match key.kind {
                Count(_) | Count32(_) => "count",
                Size(_) => "size",
                Time(_) => "duration",
                Flag(_) => "true or false",
            };
            (key.name, unit, key.write(&mut LimitsTable::default()))
        };
        KEYS.iter().map(describe).collect()
    }

    /// The loop guard of datagram sockets.
    pub fn guard(&self) -> Guard {
        let rate = Rate { per_second: self.rate, burst: self.burst };
        let rate = (self.rate > 0).then_some(rate);
        Guard { rate, on_loopback: self.on_loopback, sources: self.sources }
    }

    /// The longest answer that finds room in an outbox at its high mark.
    pub fn answer_room(&self) -> usize {
        self.reactor.outbox_cap.saturating_sub(self.reactor.outbox_high)
    }

    /// Writes the table so that [`read`](LimitsTable::read) reads it back.
    pub fn to_toml(&self) -> String {
        let mut limits = self.clone();
        let mut text = "[limits]\n".to_owned();
        for key in &KEYS {
            let value = key.write(&mut limits);
            let is_bare = value == "true" || value == "false" || value.bytes().all(|b| b.is_ascii_digit());
            let quote = if is_bare { "" } else { "\"" };
            writeln!(text, "{} = {quote}{value}{quote}", key.name).expect("a string takes any text");
        }
        text
    }

    fn check(&self, section: &TomlSection<'_>) {
        let Limits { outbox_low: low, outbox_high: high, outbox_cap: cap, .. } = self.reactor;
        let [low_text, high_text, cap_text] = [low, high, cap].map(units::write_size);
        let key_of =
            |keys: [&'static str; 2]| keys.into_iter().find(|key| section.has(key)).unwrap_or(keys[0]);
        if low > high {
            section.complain(
                key_of(["outbox_low", "outbox_high"]),
                format!("outbox_low ({low_text}) is above outbox_high ({high_text}): lower it, or raise outbox_high"),
            );
        }
        if high >= cap {
            section.complain(
                key_of(["outbox_cap", "outbox_high"]),
                format!("outbox_cap ({cap_text}) is not above outbox_high ({high_text}): raise it, or lower outbox_high"),
            );
        }
    }
}

impl LimitKey {
    fn read(&self, section: &TomlSection<'_>, limits: &mut LimitsTable) {
        let count = |text: &str| self.checked(units::count(text)?, units::write_count);
        let size = |text: &str| self.checked(units::size(text)?, units::write_size);
        match self.kind {
            Count(of) => set(of(limits), section.parsed(self.name, count)),
            // `units::count` returns no more than 31 bits.
            Count32(of) => set(of(limits), section.parsed(self.name, |text| Ok(count(text)? as u32))),
            Size(of) => set(of(limits), section.parsed(self.name, size)),
            Time(of) => set(of(limits), section.parsed(self.name, units::duration)),
            Flag(of) => set(of(limits), section.flag(self.name)),
        }
    }

    fn write(&self, limits: &mut LimitsTable) -> String {
        match self.kind {
            Count(of) => units::write_count(*of(limits)),
            Count32(of) => units::write_count(*of(limits) as usize),
            Size(of) => units::write_size(*of(limits)),
            Time(of) => units::write_duration(*of(limits)),
            Flag(of) => of(limits).to_string(),
        }
    }

    fn checked(&self, value: usize, write: fn(usize) -> String) -> Result<usize, String> {
        if value < self.least {
            return Err(format!("too little: choose at least {}", write(self.least)));
        }
        Ok(value)
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;

    fn read(limits: &str) -> LimitsTable {
        Config::parse("x.toml", &format!("[limits]\n{limits}")).unwrap().limits
    }

    fn complaint(limits: &str) -> String {
        Config::parse("x.toml", &format!("[limits]\n{limits}")).unwrap_err().in_one_line()
    }

    #[test]
    fn every_key_reads_back_as_it_is_written() {
        let odd = LimitsTable {
            reactor: Limits {
                connections: 7,
                backlog: 8000,
                read_budget: 9,
                accepts: 10,
                datagrams: 11,
                commands: 12,
                timers: 13_000_000,
                outbox_high: 3 << 20,
                outbox_low: 1000,
                outbox_cap: 5 << 20,
                idle: Duration::ZERO,
                write_stall: Duration::from_millis(1500),
                connect: Duration::from_secs(3),
                linger: Duration::from_secs(60),
                ..Limits::default()
            },
            drain: Duration::from_secs(7200),
            nodelay: false,
            reuse_address: false,
            rate: 0,
            burst: 14,
            sources: 15,
            on_loopback: true,
        };
        for limits in [LimitsTable::default(), odd] {
            let text = limits.to_toml();
            assert_eq!(Config::parse("x.toml", &text).unwrap().limits, limits, "{text}");
            assert_eq!(text.lines().count(), 1 + KEYS.len());
        }
    }

    #[test]
    fn units_are_for_texts_and_numbers_are_plain_or_seconds() {
        assert_eq!(read("connections = \"2k\"").reactor.connections, 2000);
        assert_eq!(read("connections = 2_000").reactor.connections, 2000);
        assert_eq!(read("outbox_cap = 0x200000").reactor.outbox_cap, 2 << 20);
        assert_eq!(read("idle = 0").reactor.idle, Duration::ZERO);
        assert_eq!(read("idle = 10").reactor.idle, Duration::from_secs(10));
        assert_eq!(read("idle = 1.5").reactor.idle, Duration::from_millis(1500));
        assert_eq!(read("connections = 1e4").reactor.connections, 10_000);
        assert!(complaint("idle = inf").contains("idle = inf is not a duration"));
        assert!(complaint("accepts = 1.5").contains("accepts = 1.5 is not a count"));
        assert!(complaint("accepts = -1").contains("accepts = -1 is not a count"));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert_eq!(read("datagram_rate = 0").guard().rate, None);
        let rate = Rate { per_second: 5, burst: 200 };
        assert_eq!(read("datagram_rate = 5").guard().rate, Some(rate));
    }

    #[test]
    fn the_marks_of_an_outbox_keep_their_order() {
        assert_eq!(
            complaint("outbox_high = \"8KiB\""),
            "x.toml:2: [limits]: outbox_low (16KiB) is above outbox_high (8KiB): lower it, or raise outbox_high"
        );
        assert_eq!(
            complaint("accepts = 1\noutbox_cap = \"64KiB\""),
            "x.toml:3: [limits]: outbox_cap (64KiB) is not above outbox_high (64KiB): \
             raise it, or lower outbox_high"
        );
    }

    #[test]
    fn what_would_stop_the_loop_is_refused() {
        for key in ["connections", "backlog", "read_budget", "accepts", "datagrams", "commands", "timers"] {
            let complaint = complaint(&format!("{key} = 0"));
            assert!(complaint.contains("too little: choose at least 1"), "{complaint}");
        }
    }
}
