//! The examples that are a whole service, each driven by its own clients and by sockets that mean no good.

mod dns;
mod mqtt;
mod redis;
mod socks;

use crate::support::{PATIENCE, Process, skip, status};
use std::process::{Command, Stdio};

/// What a client of others has printed on stdout, having ended well; nothing, and why, where it is not installed.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let mut process = start(program, arguments)?;
    let status = process.wait(PATIENCE);
    let said = process.said().clone();
    let is_success = status.is_some_and(|status| status.success());
    assert!(is_success, "{program} {arguments:?}: {status:?} {said:?}");
    Some(said.out.join("\n"))
}

/// A client of others that runs beside the test; nothing, and why, where it is not installed.
fn start(program: &str, arguments: &[&str]) -> Option<Process> {
    let mut look = Command::new("sh");
    look.args(["-c", "command -v \"$0\"", program]).stdout(Stdio::null());
    if !look.status().is_ok_and(|status| status.success()) {
        skip(&format!("there is no {program} here"));
        return None;
    }
    Some(Process::start(Command::new(program).args(arguments)))
}

/// The port of `tcp://HOST:PORT` and the like, for a client's command line.
fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

/// The most memory that a process has had resident.
#[track_caller]
fn peak_kib(process: &Process) -> u64 {
    status(process.id(), "VmHWM:").unwrap()
}
