//! What only a local peer can do to the daemon and to `hullo talk`: the longest name, and descriptors.

use crate::support::{Daemon, HULLO, TempDir, python};

#[test]
fn no_name_ends_the_daemon_and_no_message_leaves_descriptors_behind() {
    let dir = TempDir::new();
    let addresses = [dir.unix("s"), dir.unix("p").replace("unix:", "unixpacket:"), dir.unixgram("d")];
    let mut daemon = Daemon::start(addresses.clone());
    let first = [HULLO.to_owned(), dir.path().display().to_string(), daemon.id().to_string()];
    python("local_peers.py", &[first.as_slice(), &addresses].concat(), crate::support::PATIENCE * 3);
    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.stderr());
}
