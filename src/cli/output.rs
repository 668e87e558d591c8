//! Results on stdout.

use super::failure::{Failure, Place};
use std::io::{self, Write};

/// Writes a result. Whoever has closed the other end has seen enough of it; any other error is a failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(&Place::default(), format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
