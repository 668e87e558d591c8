//! `hullo fetch`: flags become a plan, and the client carries it out.

mod flags;
mod plan;

pub use flags::Fetch;

use crate::cli::output::bounded_wait::BoundedWait;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::{logger, nonblocking, stdout};
use crate::client::fetch::{self, Destination};
use std::io::{self, Write};
use std::process::ExitCode;

impl Fetch {
    /// Fetches until every URL is there, or is known to have failed.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let plan = plan::plan(self)?;
        logger::start(None);
        if matches!(plan.destination, Destination::Stdout) {
            stdout::require()?;
        }
        let mut stderr = nonblocking::stderr().map(BoundedWait::new);
        let mut nobody = io::sink();
        let err: &mut dyn Write = match &mut stderr {
            Ok(stderr) => stderr,
            Err(_) => &mut nobody,
        };
        let outcome = fetch::run(&plan, &io::stdout(), err)
            .map_err(|error| Failure::failed(&Place::default(), error.to_string()))?;
        Ok(match outcome.signal {
            // A shell gives 130 for SIGINT and 143 for SIGTERM.
            Some(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
            None if outcome.failed > 0 => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        })
    }
}
