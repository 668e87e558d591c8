//! An address that swallows everything, in a network namespace that the test makes for itself: nobody refuses, nobody
//! answers, and only our own deadline ends the wait.
#![cfg(feature = "cli")]

mod common;

use common::{PATIENCE, Process, skip};
use std::process::Command;
use std::time::{Duration, Instant};

/// A link to an end that nobody is at, and a neighbour on it who does not exist.
const HOLE: &str = "ip link add hole0 type veth peer name hole1 && ip addr add 192.0.2.1/24 dev hole0 && \
    ip link set hole0 up && ip link set hole1 up && \
    ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev hole0";

fn in_the_hole(command: &str) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--net", "sh", "-c", &format!("{HOLE} && {command}")]);
    shell
}

#[test]
fn who_is_swallowed_by_a_black_hole_ends_at_its_own_deadline() {
    if !in_the_hole("true").output().is_ok_and(|output| output.status.success()) {
        return skip("no network namespace is to be had here (root, unshare and ip make one)");
    }
    let hullo = env!("CARGO_BIN_EXE_hullo");
    for command in ["talk tcp://192.0.2.2:9", "fetch http://192.0.2.2:9/"] {
        let start = Instant::now();
        let mut process =
            Process::start(&mut in_the_hole(&format!("exec {hullo} {command} --timeout 300ms </dev/null")));
        let status = process.wait(PATIENCE).expect("it ends by itself");
        assert_eq!(status.code(), Some(1), "{command}: {}", process.stderr());
        assert!(start.elapsed() >= Duration::from_millis(300));
        let sentence = process.stderr();
        assert!(sentence.contains("192.0.2.2:9") && sentence.contains("timed out"), "{command}: {sentence}");
    }
}
