//! The command line from outside: what goes to which stream, and the exit code.
#![cfg(feature = "cli")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
        (&["serve", "--idle-timeout", "5"], "500ms, 5s, 1m or 2h"),
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
fn each_mistake_in_a_config_is_told_with_its_file_and_line_and_the_nearest_name() {
    let dir = TempDir::new("mistakes");
    let file = dir.write(
        "hullo.toml",
        "[limits]\nidel = \"5s\"\naccepts = 0\n\n[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialekt = \"hello\"\n",
    );
    for check in [&[][..], &["--check-config"]] {
        let stderr = fail(2, &[&["serve", "--config", &file], check].concat());
        let lines: Vec<&str> = stderr.lines().collect();
        let [idle, accepts, dialect] = lines.as_slice() else { panic!("{stderr}") };
        assert!(
            idle.starts_with(&format!("{file}:2: ")) && idle.contains("did you mean \"idle\"?"),
            "{idle}"
        );
        assert!(accepts.starts_with(&format!("{file}:3: ")) && accepts.contains("at least 1"), "{accepts}");
        assert!(dialect.starts_with(&format!("{file}:7: ")), "{dialect}");
        assert!(dialect.contains("did you mean \"dialect\"?"), "{dialect}");
    }
}

#[test]
fn a_config_that_is_no_toml_or_no_text_is_told() {
    let dir = TempDir::new("no-toml");
    let file = dir.write("hullo.toml", "# fine\n[limits\n");
    assert!(fail(2, &["serve", "--config", &file]).starts_with(&format!("{file}:2: ")));
    let file = dir.write("bytes.toml", b"reply = \"\xff\"");
    assert!(fail(2, &["serve", "--config", &file]).contains("bytes.toml"));
    assert!(fail(2, &["serve", "--config", dir.0.to_str().unwrap()]).contains("cannot read the config"));
}

#[test]
fn check_config_prints_a_config_that_says_the_same() {
    let dir = TempDir::new("check");
    let file = dir.write(
        "hullo.toml",
        r#"
            [limits]
            connections = 77
            idle = "90s"
            write_stall = 0

            [[listen]]
            address = "tcp://127.0.0.1:0"
            dialect = "mine"
            framing = "line"

            [[listen]]
            address = "unixgram:/run/hullo.sock"
            dialect = "echo"
            mode = "0660"

            [dialects.mine]
            reply = "你好, {message}"
        "#,
    );
    let (printed, stderr) = succeed(&["serve", "--config", &file, "--check-config"]);
    assert_eq!(stderr, "");
    for line in [
        "connections = 77",
        "idle = \"90s\"",
        "write_stall = 0",
        "drain = \"25s\"",
        "address = \"tcp://127.0.0.1:0\"",
        "framing = \"line\"",
        "mode = \"0660\"",
        "reply = \"你好, {message}\"",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is missing in:\n{printed}");
    }
    let again = dir.write("again.toml", &printed);
    assert_eq!(succeed(&["serve", "--config", &again, "--check-config"]).0, printed);
}

#[test]
fn check_config_prints_every_limit_and_what_the_flags_make_of_it() {
    let args = [
        "serve",
        "--check-config",
        "--max-connections",
        "2k",
        "--idle-timeout",
        "0",
        "--drain-timeout",
        "1500ms",
    ];
    let (printed, _) = succeed(&args);
    let limits =
        printed.lines().skip_while(|line| *line != "[limits]").skip(1).take_while(|line| !line.is_empty());
    assert_eq!(
        limits.collect::<Vec<_>>(),
        [
            "connections = \"2k\"",
            "backlog = 4096",
            "nodelay = true",
            "reuse_address = true",
            "read_budget = \"64KiB\"",
            "accepts = 64",
            "datagrams = 256",
            "commands = 256",
            "timers = 1024",
            "outbox_high = \"64KiB\"",
            "outbox_low = \"16KiB\"",
            "outbox_cap = \"1MiB\"",
            "idle = 0",
            "write_stall = \"10s\"",
            "connect = \"10s\"",
            "linger = \"2s\"",
            "drain = \"1500ms\"",
            "datagram_rate = 100",
            "datagram_burst = 200",
            "datagram_sources = 4096",
            "rate_on_loopback = false",
        ]
    );
    assert!(printed.contains("address = \"tcp://127.0.0.1:9999\"\ndialect = \"hello\"\n"), "{printed}");
    assert!(printed.contains("address = \"udp://127.0.0.1:9999\"\ndialect = \"hello\"\n"), "{printed}");
}

