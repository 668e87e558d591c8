//! `hullo serve`: flags and a config file become a plan, and the daemon runs it.

mod check_config;
mod flags;
mod identity;
mod plan;
mod resolve;

pub use flags::Serve;

use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::{logger, nonblocking, stdout};
use crate::daemon::{self, Callbacks};
use std::process::ExitCode;
use std::sync::Arc;

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(self) -> Result<ExitCode, Failure> {
        logger::start(self.log_level);
        if self.check_config {
            let prepared = plan::prepare(&self).map_err(Failure::into_usage)?;
            return stdout::print(&check_config::report(&self, &prepared)).map(|()| ExitCode::SUCCESS);
        }
        let plan = plan::prepare(&self)?.plan;
        let reactors = plan.reactors;
        let make_plan = move || match plan::prepare_again(&self, reactors) {
            Ok(prepared) => Ok(prepared.plan),
            Err(failure) => Err(failure.in_one_line()),
        };
        let callbacks = Callbacks {
            announce: nonblocking::announce,
            print: nonblocking::print_line,
            make_plan: Arc::new(make_plan),
        };
        let summary = daemon::run(plan, callbacks)
            .map_err(|error| Failure::failed(&Place::default(), error.to_string()))?;
        nonblocking::print_line(&summary.to_string());
        let is_clean = summary.cut == 0 && !summary.is_forced;
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
