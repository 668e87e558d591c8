//! What a run is to do: checked settings, from which everything else follows.

pub mod expectations;
pub mod preflight;
pub mod rate;
pub mod script;
pub mod settings;
pub mod sources;
pub mod tls;

use crate::load::plan::expectations::Expectation;
use crate::load::plan::rate::Rate;
use crate::load::plan::script::Script;
use crate::load::plan::settings::Setting;
use crate::load::plan::sources::Sources;
use crate::load::plan::tls::Tls;
use hullo::Address;
use std::time::Duration;

/// A run, as it was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As typed.
    pub command: String,
    /// For the report: name and value, in the order of the help.
    pub settings: Vec<(&'static str, Setting)>,
    /// Whom to test: the addresses that one name has, at least one. The first that takes a client is it.
    pub targets: Vec<Address>,
    /// How to speak TLS, where the targets are `tls://`.
    pub tls: Option<Tls>,
    pub clients: usize,
    /// At least one of the two is there; the first one reached ends the measuring.
    pub duration: Option<Duration>,
    pub requests: Option<u64>,
    /// Given in an open loop.
    pub rate: Option<Rate>,
    /// Requests in flight per client.
    pub outstanding: usize,
    /// Each request on a connection of its own.
    pub churn: bool,
    /// Connections begun a second, in the ramp.
    pub connect_rate: Option<Rate>,
    pub connect_timeout: Duration,
    pub timeout: Duration,
    pub warmup: Duration,
    pub drain: Duration,
    pub script: Script,
    pub sources: Option<Sources>,
    pub expectations: Vec<Expectation>,
    pub seed: u64,
}

impl Plan {
    /// Whether messages go as datagrams.
    pub fn is_datagram(&self) -> bool {
        self.targets.first().is_some_and(Address::is_datagram)
    }
}

/// How a stream is cut into replies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Framing {
    Raw,
    #[default]
    Line,
}

/// How closely replies are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Check {
    #[default]
    Full,
    Length,
    None,
}
