//! How long a test waits, and what it says when it does not.

use std::io::Write;
use std::time::Duration;

/// How long anything may take that takes no time. Generous: it only ends a test that has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Says why a test does not test anything here, past the test runner, which keeps what a passing test prints.
pub fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
