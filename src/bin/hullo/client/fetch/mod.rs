//! `hullo fetch`: pages over TCP and TLS, many at once on one thread.
//!
//! | file | what it does |
//! |---|---|
//! | `url` | parses what can be fetched, and finds where a redirect leads |
//! | `request` | writes the request |
//! | `response` | reads a response: bytes in; head, body and end out; no I/O |
//! | `destination` | puts bodies into files, and leaves no half of one behind |
//! | `ordered_output` | writes the bodies that share one stream in their order |
//! | `console` | shows heads, errors and progress on stderr |
//! | `job` | keeps what is known of one URL |
//! | `fetcher` | decides what is fetched when; `handler` hands it the events of the loop |

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
use hullo::{Limits, Reactor, TlsClient};
use ordered_output::OrderedOutput;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// The protocols that are offered over TLS.
pub const ALPN: [&str; 1] = ["http/1.1"];

/// What to fetch, and how.
#[derive(Clone, Debug)]
pub struct FetchPlan {
    /// The pages, in the order in which their bodies are printed.
    pub urls: Vec<Url>,
    /// Header fields that are added to each request, or replace ours.
    pub fields: Vec<Field>,
    /// What speaks TLS, where that is known to be needed.
    pub tls: Option<TlsClient>,
    /// Where the bodies go.
    pub destination: Destination,
    /// How many connections there are descriptors for. At least one connection is made.
    pub at_once: usize,
    /// Nothing is printed on stderr but errors.
    pub is_quiet: bool,
    /// How long a server may send nothing; zero means for ever.
    pub timeout: Duration,
    /// The longest body; zero means any length.
    pub max_size: u64,
}

/// How a fetch went.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FetchOutcome {
    /// How many URLs were not fetched, or were answered with an error. An error was printed for each.
    pub failed: usize,
    /// The signal that ended the fetch before everything was there.
    pub signal: Option<i32>,
}

/// Why nothing can be fetched at all. It displays as a sentence.
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

/// Fetches every URL of the plan. Bodies that go to no file are written to `stdout`, heads and errors to `err`.
///
/// # Errors
///
/// When the destination cannot be written to, or the system has no descriptor for the loop itself. A failure of a single URL is
/// printed on `err` and counted.
pub fn run(plan: &FetchPlan, stdout: &impl AsFd, err: &mut dyn Write) -> Result<FetchOutcome, FetchError> {
    let cannot_write = |error| FetchError { what: format!("cannot write to {}", plan.destination), error };
    let cannot_start = |error| FetchError { what: "cannot start".to_owned(), error };
    // Bodies are written without the line buffer of the standard library.
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

/// The timeouts of the reactor are off, since only the fetcher knows which connections it has paused. A connection has to be
/// established within the default time, or within the timeout if that is shorter.
fn limits(timeout: Duration) -> Limits {
    let usual = Limits::default();
    let connect = if timeout.is_zero() { usual.connect } else { usual.connect.min(timeout) };
    let handshake = Duration::ZERO; // which is part of the connection's time
    Limits { idle: Duration::ZERO, write_stall: Duration::ZERO, connect, handshake, ..usual }
}
