//! The command line from outside: what goes to which stream, and the exit code.

use crate::support::{fail, hullo, shell, succeed, text};
use std::fs::File;
use std::io;

#[test]
fn help_and_version_are_results() {
    for args in [
        &["-h"][..],
        &["--help"],
        &["help"],
        &["serve", "-h"],
        &["serve", "--help"],
        &["dialects", "-h"],
        &["talk", "-h"],
    ] {
        let (stdout, stderr) = succeed(args);
        assert!(stdout.contains("Usage: hullo"), "{args:?}: {stdout}");
        assert_eq!(stderr, "", "{args:?}");
    }
    assert_eq!(succeed(&["-V"]).0, format!("hullo {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_long_help_has_examples_and_the_short_one_has_none() {
    for command in [&[][..], &["serve"], &["talk"]] {
        assert!(!succeed(&[command, &["-h"]].concat()).0.contains("Examples:"));
        assert!(succeed(&[command, &["--help"]].concat()).0.contains("Examples:"));
    }
}

#[test]
fn no_command_is_a_usage_error_that_shows_the_help() {
    let stderr = fail(2, &[]);
    assert!(stderr.contains("Usage: hullo") && stderr.contains("serve"), "{stderr}");
}

#[test]
fn a_usage_error_names_what_is_wrong_and_the_remedy() {
    for (args, part) in [
        (&["srve"][..], "'serve'"),
        (&["serve", "--dialekt", "hello"], "--dialect"),
        (&["serve", "localhost:80"], "tcp://HOST:PORT"),
        (&["serve", "--framing", "lines"], "auto, raw, line"),
        (&["serve", "--log-level", "loud"], "off, error, warn, info, debug, trace"),
        (&["serve", "--idle-timeout", "5x"], "500ms, 5s, 1m or 2h"),
        (&["serve", "--drain-timeout", "soon"], "500ms, 5s, 1m or 2h"),
        (&["serve", "--max-message", "64k"], "512, 64KiB or 1MiB"),
        (&["serve", "--max-connections", "many"], "10000, 10k or 1M"),
        (&["serve", "--max-connections", "0"], "at least 1"),
        (&["serve", "--max-message", "0"], "choose 1 to"),
        (&["serve", "--max-message", "3"], "raise max_message"),
        (&["serve", "--dialect", "helo"], "did you mean \"hello\"? The dialects are hello, patient, plain"),
        (&["serve", "--dialect", "quiet", "tcp://127.0.0.1:0"], "add a udp:// or unixgram: address"),
        (&["serve", "--dialect", "once", "udp://127.0.0.1:0"], "add a tcp:// or unix: address"),
        (&["serve", "tcp://127.0.0.1:5", "tcp://127.0.0.1:5"], "tcp://127.0.0.1:5 is asked for twice"),
        (&["serve", "--config", "/no/such/file"], "/no/such/file"),
        (&["dialects", "--tmol"], "--toml"),
    ] {
        let stderr = fail(2, args);
        assert!(stderr.starts_with("error: ") && stderr.contains(part), "{args:?}: {stderr}");
    }
}

#[test]
fn what_is_wrong_with_both_default_sockets_is_told_once() {
    let stderr = fail(2, &["serve", "--max-message", "0"]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_name_without_an_address_fails_and_is_told() {
    let stderr = fail(1, &["serve", "tcp://no..name:1"]);
    assert!(stderr.starts_with("error: tcp://no..name:1: the name cannot be looked up"), "{stderr}");
    fail(2, &["serve", "tcp://no..name:1", "--check-config"]);
}

#[test]
fn a_log_without_a_terminal_has_no_colours() {
    let output = shell("ulimit -n 64 && TERM=xterm exec \"$0\" serve --check-config --max-connections 99");
    assert!(!output.stderr.is_empty() && !output.stderr.contains(&0x1b), "{output:?}");
}

#[test]
fn the_table_of_dialects_has_a_line_for_each() {
    let (table, stderr) = succeed(&["dialects"]);
    assert_eq!(stderr, "");
    let words = table.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            "NAME TRANSPORT",
            "hello stream",
            "patient stream",
            "plain stream",
            "receipt stream",
            "indeed stream",
            "once stream",
            "hello datagram",
            "echo datagram",
            "quiet datagram",
        ]
    );
    assert!(table.lines().all(|line| line.trim_end() == line), "{table}");
}

#[test]
fn a_reader_that_has_left_has_seen_enough() {
    for args in [
        &["dialects"][..],
        &["dialects", "--toml"],
        &["serve", "--check-config"],
        &["completions", "zsh"],
        &["man"],
        &["--help"],
        &["-V"],
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = hullo(args).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_closed_stdout_is_no_reason_to_panic() {
    for args in ["dialects", "serve --check-config", "completions bash", "man", "--help"] {
        let output = shell(&format!("exec \"$0\" {args} >&-"));
        assert!(output.status.code().is_some_and(|code| code <= 1), "{output:?}");
        assert!(!text(&output.stderr).contains("panic"), "{output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout_is_a_failure_and_under_stderr_it_is_not() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for args in
        [&["dialects"][..], &["serve", "--check-config"], &["completions", "fish"], &["man"], &["--help"]]
    {
        let output = hullo(args).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).starts_with("error: cannot write to stdout: "), "{output:?}");
    }
    let status = hullo(&["serve", "--dialect", "helo"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    let log = shell("ulimit -n 64; exec \"$0\" serve --check-config --max-connections 99 2>/dev/full");
    assert_eq!(log.status.code(), Some(0));
}
