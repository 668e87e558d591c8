//! What the proofs of `hullo load` share: a run and its report as JSON, and servers that misbehave by intent and keep
//! count of it.
#![allow(dead_code, unused_imports)] // each test program uses its own part

mod books;
mod datagrams;
mod lines;

pub use books::{Report, Requests, assert_honest};
pub use datagrams::{Datagrams, UdpClient};
pub use lines::{Client, Lines};

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{HULLO, PATIENCE, Process, skip};

/// How a run went. Its report is checked before anybody sees it: see [`assert_honest`].
pub struct Load {
    pub code: Option<i32>,
    pub report: Report,
    pub err: String,
}

/// What a run is started with.
pub fn command<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> Command {
    let mut command = Command::new(HULLO);
    command.arg("load").env_remove("HULLO_LOG").env("NO_COLOR", "1");
    command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
    command
}

/// A run with this line of options, cut at the blanks, for a report in JSON.
pub fn options(url: &str, line: &str) -> Vec<String> {
    [url, "--json", "-q"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect()
}

/// A run that says every tenth of a second where it stands, and has done so for some time.
#[track_caller]
pub fn under_way(url: &str, line: &str) -> Process {
    let arguments = [url, "--json", "-i", "100ms"].into_iter().chain(line.split_whitespace());
    let process = Process::start(&mut command(arguments));
    let begun = process.wait_for(PATIENCE, |said| (said.err.len() >= 5).then_some(()));
    assert!(begun.is_some(), "{:?}", process.said());
    process
}

/// Runs it to its end.
#[track_caller]
pub fn load(url: &str, line: &str) -> Load {
    load_with(options(url, line))
}

/// Runs it to its end with arguments that hold blanks.
#[track_caller]
pub fn load_with<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> Load {
    end(Process::start(&mut command(arguments)))
}

/// Waits for a run's end, and reads its report.
#[track_caller]
pub fn end(mut process: Process) -> Load {
    let limit = PATIENCE + Duration::from_secs(20);
    let Some(status) = process.wait(limit) else { panic!("it has not ended: {:?}", process.said()) };
    let said = process.said().clone();
    let err = said.err.join("\n");
    assert!(!err.contains("panicked"), "{err}");
    let out = said.out.join("\n");
    let value =
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("not one JSON object: {e}: {out}\n{err}"));
    let report = Report(value);
    assert_honest(&report);
    Load { code: status.code(), report, err }
}

/// A run that is to be refused: the exit code and the sentence, with nothing on stdout.
#[track_caller]
pub fn refused<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> (Option<i32>, String) {
    let mut process = Process::start(&mut command(arguments));
    let Some(status) = process.wait(PATIENCE) else { panic!("it has not ended: {:?}", process.said()) };
    let said = process.said().clone();
    assert_eq!(said.out, [""; 0], "{:?}", said.err);
    let err = said.err.join("\n");
    assert!(!err.contains("panicked"), "{err}");
    (status.code(), err)
}

impl Load {
    /// It ended with this code, or with 4 where it says itself that it is not to be trusted.
    #[track_caller]
    pub fn ended_with(&self, code: i32) {
        if self.code == Some(4) && !self.report.trustworthy() {
            skip(&format!("the run calls itself not trustworthy here: {:?}", self.report.reasons()));
            return;
        }
        assert_eq!(self.code, Some(code), "{:#}\n{}", self.report.0, self.err);
    }

    /// No client came to life, and the run has failed for it.
    #[track_caller]
    pub fn nobody_is_alive(&self) {
        let alive = self.report.count(&["connections", "alive"]);
        assert_eq!((self.code, alive), (Some(1), 0), "{:#}\n{}", self.report.0, self.err);
    }

    /// Every request was answered right, on as many clients as were asked for, and it ended well.
    #[track_caller]
    pub fn all_correct(&self, clients: u64) {
        let report = &self.report;
        let books = report.books();
        let failed = books.sent - books.correct - books.unfinished;
        let foul = failed + books.duplicate + books.reordered + books.foreign;
        assert!(foul == 0 && books.correct > 0, "{:#}\n{}", report.0, self.err);
        let connections = ["asked", "alive", "failed", "lost"].map(|key| report.count(&["connections", key]));
        assert_eq!(connections, [clients, clients, 0, 0], "{:#}\n{}", report.0, self.err);
        self.ended_with(0);
    }
}

/// Waits until a server has seen what is wanted, for what has no event to wait for.
#[track_caller]
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    crate::support::eventually(what, is_so);
}

/// The same command in a shell, behind `prelude`.
pub fn in_shell<T: AsRef<str>>(prelude: &str, arguments: impl IntoIterator<Item = T>) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{prelude}; exec \"$0\" load \"$@\""), HULLO]);
    shell.env_remove("HULLO_LOG").env("NO_COLOR", "1");
    shell.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
    shell
}
