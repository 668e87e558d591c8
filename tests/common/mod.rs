//! What the black-box tests share: processes that never outlive their test, a daemon and what it says, the
//! client's end of a stream, a temporary directory.
#![allow(dead_code, unused_imports)] // each test program uses its own part

mod client;
mod daemon;
mod fetch;
mod histogram_log;
mod process;
mod skip;
mod talk;
mod temp;

pub use client::{Peer, raise_descriptor_limit, udp, uninterrupted};
pub use daemon::{Daemon, Listening, Serve, full_pipe};
pub use fetch::{Fetched, HULLO, Server, fetch, names, noise, run};
pub use histogram_log::logged;
pub use process::{Process, python};
pub use skip::{PATIENCE, skip};
pub use talk::{Talk, Talked, hello, read_some, server, talk, talk_from, talk_piped};
pub use temp::TempDir;

use std::time::{Duration, Instant};

/// Asks until the answer is yes, for what has no event to wait for (files, `/proc`).
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")))
}

pub fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

/// The answers of `hello` to `lines` in `line` framing, without the welcome.
pub fn hellos<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Vec<u8> {
    lines.into_iter().flat_map(|line| format!("Hello, {}!\n", line.as_ref()).into_bytes()).collect()
}
