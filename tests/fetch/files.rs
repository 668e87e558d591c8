//! The files that `hullo fetch` leaves, what it says of them, and the descriptors that it takes for them.

use crate::support::*;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

#[test]
fn it_says_which_file_it_wrote() {
    let Some(server) = Server::odd() else { return };
    let dir = TempDir::new();
    let (file, url) = (dir.join("file").display().to_string(), server.url("both"));
    let fetched = fetch(["-o", &file, &url]);
    assert!(fetched.err.ends_with(&format!("\n\n{url}: saved as {file} (2 bytes)\n")), "{}", fetched.err);
    let folder = dir.join("folder");
    let fetched = fetch([&url, &server.url("interim"), &url, "--output-dir", folder.to_str().unwrap()]);
    for (path, name) in [("both", "both"), ("interim", "interim"), ("both", "both-1")] {
        let line = format!("{}: saved as {} (2 bytes)\n", server.url(path), folder.join(name).display());
        assert!(fetched.err.contains(&line), "{line}: {}", fetched.err);
    }
    // An error's page is saved, and told as well.
    let fetched = fetch(["-o", &file, &server.url("error")]);
    assert!(fetched.err.contains("saved as") && fetched.err.contains("error: "), "{}", fetched.err);
    assert!(!fetch(["-o", "/dev/null", &url]).err.contains("saved"), "nothing was");
}

#[test]
fn a_quiet_fetch_says_only_what_went_wrong() {
    let Some(server) = Server::odd() else { return };
    let dir = TempDir::new();
    let file = dir.join("file").display().to_string();
    for arguments in [&["-q"][..], &["--quiet", "-o", &file]] {
        let fetched = fetch(arguments.iter().copied().chain([server.url("a/b/relative").as_str()]));
        assert_eq!((fetched.code, fetched.err.as_str()), (Some(0), ""));
    }
    assert_eq!(fs::read(&file).unwrap(), b"hi");
    let url = server.url("error");
    let failed = fetch(["-q", &url]);
    assert_eq!(failed.err, format!("error: {url}: the server answered with an error, 500\n"));
    assert_eq!((failed.code, failed.body.as_slice()), (Some(1), &b"sorry"[..]));
}

/// What a command has shown on a terminal that stands for these streams.
fn shown(streams: &str, arguments: &[String]) -> Fetched {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/on_terminal.py");
    run(Command::new("python3").args(["-B", script, streams, HULLO, "fetch"]).args(arguments))
}

#[test]
fn a_terminal_shows_how_many_pages_are_done() {
    let Some(server) = Server::odd() else { return };
    let dir = TempDir::new();
    let mut arguments: Vec<String> = (0..20).map(|_| server.url("drip")).collect();
    arguments.extend([server.url("error"), "--output-dir".to_owned(), dir.path().display().to_string()]);
    let fetched = shown("err", &arguments);
    assert_eq!(fetched.code, Some(1), "an error is among them: {}", fetched.err);
    let text = String::from_utf8(fetched.body).unwrap();
    assert!(text.contains("/21 pages") && text.contains("1 failed"), "{text}");
    arguments.push("-q".to_owned());
    let text = String::from_utf8(shown("err", &arguments).body).unwrap();
    assert!(!text.contains("/21 pages") && text.starts_with("error: "), "{text}");
}

#[test]
fn a_terminal_is_shown_text_and_a_pipe_given_bytes() {
    let Some(server) = Server::odd() else { return };
    let bytes = b"\x1b[2J\x1b]52;c;aGk=\x07\xc2\x9b6n\x9b\rx\r\n\xe6\x95\xb0\xe2\x80\xae\xe6\x95";
    assert_eq!(fetch([server.url("tricks")]).body, bytes);
    // The second body begins anew, whatever the first has left unfinished.
    let arguments = ["-q".to_owned(), server.url("tricks"), server.url("both")];
    let shown = shown("out,err", &arguments);
    let text = String::from_utf8(shown.body).unwrap();
    let expected = r"\x1b[2J\x1b]52;c;aGk=\x07\u{9b}6n\x9b\x0dx\x0d\x0a\xe6\x95\xb0\u{202e}\xe6\x95hi";
    assert_eq!((shown.code, text.trim_end()), (Some(0), expected));
}

#[test]
fn a_dash_stands_for_stdout() {
    let Some(server) = Server::odd() else { return };
    assert_eq!(fetch(["-o", "-", &server.url("both")]).text(), "hi");
    assert_eq!(fetch(["-o", "-", &server.url("both"), &server.url("interim")]).text(), "hihi");
    assert!(!fs::exists("-").unwrap());
}

