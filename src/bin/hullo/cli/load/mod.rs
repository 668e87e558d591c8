//! `hullo load`: flags become a plan, and the outcome of the run reports and an exit code.

mod flags;
mod output;
mod plan;
mod series;

pub use flags::Load;

use crate::cli::descriptors;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::{nonblocking, stdout};
use crate::load::{self, Progress};
use output::Outputs;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

impl Load {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let limit = descriptors::raise();
        let plan = plan::plan(&self)?;
        if load::room_in(limit) == 0 {
            let sentence =
                format!("the descriptor limit of {limit} leaves no room for clients: raise it (ulimit -n)");
            return Err(Failure::failed(&Place::default(), sentence));
        }
        load::preflight(&plan, limit).map_err(usage)?;
        let mut outputs = Outputs::open(&self).map_err(usage)?;
        if outputs.are_printed_only() {
            stdout::require()?;
        }
        let mut progress = self.progress();
        let outcome = load::run(&plan, &mut progress, &mut |second| outputs.tell(second))
            .map_err(|error| Failure::failed(&Place::default(), format!("cannot go on: {error}")))?;
        match outputs.write(&outcome) {
            // A signal's own exit code is what whoever sent it waits for.
            Err(problem) if outcome.signal.is_some() => nonblocking::print_line(&format!("error: {problem}")),
            written => written.map_err(|problem| Failure::failed(&Place::default(), problem))?,
        }
        Ok(ExitCode::from(load::conclusion(&outcome).exit_code()))
    }

    fn progress(&self) -> Progress {
        if self.quiet {
            Progress::none()
        } else if io::stderr().is_terminal() {
            nonblocking::stderr().and_then(Progress::bar).unwrap_or_else(|_| Progress::none())
        } else {
            Progress::lines(nonblocking::print_line, self.interval)
        }
    }
}

pub fn usage(problem: String) -> Failure {
    Failure::usage(vec![Place::default().complaint(problem)])
}
