//! An example that runs beside a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PATIENCE, Peer, Process};

/// An example that runs until the test is over.
pub struct Example {
    pub process: Process,
    /// Where it listens.
    pub address: String,
}

impl Example {
    /// Starts it and waits until it says where it listens, with the last word of its first line.
    #[track_caller]
    pub fn start(name: &str, arguments: &[&str]) -> Example {
        let process = Process::start(Command::new(example(name)).args(arguments));
        let address = process.wait_for(PATIENCE, |said| {
            said.out.first().and_then(|line| line.split(' ').next_back()).map(str::to_owned)
        });
        let Some(address) = address else { panic!("{name} does not listen: {}", process.stderr()) };
        Example { process, address }
    }

    #[track_caller]
    pub fn connect(&self) -> Peer {
        Peer::connect(&self.address)
    }

    #[track_caller]
    pub fn inet(&self) -> SocketAddr {
        self.address.split_once("://").unwrap().1.parse().unwrap()
    }
}

/// `cargo test` builds the examples as well, into a directory next to that of this program; `cargo test --test` does
/// not, and may find old ones.
pub fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let path = this.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    let source = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let is_current = changed(&path) >= changed(Path::new(&source));
    assert!(is_current, "{} is missing or old: run `cargo build --examples` first", path.display());
    path
}
