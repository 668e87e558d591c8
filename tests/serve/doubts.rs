//! SIGHUP in doubtful cases: what cannot be read or bound changes nothing, and holds nobody up.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, HULLO, PATIENCE, Peer, Process, Serve, TempDir, etc, eventually, has_mounts, in_mounts, is_open,
    skip,
};

/// Waits until its log has `count` lines that hold `text`.
#[track_caller]
fn wait_for_lines(daemon: &Daemon, text: &str, count: usize) {
    let has_them = daemon.wait_for(PATIENCE, |said| {
        (said.err.iter().filter(|line| line.contains(text)).count() >= count).then_some(())
    });
    assert!(has_them.is_some(), "{text:?} is not in its log {count} times:\n{}", daemon.stderr());
}

/// A config that listens at `addresses`.
fn config(dir: &TempDir, addresses: &[&str]) -> String {
    let listen = |address: &&str| format!("[[listen]]\naddress = {address:?}\n");
    dir.write("hullo.toml", addresses.iter().map(listen).collect::<String>())
}

#[test]
fn a_config_that_can_be_read_only_once_changes_nothing_the_second_time() {
    let dir = TempDir::new();
    let fifo = dir.join("fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let text = format!("[[listen]]\naddress = {:?}\n", dir.unix("s"));
    let of_a_fifo = Serve::new(["--config", &fifo]).begin();
    fs::write(&fifo, &text).unwrap(); // waits for the reader
    assert_only_once(of_a_fifo, &dir);

    let inherited = Serve::new(["--config", "/dev/fd/7"]);
    let of_a_pipe = inherited.after(&format!("exec 7<<END\n{text}\nEND")).sockets(1).start();
    let link = fs::read_link(format!("/proc/{}/fd/7", of_a_pipe.id())).unwrap();
    if !link.display().to_string().starts_with("pipe:") {
        return skip("this shell makes files of its here-documents");
    }
    assert_only_once(of_a_pipe, &dir);
}

#[track_caller]
fn assert_only_once(mut daemon: Daemon, dir: &TempDir) {
    eventually("it listens", || is_open(dir, "s"));
    let mut client = Peer::connect(&dir.unix("s"));
    client.expect("Welcome!");
    for round in 1..3 {
        daemon.signal("HUP");
        wait_for_lines(&daemon, "nothing has changed: cannot read the config", round);
        client.ping(round);
        let mut new = Peer::connect(&dir.unix("s"));
        new.expect("Welcome!");
        new.ping("new");
    }
    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.stderr());
}

