//! Standard streams of every condition: none of them stops or ends it.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, HULLO, PATIENCE, Peer, Process, Serve, TempDir, eventually, full_pipe, python,
    raise_descriptor_limit, skip,
};

/// It greets, and ends in order when it is told to.
#[track_caller]
fn assert_serves(mut daemon: Daemon, dir: &TempDir) {
    eventually("it listens", || Peer::try_connect(&dir.unix("s")).is_ok());
    for number in 0..50 {
        let mut client = Peer::connect(&dir.unix("s"));
        client.expect("Welcome!");
        client.ping(number);
    }
    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.stderr());
    assert!(!dir.join("s").exists(), "the socket's file is left behind");
}

#[test]
fn a_log_file_that_has_reached_its_size_limit_ends_nothing() {
    let dir = TempDir::new();
    let log = dir.join("log");
    let serve = Serve::new([&dir.unix("s"), "--log-level", "debug"]).after("ulimit -f 4");
    assert_serves(serve.stderr(File::create(&log).unwrap()).start(), &dir);
    // POSIX has it in blocks of 512 bytes, bash in those of 1,024.
    let size = fs::metadata(&log).unwrap().len();
    assert!(size == 2048 || size == 4096, "the log has {size} bytes, and should be full");
}

#[test]
fn an_announcement_that_finds_no_room_in_a_file_ends_nothing() {
    let dir = TempDir::new();
    let serve = Serve::new([dir.unix("s")]).after("ulimit -f 0");
    let daemon = serve.stdout(File::create(dir.join("out")).unwrap()).start();
    daemon.wait_for_log("1 of 1 sockets could not be announced");
    assert_serves(daemon, &dir);
}

#[test]
fn a_stdout_that_is_full_and_that_nobody_reads_holds_up_neither_the_start_nor_the_end() {
    let dir = TempDir::new();
    let (_reader, writer) = full_pipe();
    let daemon = Serve::new([dir.unix("s")]).stdout(writer).start();
    daemon.wait_for_log("1 of 1 sockets could not be announced");
    assert_serves(daemon, &dir);
}

#[test]
fn more_announcements_than_a_pipe_holds_all_reach_a_reader_who_takes_his_time() {
    const SOCKETS: usize = 1200;
    if !raise_descriptor_limit(SOCKETS as u64 + 100) {
        return skip("the descriptor limit is too low here");
    }
    let dir = TempDir::new();
    let addresses: Vec<String> = (0..SOCKETS).map(|n| dir.unix(&format!("{n:_>60}"))).collect();
    let config = dir.write(
        "hullo.toml",
        addresses.iter().map(|address| format!("[[listen]]\naddress = {address:?}\n")).collect::<String>(),
    );
    let mut daemon = Serve::new(["--config", &config]).sockets(SOCKETS).start();
    for (listening, address) in daemon.listening.iter().zip(&addresses) {
        assert_eq!(&listening.address, address);
    }
    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.stderr());
}

#[test]
fn a_bad_filter_for_the_log_is_told_of_and_ends_nothing_whatever_stderr_is() {
    let dir = TempDir::new();
    let daemon = Serve::new([dir.unix("s")]).log("hullo=loud").start();
    daemon.wait_for_log("HULLO_LOG: hullo=loud is no filter and is ignored");
    assert_serves(daemon, &dir);

    let (_reader, writer) = full_pipe();
    assert_serves(Serve::new([dir.unix("s")]).log("a=b=c").stderr(writer).start(), &dir);

    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return skip("there is no /dev/full here");
    };
    assert_serves(Serve::new([dir.unix("s")]).log("a=b=c").stderr(full).start(), &dir);
}

#[test]
fn streams_that_are_closed_are_not_taken_for_sockets() {
    let dir = TempDir::new();
    let text = "dialects and what they say";
    dir.write("s.toml", format!("# {text}\n[[listen]]\naddress = {:?}\n", dir.unix("s")));
    let config = dir.join("s.toml").display().to_string();
    for closed in ["exec <&-", "exec >&-", "exec 2>&-", "exec <&- >&- 2>&-"] {
        let serve = Serve::new(["--config", &config, "--log-level", "trace"]).after(closed).sockets(0);
        assert_serves(serve.begin(), &dir);
    }
    assert!(fs::read_to_string(&config).unwrap().contains(text));
}

#[test]
fn an_error_that_nobody_reads_still_ends_the_command() {
    for arguments in [
        &["serve", "--no-such-flag"][..],
        &["serve", "tcp://192.0.2.1:0"],
        &["serve", "--config", "/no/such/file"],
        &["load", "nowhere"],
        &["talk"],
    ] {
        let (_reader, writer) = full_pipe();
        let mut command = Command::new(HULLO);
        let start = Instant::now();
        let mut child = command.args(arguments).stderr(writer).spawn().unwrap();
        let status = child.wait().unwrap();
        assert!(matches!(status.code(), Some(1 | 2)), "{arguments:?}: {status}");
        assert!(start.elapsed() < PATIENCE, "{arguments:?}");
    }
}

#[test]
fn a_result_that_finds_no_room_in_its_file_is_an_error_and_no_death() {
    let dir = TempDir::new();
    for command in ["completions bash", "serve --check-config", "dialects"] {
        let out = dir.join("out").display().to_string();
        let line = format!("ulimit -f 0; exec \"$0\" {command} >{out}");
        let mut shell = Command::new("sh");
        let mut process = Process::start(shell.args(["-c", &line, HULLO]));
        let status = process.wait(PATIENCE).unwrap();
        let stderr = process.stderr();
        assert_eq!(status.code(), Some(1), "{command}: {status}: {stderr}");
        assert!(stderr.contains("cannot write to stdout"), "{command}: {stderr}");
    }
}

#[test]
fn a_terminal_that_has_stopped_holds_up_neither_the_start_nor_the_end() {
    python("serve_on_terminal.py", &[HULLO.to_owned()], Duration::from_secs(60));
}
