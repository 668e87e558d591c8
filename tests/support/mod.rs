//! What the rooms share: processes that never outlive their test, a daemon and what it says, the client's end of a
//! stream, a reactor with a handler that writes down what it is told, a temporary directory.
#![allow(dead_code, unused_imports)] // each room is a program of its own and uses its own part

mod certificate;
mod client;
mod harness;
mod namespace;
mod process;
mod recorder;
mod skip;
mod temp;

#[cfg(feature = "cli")]
mod daemon;
#[cfg(feature = "cli")]
mod example;
#[cfg(feature = "cli")]
mod fetch;
#[cfg(feature = "cli")]
mod histogram_log;
#[cfg(feature = "cli")]
mod hullo;
#[cfg(feature = "cli")]
mod talk;

pub use certificate::{Certificate, TlsPeer, hear, hear_last, say, shake_hands};
pub use client::{Peer, is_open, raise_descriptor_limit, udp, uninterrupted};
pub use harness::*;
pub use namespace::{etc, has_mounts, has_network, in_mounts, in_network, is_in_network};
pub use process::{Process, cpu_time, python, python_server, python3, signal, state, status};
pub use recorder::*;
pub use skip::{PATIENCE, skip};
pub use temp::{TempDir, names};

#[cfg(feature = "cli")]
pub use daemon::{Daemon, Listening, Serve, full_pipe};
#[cfg(feature = "cli")]
pub use example::{Example, example};
#[cfg(feature = "cli")]
pub use fetch::{Fetched, Server, fetch, noise, run};
#[cfg(feature = "cli")]
pub use histogram_log::logged;
#[cfg(feature = "cli")]
pub use hullo::{HULLO, fail, hullo, shell, succeed, text};
#[cfg(feature = "cli")]
pub use talk::{Talk, Talked, hello, one_read, server, talk, talk_from, talk_piped};

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
