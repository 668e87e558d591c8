//! What the tests of the command line share: a run of hullo, and a directory to run it in.
// Each test crate uses its own part of this.
#![allow(dead_code)]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn hullo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullo"));
    command.args(args).stdin(Stdio::null()).env_remove("HULLO_LOG");
    command
}

/// Runs a line of sh, in which `$0` is hullo.
pub fn shell(line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_hullo")]).stdin(Stdio::null()).env_remove("HULLO_LOG");
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

/// Says why a test does not test anything here, past the test runner.
pub fn skip(reason: &str) {
    let _ = writeln!(io::stderr(), "skipped: {reason}");
}

/// A directory of our own, gone at the end of the test.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        let dir = std::env::temp_dir().join(format!("hullo-cli-{}-{name}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        TempDir(dir)
    }

    /// The path of a new file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let file = Path::new(&self.0).join(name);
        fs::write(&file, content).unwrap();
        file.into_os_string().into_string().unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
