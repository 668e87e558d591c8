//! `hullo fetch`: pages over plain sockets, many at once on one thread.
//!
//! | room | what it knows |
//! |---|---|
//! | `url` | what can be fetched, and where a redirect leads |
//! | `request` | what is asked of a server |
//! | `response` | bytes into head, body and end; no I/O |
//! | `destination` | where bodies go, and that no half of one is left behind |
//! | `ordered_output` | who may write to the one stream that all share |
//! | `console` | what a person sees meanwhile |
//! | `job` | one URL on its way |
//! | `fetcher` | brings them together; `handler` is its [`Handler`](hullo::Handler) |

mod console;
mod destination;
mod fetcher;
mod handler;
mod job;
mod ordered_output;
mod request;
mod response;
mod url;

pub use destination::Destination;
pub use request::Field;
pub use url::Url;

use crate::client::describe;
use crate::signals::Signals;
use console::Console;
use destination::BodyTarget;
use fetcher::Fetcher;
use hullo::{Limits, Reactor};
use ordered_output::OrderedOutput;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// What to fetch, and how.
#[derive(Clone, Debug)]
pub struct FetchPlan {
    /// In the order of their bodies on a stream.
    pub urls: Vec<Url>,
    /// Header fields of each request, besides ours or in place of them.
    pub fields: Vec<Field>,
    /// Where the bodies go.
    pub destination: Destination,
    /// The most connections at once, for which there are descriptors; at least one is made.
    pub at_once: usize,
    /// Nothing is said but what went wrong.
    pub is_quiet: bool,
    /// How long a server may bring nothing; zero: for ever.
    pub timeout: Duration,
    /// The longest body; zero: any.
    pub max_size: u64,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FetchOutcome {
    /// URLs that were not fetched, or whose server answered with an error. Each has its sentence.
    pub failed: usize,
    /// The signal that ended it before its end.
    pub signal: Option<i32>,
}

/// Why nothing can be fetched at all; displays as a sentence.
#[derive(Debug)]
pub struct FetchError {
    what: String,
    error: io::Error,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, describe(&self.error))
    }
}

impl std::error::Error for FetchError {}

/// Fetches it all. Bodies that go to no file are written to `stdout`, heads and sentences to `err`.
///
/// # Errors
///
/// When the destination cannot be written to, or the system has no descriptor for the loop itself. What happens to one
/// URL is told on `err` and counted.
pub fn run(plan: &FetchPlan, stdout: &impl AsFd, err: &mut dyn Write) -> Result<FetchOutcome, FetchError> {
    let cannot_write = |error| FetchError { what: format!("cannot write to {}", plan.destination), error };
    let cannot_start = |error| FetchError { what: "cannot start".to_owned(), error };
    // Bodies are no lines: they pass by the buffer of the standard library.
    let stdout = stdout.as_fd().try_clone_to_owned().map(File::from).map_err(cannot_start)?;
    let shows_body = matches!(plan.destination, Destination::Stdout) && stdout.is_terminal();
    let (targets, stream) = plan.destination.targets(&plan.urls, stdout).map_err(cannot_write)?;
    let has_files = targets.iter().any(|target| !matches!(target, BodyTarget::Stream));
    let mut reactor = Reactor::with_limits(limits(plan.timeout)).map_err(cannot_start)?;
    let ends = [SIGTERM, SIGINT, SIGHUP];
    let signals =
        has_files.then(|| Signals::catch(reactor.net(), &ends)).transpose().map_err(cannot_start)?;
    let console = Console::new(err, !shows_body, plan.is_quiet, plan.urls.len());
    let mut fetcher = Fetcher::new(plan, targets, OrderedOutput::new(stream), console, signals);
    fetcher.start(reactor.net());
    while !fetcher.is_over() {
        reactor.turn(&mut fetcher, None).map_err(cannot_start)?;
    }
    fetcher.outcome().map_err(cannot_write)
}

/// The reactor's own clocks stand still: ours knows when a connection waits for its turn. A connection has to come about
/// within the usual time, or within ours if that is less.
fn limits(timeout: Duration) -> Limits {
    let usual = Limits::default();
    let connect = if timeout.is_zero() { usual.connect } else { usual.connect.min(timeout) };
    Limits { idle: Duration::ZERO, write_stall: Duration::ZERO, connect, ..usual }
}