#[test]
fn a_closed_stdout_is_an_error_where_the_page_would_go_there() {
    let Some(server) = Server::odd() else { return };
    let dir = TempDir::new();
    let fetch = |rest: &str| {
        let line = format!("exec \"$0\" fetch -q \"$1\" {rest}");
        run(Command::new("sh").current_dir(dir.path()).args(["-c", &line, HULLO, &server.url("both")]))
    };
    assert!(fetch(">&-").sentence().starts_with("cannot write to stdout: it is closed"));
    assert_eq!(fetch(">&- 2>&- <&-").code, Some(1));
    assert_eq!((fetch("-o file >&-").code, fetch(">/dev/null").code), (Some(0), Some(0)));
    assert_eq!(fs::read(dir.join("file")).unwrap(), b"hi");
}

/// In a container each run has the same number: what one leaves behind is in nobody's way.
#[test]
fn what_a_killed_run_has_left_stops_no_later_one() {
    let dir = TempDir::new();
    let left = |dir: &TempDir| names(dir.path()).into_iter().filter(|name| name.ends_with(".part")).count();
    for run in 1..=2 {
        let unfinished = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", unfinished.local_addr().unwrap());
        let mut command = Command::new(HULLO);
        let mut process = Process::start(command.args(["fetch", &url, "-o"]).arg(dir.join("file")));
        let (mut client, _) = unfinished.accept().unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
        eventually("the half file is there", || left(&dir) == run);
        process.signal("KILL");
        assert_eq!(process.wait(PATIENCE).unwrap().code(), None);
    }
    let Some(server) = Server::odd() else { return };
    // Its number cannot be chosen, but every name that the number alone would give can be taken.
    let names_of_one =
        r#"for n in 0 1; do : > "$1/.hullo-fetch-$$-$n.part"; done; exec "$0" fetch -o "$1/file" "$2""#;
    let mut command = Command::new("sh");
    command.args(["-c", names_of_one, HULLO, dir.path().to_str().unwrap(), &server.url("both")]);
    assert_eq!(run(&mut command).code, Some(0));
    assert_eq!(fs::read(dir.join("file")).unwrap(), b"hi");
}

#[test]
fn pages_for_which_there_are_no_descriptors_wait_for_their_turn() {
    let dir = TempDir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Answers each, and ends none: whoever asked holds its descriptor until it closes.
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let _ = client.read(&mut head);
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
                let _ = client.read(&mut head);
            });
        }
    });
    let urls = (0..100).map(|n| format!("http://{address}/{n}"));
    if Command::new("bash").arg("--version").output().is_err() {
        return skip("there is no bash here, which can open many descriptors");
    }
    // Some of them are somebody else's, of which the limit does not tell.
    for (limit, inherited, into_folder) in
        [(64, 0, true), (64, 0, false), (20, 0, true), (16, 0, false), (64, 44, true), (64, 44, false)]
    {
        let folder = dir.join(format!("{limit}-{inherited}"));
        let line = format!(
            "for ((n = 10; n < 10 + {inherited}; n++)); do eval \"exec $n</dev/null\"; done
             ulimit -n {limit}; exec \"$0\" fetch -q \"$@\""
        );
        let mut command = Command::new("bash");
        command.args(["-c", &line, HULLO]).args(urls.clone());
        if into_folder {
            command.arg("--output-dir").arg(&folder);
        }
        let fetched = crate::support::run(&mut command);
        assert_eq!((fetched.code, fetched.err.as_str()), (Some(0), ""), "{limit}");
        if into_folder {
            assert_eq!(names(&folder).len(), 100);
            assert!((0..100).all(|n| fs::read(folder.join(n.to_string())).unwrap() == b"page"));
        } else {
            assert_eq!(fetched.body, b"page".repeat(100));
        }
    }
}

#[test]
fn without_descriptors_for_a_single_page_it_says_so() {
    let Some(server) = Server::odd() else { return };
    // What the loop itself takes leaves none; with less than these, not even stderr can be opened once more.
    let mut told_how = false;
    for limit in 5..16 {
        let mut command = Command::new("sh");
        let line = format!("ulimit -n {limit}; exec \"$0\" fetch -q \"$1\"");
        let fetched = crate::support::run(command.args(["-c", &line, HULLO, &server.url("both")]));
        match fetched.code {
            Some(0) => assert_eq!(fetched.body, b"hi"),
            code => {
                assert_eq!(code, Some(1), "{limit}");
                assert!(fetched.err.contains("Too many open files"), "{limit}: {}", fetched.err);
                told_how |= fetched.err.contains("ulimit -n");
            }
        }
    }
    assert!(told_how);
}
