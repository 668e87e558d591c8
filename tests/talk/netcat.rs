//! netcat, at both ends: as a client of the daemon, and as a listener that `hullo talk` calls.

use crate::support::{Daemon, PATIENCE, Process, skip, talk_piped};
use std::process::Command;

/// Whether there is an nc that knows `-N` (OpenBSD's, which Debian has).
fn has_netcat() -> bool {
    let help = Command::new("nc").arg("-h").output();
    let knows = help.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("-N"));
    if !knows {
        skip("there is no netcat here that knows -N (netcat-openbsd)");
    }
    knows
}

#[test]
fn netcat_that_ends_its_side_gets_every_answer() {
    if !has_netcat() {
        return;
    }
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let port = daemon.inet().port();
    let mut netcat = Command::new("sh");
    netcat.args(["-c", &format!("printf 'a\\nb\\nc' | nc -N 127.0.0.1 {port}")]);
    let mut netcat = Process::start(&mut netcat);
    assert_eq!(netcat.wait(PATIENCE).expect("it ends").code(), Some(0));
    assert_eq!(netcat.said().out, ["Welcome!Hello, a!", "Hello, b!", "Hello, c!"]);
}

#[test]
fn netcat_that_listens_hears_what_is_said() {
    if !has_netcat() {
        return;
    }
    let mut netcat = Process::start(Command::new("nc").args(["-l", "-v", "127.0.0.1", "0"]));
    let port = netcat.wait_for(PATIENCE, |said| {
        let line = said.err.iter().find(|line| line.starts_with("Listening on "))?;
        line.rsplit(' ').next()?.parse::<u16>().ok()
    });
    let port = port.expect("it says where it listens");
    let address = format!("tcp://127.0.0.1:{port}");
    let talked = talk_piped(&[address.as_str(), "--framing", "line"], "Michael\nAnn\n");
    assert_eq!((talked.code, talked.out.len()), (Some(0), 0), "{}", talked.err);
    assert_eq!(netcat.wait(PATIENCE).expect("it ends").code(), Some(0));
    assert_eq!(netcat.said().out, ["Michael", "Ann"]);
}
