//! Where the reports of `hullo load` go: stdout, files and pipes, closed ones, one for two reports, and ones that nobody
//! reads. None of them holds the run up, and a signal ends it whatever waits.

use crate::load_common::{Lines, command, in_shell, options, refused, until};
use crate::support::*;
use nix::libc::O_NONBLOCK;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const QUICK: &str = "-c 2 -n 20 --warmup 0s";

/// A named pipe.
fn pipe(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Somebody who has opened a pipe and reads nothing of it, full as it is.
fn full(path: &Path) -> File {
    let mut pipe = OpenOptions::new().read(true).write(true).custom_flags(O_NONBLOCK).open(path).unwrap();
    let mut filled = 0;
    while filled < 64 << 20 {
        match pipe.write(&[b'.'; 4096]) {
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return pipe,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no pipe holds {filled} bytes");
}

#[test]
fn a_closed_stdout_is_an_error_of_every_result() {
    let server = Lines::greeting();
    let url = server.url();
    let dir = TempDir::new();
    let file = dir.join("run.json").display().to_string();
    let load = |more: &[&str]| {
        let mut arguments = vec!["load".to_owned()];
        arguments.extend(options(&url, QUICK).into_iter().chain(more.iter().map(|word| word.to_string())));
        arguments
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for arguments in [
        load(&[]),
        load(&["-o", &file]),
        words(&format!("talk {url} hi")),
        words("fetch http://127.0.0.1:1/"),
        words("dialects"),
        words("--help"),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-", HULLO]).args(&arguments).env_remove("HULLO_LOG");
        let mut process = Process::start(&mut shell);
        let code = process.wait(PATIENCE).expect("it ends").code();
        assert_eq!(code, Some(1), "{arguments:?}: {}", process.stderr());
        assert!(process.stderr().contains("stdout"), "{arguments:?}: {}", process.stderr());
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(written["verdict"]["status"], "passed", "what goes to a file is there");
}

#[test]
fn no_socket_takes_the_number_of_a_closed_stream() {
    let server = Lines::greeting();
    let mut process =
        Process::start(&mut in_shell("exec <&- 2>&-", options(&server.url(), &format!("{QUICK} -i 1ms"))));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{:?}", process.said());
    let report: Value = serde_json::from_str(&process.said().out.join("\n")).unwrap();
    assert_eq!((&report["requests"]["correct"], &report["requests"]["wrong"]), (&20.into(), &0.into()));
}

#[test]
fn two_reports_in_one_file_are_refused_by_whatever_names() {
    let dir = TempDir::new();
    let at = |name: &str| dir.join(name).display().to_string();
    fs::create_dir(at("sub")).unwrap();
    symlink("real", at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    dir.write("real", "what was there before");
    let (real, link, dots) = (at("real"), at("link"), at("sub/../real"));
    let (new, same, dangling, nowhere) = (at("new"), at("./new"), at("dangling"), at("nowhere"));
    let fifo = pipe(&dir, "pipe").display().to_string();
    for arguments in [
        ["-o", &real, "--html", &real],
        ["-o", &real, "--hdr", &link],
        ["--html", &dots, "--timeseries", &real],
        ["-o", &new, "--html", &same],
        ["-o", &dangling, "--html", &nowhere],
        ["-o", &fifo, "--html", &fifo],
        ["-o", "-", "--html", "-"],
        ["--hdr", "-", "--timeseries", "-"],
    ] {
        let (code, sentence) = refused(["tcp://127.0.0.1:1"].iter().chain(&arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {sentence}");
        assert!(arguments.iter().all(|word| word.starts_with("-o") || sentence.contains(word)), "{sentence}");
        assert!(!fs::exists(&new).unwrap() && !fs::exists(&nowhere).unwrap(), "nothing is left of it");
    }
    assert_eq!(fs::read_to_string(&real).unwrap(), "what was there before");
    let (code, sentence) = refused(["tcp://127.0.0.1:1", "--json", "--html", "-"]);
    assert_eq!(code, Some(2), "{sentence}");

    let mut process = Process::start(&mut in_shell(
        &format!("exec >{real}"),
        options("tcp://127.0.0.1:1", &format!("-o {link}")),
    ));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(2), "{}", process.stderr());
}

#[test]
fn a_dash_is_stdout_in_place_of_the_text() {
    let server = Lines::greeting();
    let url = server.url();
    let out = |more: &[&str]| {
        let line: Vec<&str> = QUICK.split_whitespace().collect();
        let mut process = Process::start(&mut command([&[url.as_str(), "-q"], &line[..], more].concat()));
        assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{}", process.stderr());
        process.said().out.join("\n")
    };
    for json in [&["-o", "-"][..], &["-o", "-", "--json"]] {
        assert!(serde_json::from_str::<Value>(&out(json)).unwrap().is_object());
    }
    assert!(out(&["--html", "-"]).starts_with("<!doctype html>"));
    assert!(out(&["--hdr", "-"]).starts_with("#[Histogram log"));
    let series = out(&["--timeseries", "-"]);
    assert!(series.lines().all(|line| serde_json::from_str::<Value>(line).unwrap().is_object()), "{series}");
    assert!(out(&["-o", "/dev/null", "--html", "/dev/null"]).starts_with("PASSED"), "a device takes both");
}

#[test]
fn a_reader_of_the_time_series_that_stalls_holds_no_run_up() {
    let server = Lines::greeting();
    let dir = TempDir::new();
    let path = pipe(&dir, "series");
    let _stalled = full(&path);
    let line = format!("-c 2 -d 1s --warmup 0s --timeseries {}", path.display());
    let mut process = Process::start(&mut command(options(&server.url(), &line)));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(1), "{}", process.stderr());
    let report: Value = serde_json::from_str(&process.said().out.join("\n")).unwrap();
    assert!(report["duration_s"].as_f64().unwrap() < 3.0, "{report:#}");
    assert!(process.stderr().contains("lines were not written to"), "{}", process.stderr());

    let line = format!("-c 2 -d 60s --warmup 0s --timeseries {}", path.display());
    let mut process = Process::start(&mut command(options(&server.url(), &line)));
    let before = server.messages();
    until("it is under way", || server.messages() > before + 100);
    process.signal("INT");
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(130), "{}", process.stderr());
    let report: Value = serde_json::from_str(&process.said().out.join("\n")).unwrap();
    assert_eq!(report["verdict"]["status"], "stopped");
}

#[test]
fn a_time_series_comes_as_it_is_written() {
    let server = Lines::greeting();
    let dir = TempDir::new();
    let path = pipe(&dir, "series");
    let line = format!("-c 2 -d 2s --warmup 0s --timeseries {}", path.display());
    let mut process = Process::start(&mut command(options(&server.url(), &line)));
    let mut series = String::new();
    File::open(&path).unwrap().read_to_string(&mut series).unwrap();
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{}", process.stderr());
    let report: Value = serde_json::from_str(&process.said().out.join("\n")).unwrap();
    let seconds: Vec<Value> = series.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let correct: u64 = seconds.iter().map(|second| second["requests"]["correct"].as_u64().unwrap()).sum();
    assert_eq!(correct, report["requests"]["correct"].as_u64().unwrap(), "{series}");
}

#[test]
fn a_signal_ends_what_waits_for_a_reader() {
    let server = Lines::greeting();
    let dir = TempDir::new();
    let (stalled, unread) = (pipe(&dir, "stalled"), pipe(&dir, "unread"));
    let _reader = full(&stalled);
    let to_stdout = |line: &str| {
        let mut load = command(options(&server.url(), line));
        load.stdout(OpenOptions::new().write(true).open(&stalled).unwrap()).stderr(Stdio::piped());
        load
    };
    let to_pipe = |path: &Path| {
        let mut load = command(options(&server.url(), &format!("{QUICK} -o {}", path.display())));
        load.stdout(Stdio::piped()).stderr(Stdio::piped());
        load
    };
    for (mut command, requests) in [
        (to_stdout(QUICK), 20),
        (to_stdout("-c 2 -d 60s --warmup 0s"), 100),
        (to_pipe(&stalled), 20),
        (to_pipe(&unread), 20),
    ] {
        let before = server.messages();
        let mut process = Process::start_as_it_is(&mut command);
        until("its requests are out", || server.messages() >= before + requests);
        let deadline = Instant::now() + PATIENCE;
        // The first ends the measuring, if that goes on; another one the waiting.
        let status = loop {
            assert!(Instant::now() < deadline, "no signal ends {command:?}");
            process.signal("TERM");
            if let Some(status) = process.wait(Duration::from_millis(300)) {
                break status;
            }
        };
        assert_eq!(status.code(), Some(143), "{command:?}");
    }
}

#[test]
fn a_signal_that_comes_twice_at_once_leaves_the_report() {
    let server = Lines::greeting();
    let mut process = Process::start(&mut command(options(&server.url(), "-c 2 -d 60s --warmup 0s")));
    until("it is under way", || server.messages() > 100);
    let kill = format!("kill -TERM {0}; kill -INT {0}; kill -TERM {0}", process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let code = process.wait(PATIENCE).expect("it ends").code();
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    let report: Value = serde_json::from_str(&process.said().out.join("\n")).unwrap();
    assert_eq!(
        (&report["verdict"]["status"], report["exit_code"].as_i64()),
        (&"stopped".into(), code.map(i64::from))
    );
}

#[test]
fn a_terminal_that_has_stopped_holds_no_run_up() {
    let server = Lines::greeting();
    python("load_on_stopped_terminal.py", &[HULLO.to_owned(), server.url()], PATIENCE);
}

#[test]
fn what_was_typed_stays_on_its_line_in_every_report() {
    let server = Lines::greeting();
    let dir = TempDir::new();
    let names = ["run.json", "run.html", "run.hlog", "run.jsonl"];
    let [json, html, hdr, series] = names.map(|name| dir.join(name).display().to_string());
    let message = "a\rb\u{85}c\u{2028}d\u{1b}[31me-{seq}";
    let arguments = [
        &server.url(),
        "-q",
        "-c",
        "2",
        "-n",
        "20",
        "--warmup",
        "0s",
        "-m",
        message,
        "-o",
        &json,
        "--html",
        &html,
        "--hdr",
        &hdr,
        "--timeseries",
        &series,
    ];
    let mut process = Process::start(&mut command(arguments));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{:?}", process.said());
    let ends = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}');
    let text = process.said().out.join("\n");
    let [json, html, hdr, series] = [json, html, hdr, series].map(|path| fs::read_to_string(path).unwrap());
    for report in [&text, &json, &html, &hdr, &series] {
        assert!(!report.contains(ends), "{report:?}");
    }
    let shown = r"a\x0db\xc2\x85c\xe2\x80\xa8d\x1b[31me";
    assert!(text.contains(shown) && html.contains(shown) && hdr.contains(shown), "{text}");
    assert!(hdr.lines().skip(4).all(|line| line.starts_with(['#', '"', 'T'])), "{hdr}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["settings"]["message"], message, "a script has it as it was");
}