#[test]
fn a_config_that_is_being_written_changes_nothing() {
    let dir = TempDir::new();
    let path = config(&dir, &[&dir.unix("s")]);
    let mut daemon = Serve::new(["--config", &path]).sockets(1).start();
    for (round, text) in ["", "\n\n  \n"].into_iter().enumerate() {
        dir.write("hullo.toml", text);
        daemon.signal("HUP");
        wait_for_lines(&daemon, "it is empty", round + 1);
        assert!(is_open(&dir, "s"));
    }
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_socket_whose_file_is_gone_is_bound_anew() {
    let dir = TempDir::new();
    let text =
        format!("[[listen]]\naddress = {:?}\n[[listen]]\naddress = {:?}\n", dir.unix("s"), dir.unixgram("d"));
    let config = dir.write("hullo.toml", &text);
    let mut daemon = Serve::new(["--config", &config]).sockets(2).start();
    let mut old = daemon.welcomed();
    for name in ["s", "d"] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    daemon.signal("HUP");
    daemon.wait_for_log(&format!("reloaded: opened {}", dir.unix("s")));
    daemon.wait_for_log(&format!("reloaded: opened {}", dir.unixgram("d")));
    daemon.wait_for_log(&format!("reloaded: closed {}", dir.unixgram("d")));
    daemon.welcomed().ping("on a new file");
    old.ping("still here");
    let sender = UnixDatagram::bind(dir.join("me")).unwrap();
    sender.send_to(b"Anna", dir.join("d")).unwrap();
    let mut answer = [0; 100];
    sender.set_read_timeout(Some(PATIENCE)).unwrap();
    let n = sender.recv(&mut answer).unwrap();
    assert_eq!(answer[..n], *b"Hello, Anna!");

    // Somebody else's is in its place: ours is kept, and nobody is told that it can be reached.
    fs::remove_file(dir.join("s")).unwrap();
    let other = UnixListener::bind(dir.join("s")).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_log(&format!("{}: nobody reaches it, another file is in its place", dir.unix("s")));
    let listening = format!("reloaded: listening on {}", dir.unixgram("d"));
    wait_for_lines(&daemon, &listening, 2);
    old.ping("still here");
    assert_eq!(daemon.terminate(), Some(0));
    let at_s = format!("reloaded: listening on {}", dir.unix("s"));
    assert_eq!(daemon.stderr().matches(&at_s).count(), 1, "{}", daemon.stderr());
    assert!(dir.join("s").exists() && !dir.join("d").exists());
    drop(other);
}

#[test]
fn a_socket_of_its_own_in_the_way_of_another_is_told_as_what_it_is() {
    let dir = TempDir::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (narrow, wide) = (format!("tcp://127.0.0.1:{port}"), format!("tcp://*:{port}"));
    for (from, to) in [(&narrow, &wide), (&wide, &narrow), (&dir.unix("s"), &dir.unixgram("s"))] {
        let path = config(&dir, &[from]);
        let mut daemon = Serve::new(["--config", &path]).sockets(1).start();
        config(&dir, &[to]);
        daemon.signal("HUP");
        let line = daemon.wait_for_log("nothing has changed");
        assert!(line.contains(&format!("{to} is in use by {from}, which is ours as well")), "{line}");
        let reach = from.replace('*', "127.0.0.1");
        Peer::connect(&reach).expect("Welcome!");
        assert_eq!(daemon.terminate(), Some(0));
    }
    let (code, _, stderr) = Serve::new([&narrow, &wide]).run();
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("{wide} is in use by {narrow}, which is ours as well")), "{stderr}");
}

/// The name server of a mount namespace of the test's own is a socket that says nothing.
#[test]
fn a_name_that_nobody_looks_up_holds_up_neither_clients_nor_the_end() {
    if !has_mounts() {
        return;
    }
    let dir = TempDir::new();
    let bound = UdpSocket::bind(("127.83.71.19", 53));
    let Ok(silent) = bound else { return skip("port 53 is not free or not allowed here") };
    let hosts = dir.write("nsswitch", "hosts: dns\n");
    let servers = dir.write("resolv", "nameserver 127.83.71.19\noptions timeout:20 attempts:3\n");
    let path = config(&dir, &[&dir.unix("s")]);
    let line = format!(
        "{} && {} || exit 9\nexec {HULLO} serve --config {path}",
        etc("resolv.conf", servers),
        etc("nsswitch.conf", hosts)
    );
    let mut daemon = Process::start(&mut in_mounts(&line));
    eventually("it listens", || is_open(&dir, "s"));
    let mut client = Peer::connect(&dir.unix("s"));
    client.expect("Welcome!");

    config(&dir, &["tcp://nobody-knows.example:0"]);
    for round in 0..3 {
        daemon.signal("HUP");
        let mut asked = [0; 512];
        if round == 0 {
            silent.set_read_timeout(Some(PATIENCE)).unwrap();
            silent.recv(&mut asked).unwrap(); // the look-up has begun
        }
        client.ping(round);
        let mut new = Peer::connect(&dir.unix("s"));
        new.expect("Welcome!");
        new.ping("new");
    }
    let start = Instant::now();
    daemon.signal("TERM");
    client.expect_last("");
    let status = daemon.wait(PATIENCE).unwrap_or_else(|| panic!("it waits for the name"));
    assert_eq!(status.code(), Some(0), "{}", daemon.stderr());
    assert!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
}
