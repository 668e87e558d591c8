//! Results on stdout.

use crate::cli::output::failure::{Failure, Place};
use crate::process::stdout_was_closed;
use std::io::{self, Write};

/// Prints a result. A reader that has closed the other end has seen enough, which is no failure; any other error is one.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match check().and_then(|()| stdout.write_all(text.as_bytes())).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failure(&error)),
        _ => Ok(()),
    }
}

/// Fails if stdout is closed. It is called before work whose result goes there.
pub fn require() -> Result<(), Failure> {
    check().map_err(|error| failure(&error))
}

pub fn check() -> io::Result<()> {
    match stdout_was_closed() {
        true => {
            Err(io::Error::other("it is closed; send it to a file, or to /dev/null where nobody wants it"))
        }
        false => Ok(()),
    }
}

fn failure(error: &io::Error) -> Failure {
    Failure::failed(&Place::default(), format!("cannot write to stdout: {error}"))
}
