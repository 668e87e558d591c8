//! `hullo talk`: flags become a conversation, and the client holds it.

mod flags;
mod plan;

pub use flags::Talk;

use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::{nonblocking, stdout};
use crate::client::talk::TalkOutcome;
use std::process::ExitCode;

impl Talk {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let conversation = plan::conversation(self)
            .map_err(|problem| Failure::usage(vec![Place::default().complaint(problem)]))?;
        stdout::require()?;
        match conversation.run(&mut |notice| nonblocking::print_line(notice)) {
            Ok(TalkOutcome::Done) => Ok(ExitCode::SUCCESS),
            Ok(TalkOutcome::Stopped(signal)) => Ok(ExitCode::from(128 + signal as u8)),
            Err(error) => Err(Failure::failed(&Place::default(), error.to_string())),
        }
    }
}