#[test]
fn connections_keep_to_the_descriptor_limit() {
    let connections = |limit: &str, args: &str| {
        let output = shell(&format!("ulimit {limit} && exec \"$0\" serve --check-config {args}"));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let line = stdout.lines().find(|line| line.starts_with("connections = ")).map(str::to_owned);
        (line, String::from_utf8(output.stderr).unwrap())
    };
    let (line, stderr) = connections("-n 64", "--max-connections 1000");
    assert_eq!(line.unwrap(), "connections = 48");
    assert!(stderr.contains("WARN") && stderr.contains("going on with 48"), "{stderr}");

    let (line, stderr) = connections("-n 64", "--max-connections 40");
    assert_eq!((line.as_deref(), stderr.as_str()), (Some("connections = 40"), ""));

    let (line, stderr) = connections("-n 64", "--log-level warn");
    assert_eq!((line.as_deref(), stderr.as_str()), (Some("connections = 48"), ""), "nobody asked for more");

    let (line, stderr) = connections("-Sn 64", "--max-connections 100");
    assert_eq!(
        (line.as_deref(), stderr.as_str()),
        (Some("connections = 100"), ""),
        "the soft limit is raised"
    );

    let (line, stderr) = connections("-n 16", "");
    assert!(line.is_none() && stderr.contains("leaves no room for clients"), "{stderr}");
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
fn the_printed_dialects_are_a_config_as_they_stand() {
    let (toml, _) = succeed(&["dialects", "--toml"]);
    assert!(toml.starts_with("# "), "{toml}");
    let dir = TempDir::new("dialects");
    let file = dir.write("hullo.toml", &toml);
    let (printed, _) =
        succeed(&["serve", "--config", &file, "--check-config", "--dialect", "hello-datagram"]);
    assert!(printed.contains("dialect = \"hello-datagram\""), "{printed}");
}

#[test]
fn completions_name_every_command_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let (script, stderr) = succeed(&["completions", shell]);
        assert_eq!(stderr, "");
        for word in ["serve", "dialects", "completions", "man", "check-config"] {
            assert!(script.contains(word), "{shell}: {word} is missing");
        }
    }
    assert!(fail(2, &["completions", "ksh"]).contains("bash, zsh, fish"));
    assert!(fail(2, &["completions"]).contains("SHELL"));
}

#[test]
fn the_shells_accept_their_completions() {
    let dir = TempDir::new("completions");
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = dir.write(shell, succeed(&["completions", shell]).0);
        match Command::new(shell).args([check, &script]).stdin(Stdio::null()).output() {
            Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}"),
            Err(_) => skip(&format!("there is no {shell} here to read its completions")),
        }
    }
}

#[test]
fn the_manual_is_roff_and_tells_what_the_help_tells() {
    let (page, stderr) = succeed(&["man"]);
    assert_eq!(stderr, "");
    for part in
        [".TH hullo 1 ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n", ".SH EXAMPLES\n", "serve(1)"]
    {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
    let (page, _) = succeed(&["man", "serve"]);
    for part in [".TH hullo-serve 1 ", "check\\-config", ".SH EXAMPLES\n", "SIGTERM"] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
    assert!(fail(2, &["man", "srve"]).contains("no command \"srve\": choose one of serve, "));
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

#[test]
fn the_example_with_every_dialect_is_valid() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/blogs.toml");
    let (printed, stderr) = succeed(&["serve", "--config", file, "--check-config"]);
    assert_eq!((printed.matches("[[listen]]").count(), stderr.as_str()), (9, ""));
}

fn hullo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hullo"));
    command.args(args).stdin(Stdio::null()).env_remove("HULLO_LOG");
    command
}

/// Runs a line of sh, in which `$0` is hullo.
fn shell(line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_hullo")]).stdin(Stdio::null()).env_remove("HULLO_LOG");
    command.output().unwrap()
}

/// What it printed on stdout and on stderr.
#[track_caller]
fn succeed(args: &[&str]) -> (String, String) {
    let output = hullo(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// What it printed on stderr, having printed nothing on stdout.
#[track_caller]
fn fail(code: i32, args: &[&str]) -> String {
    let output = hullo(args).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{args:?}: {output:?}");
    text(&output.stderr).to_owned()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Says why a test does not test anything here, past the test runner.
fn skip(reason: &str) {
    let _ = writeln!(io::stderr(), "skipped: {reason}");
}

/// A directory of our own, gone at the end of the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let dir = std::env::temp_dir().join(format!("hullo-cli-{}-{name}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        TempDir(dir)
    }

    /// The path of a new file.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let file = Path::new(&self.0).join(name);
        fs::write(&file, content).unwrap();
        file.into_os_string().into_string().unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
