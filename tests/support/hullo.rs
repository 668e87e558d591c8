//! What the tests of the command line share: a run of hullo, and a directory to run it in.

use std::process::{Command, Output, Stdio};

/// The program.
pub const HULLO: &str = env!("CARGO_BIN_EXE_hullo");

pub fn hullo(args: &[&str]) -> Command {
    let mut command = Command::new(HULLO);
    command.args(args).stdin(Stdio::null()).env_remove("HULLO_LOG");
    command
}

/// Runs a line of sh, in which `$0` is hullo.
pub fn shell(line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line, HULLO]).stdin(Stdio::null()).env_remove("HULLO_LOG");
    command.output().unwrap()
}

/// What it printed on stdout and on stderr.
#[track_caller]
pub fn succeed(args: &[&str]) -> (String, String) {
    let output = hullo(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// What it printed on stderr, having printed nothing on stdout.
#[track_caller]
pub fn fail(code: i32, args: &[&str]) -> String {
    let output = hullo(args).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{args:?}: {output:?}");
    text(&output.stderr).to_owned()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
