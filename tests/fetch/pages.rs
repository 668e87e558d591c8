//! `hullo fetch` against servers that owe us nothing: Python's http.server, a server that is odd on purpose.

use crate::support::*;
use socket2::{Domain, Socket, Type};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_page_goes_to_stdout_and_its_head_to_stderr() {
    let dir = TempDir::new();
    dir.write("page.txt", "hello\n");
    fs::create_dir(dir.join("sub")).unwrap();
    dir.write("sub/index.html", "<p>index");
    let Some(server) = Server::files(dir.path()) else { return };

    let fetched = fetch([server.url("page.txt?query#fragment")]);
    assert_eq!(fetched.text(), "hello\n");
    assert!(fetched.err.starts_with("HTTP/1.0 200 OK\nServer: SimpleHTTP/"), "{}", fetched.err);
    assert!(fetched.err.ends_with("\n\n") && !fetched.err.contains('\r'), "{}", fetched.err);
    assert!(fetch([server.url("")]).text().contains("<a href=\"page.txt\">"));

    // A folder without its slash is redirected to the one with it, by a path.
    let fetched = fetch([server.url("sub")]);
    assert_eq!(fetched.text(), "<p>index");
    assert!(fetched.err.starts_with("HTTP/1.0 301 ") && fetched.err.contains("\n\nHTTP/1.0 200 OK\n"));

    let fetched = fetch([server.url("nope")]);
    assert_eq!(fetched.sentence(), format!("{}: the server answered with an error, 404", server.url("nope")));
    assert!(String::from_utf8_lossy(&fetched.body).contains("File not found"), "the page is printed anyway");
}

#[test]
fn a_hundred_pages_at_once_come_whole_and_in_order() {
    let dir = TempDir::new();
    let pages: Vec<String> = (0..100).map(|n| format!("{n}:").repeat(1 + n * 300) + "\n").collect();
    for (n, page) in pages.iter().enumerate() {
        dir.write(&format!("{n}.txt"), page);
    }
    let Some(server) = Server::files(dir.path()) else { return };
    let urls: Vec<String> = (0..100).map(|n| server.url(&format!("{n}.txt"))).collect();
    let fetched = fetch(&urls);
    assert!(fetched.text() == pages.concat());
    for url in &urls {
        assert!(fetched.err.contains(&format!("{url}\nHTTP/1.0 200 OK\n")), "{url}");
    }

    let into = dir.join("into");
    let folder = ["--output-dir".to_owned(), into.display().to_string()];
    assert_eq!(fetch(urls.iter().chain(&folder)).text(), "");
    for (n, page) in pages.iter().enumerate() {
        assert!(fs::read_to_string(into.join(format!("{n}.txt"))).unwrap() == *page, "{n}");
    }
    assert_eq!(names(&into).len(), 100);
}

#[test]
fn a_server_that_is_slow_to_answer_has_sixty_four_to_answer_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody is answered before all are there.
    let server = std::thread::spawn(move || {
        let mut clients: Vec<TcpStream> = (0..64).map(|_| listener.accept().unwrap().0).collect();
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "64 at once is the most");
        listener.set_nonblocking(false).unwrap();
        for n in 0..70 {
            clients.extend((n >= 64).then(|| listener.accept().unwrap().0));
            clients[n].write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").unwrap();
        }
    });
    let fetched = fetch((0..70).map(|n| format!("http://{address}/{n}")));
    assert_eq!(fetched.text(), "x".repeat(70));
    server.join().unwrap();
}

#[test]
fn fifty_megabytes_arrive_as_they_are() {
    let dir = TempDir::new();
    let big = noise(50 << 20);
    fs::write(dir.join("big"), &big).unwrap();
    let Some(server) = Server::files(dir.path()) else { return };
    let url = server.url("big");
    let fetched = fetch([&url]);
    assert_eq!(fetched.code, Some(0));
    assert!(fetched.body == big);
    assert!(!fetched.err.contains("MiB"), "no bar without a terminal: {}", fetched.err);

    let file = dir.join("saved").display().to_string();
    python("fetch_on_terminal.py", &[HULLO.to_owned(), url.clone(), file.clone()], PATIENCE);
    assert!(fs::read(&file).unwrap() == big);

    let early = run(Command::new("sh").args(["-c", "\"$0\" fetch \"$1\" | head -c 10", HULLO, &url]));
    assert_eq!((early.code, early.body.as_slice()), (Some(0), &big[..10]));
    assert!(!early.err.contains("error"), "{}", early.err);

    let full = run(Command::new("sh").args(["-c", "\"$0\" fetch \"$1\" > /dev/full", HULLO, &url]));
    assert!(full.sentence().starts_with("cannot write to stdout: No space left"), "{}", full.err);
}

#[test]
fn a_body_goes_to_a_file_of_ones_choice_whole_or_not_at_all() {
    let Some(server) = Server::odd() else { return };
    let dir = TempDir::new();
    let file = dir.join("file").display().to_string();
    assert_eq!(fetch(["-o", &file, &server.url("both")]).text(), "");
    assert_eq!(fs::read(&file).unwrap(), b"hi");
    assert_eq!(names(dir.path()), ["file"]);

    // Through a link, in place of what is there, with its permissions.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("file", dir.join("link")).unwrap();
    let link = dir.join("link").display().to_string();
    fetch(["-o", &link, &server.url("interim"), "--max-size", "2"]).text();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    for path in ["cut-short", "bad-chunk", "reset", "empty", "endless-head", "loop", "to-nowhere"] {
        fetch(["-o", &file, &server.url(path)]).sentence();
        assert_eq!(fs::read(&file).unwrap(), b"hi", "what was there stays there");
        fetch(["--output-dir", dir.path().to_str().unwrap(), &server.url(path)]).sentence();
        assert_eq!(names(dir.path()), ["file", "link"]);
    }
    // An error's page is whole, and saved like any other.
    fetch(["-o", &file, &server.url("error")]).sentence();
    assert_eq!(fs::read(&file).unwrap(), b"sorry");

    fetch(["-o", "/dev/null", &server.url("both")]).text();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let folder = dir.path().to_str().unwrap();
    assert!(fetch(["-o", folder, &server.url("both")]).sentence().contains("use --output-dir"));
    let nowhere = dir.join("no/file").display().to_string();
    assert!(fetch(["-o", &nowhere, &server.url("both")]).sentence().contains(&nowhere));
}

#[test]
fn names_in_a_folder_come_from_the_urls_and_never_lead_out_of_it() {
    let dir = TempDir::new();
    fs::create_dir(dir.join("served")).unwrap();
    for name in ["page.html", "index.html", "a b", "..hidden"] {
        dir.write(&format!("served/{name}"), name);
    }
    let Some(server) = Server::files(&dir.join("served")) else { return };
    let paths =
        ["page.html", "page.html?2", "", "a%20b", "%2e.hidden", "..%2f..%2fpage.html", "x/../page.html"];
    let folder = dir.join("a/folder");
    let mut arguments: Vec<String> = paths.map(|path| server.url(path)).into();
    arguments.extend(["--output-dir".to_owned(), folder.display().to_string()]);
    let fetched = fetch(&arguments);
    assert_eq!(fetched.body, b"");
    let expected =
        ["_._.._page.html", "_.hidden", "a b", "index.html", "page-1.html", "page-2.html", "page.html"];
    assert_eq!(names(&folder), expected, "{}", fetched.err);
    assert_eq!(names(dir.path()), ["a", "served"]);
    // What is there is kept, and numbered by the order of the URLs.
    dir.write("served/page.html", "new");
    fetch([&server.url("page.html"), "--output-dir", folder.to_str().unwrap()]).text();
    assert_eq!(fs::read(folder.join("page.html")).unwrap(), b"page.html");
    assert_eq!(fs::read(folder.join("page-3.html")).unwrap(), b"new");
}

#[test]
fn every_way_to_frame_a_body_is_understood() {
    let Some(server) = Server::odd() else { return };
    let whole: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(1000);
    for (path, body) in [
        ("chunked", whole.as_slice()),
        ("to-close", &whole),
        ("longer", b"hello"),
        ("both", b"hi"),
        ("interim", b"hi"),
        ("no-content", b""),
        ("a/b/relative", b"hi"),
        ("hop/10", b"landed"),
        ("to-space", b"hi"),
        ("to-latin", b"hi"),
    ] {
        let fetched = fetch([server.url(path)]);
        assert_eq!(fetched.code, Some(0), "{path}: {}", fetched.err);
        assert!(fetched.body == body, "{path}: {} bytes", fetched.body.len());
        assert!(!fetched.err.contains("103 Early"), "interim responses are passed over");
    }
    assert!(fetch([server.url("escape")]).err.contains("Field: \u{fffd}2J\n"), "a terminal obeys no head");
}

#[test]
fn the_request_is_as_it_should_be() {
    let Some(server) = Server::odd() else { return };
    let host = server.root.strip_prefix("http://").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        fetch([server.url("request#fragment")]).text(),
        format!(
            "GET /request HTTP/1.1\r\nHost: {host}\r\nUser-Agent: hullo/{version}\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        )
    );
}

#[test]
fn header_fields_are_added_replaced_and_left_out() {
    let (Some(server), Some(other)) = (Server::odd(), Server::odd()) else { return };
    let fields = ["-H", "Host: example.com", "-H", "X-A: 1", "--header", "x-a:2", "-H", "Accept:"];
    let expected = |url: &str, version: &str| {
        format!(
            "GET {url} HTTP/1.1\r\nUser-Agent: hullo/{version}\r\nHost: example.com\r\nX-A: 1\r\nx-a: 2\r\n\
             Connection: close\r\n\r\n"
        )
    };
    let arguments = |url: String| fields.map(str::to_owned).into_iter().chain([url]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(fetch(arguments(server.url("request"))).text(), expected("/request", version));
    // Where it leads to another server, that has its own name.
    let host = other.root.strip_prefix("http://").unwrap();
    let led = fetch(arguments(server.url(&format!("elsewhere/{host}"))));
    let led = led.text();
    assert!(led.contains(&format!("Host: {host}\r\n")) && led.contains("X-A: 1\r\n"), "{led}");
    assert!(!led.contains("example.com"), "{led}");
}

#[test]
fn each_way_to_fail_has_its_sentence() {
    let Some(server) = Server::odd() else { return };
    let ways = [
        ("cut-short", "the body is cut short: 90 bytes are missing"),
        ("chunks-cut-short", "the body is cut short: its last chunk is missing"),
        ("bad-chunk", "a bad chunk"),
        ("empty-chunk-size", "a bad chunk"),
        ("empty", "an empty answer"),
        ("half-head", "the head is cut short"),
        ("endless-head", "the head is longer than 64 KiB"),
        ("reset", "the connection was reset after"),
        ("reset-at-once", "the connection was reset after 0 bytes"),
        ("differ", "several Content-Lengths, and they differ"),
        ("gzip", "the transfer coding \"gzip\" was not asked for"),
        ("other-protocol", "the answer is not HTTP/1"),
        ("error", "the server answered with an error, 500"),
        ("loop", "redirected more than 10 times"),
        ("hop/11", "redirected more than 10 times"),
        ("to-nowhere", "redirected to \"http://a b/\": it has a space"),
    ];
    // All at once: each sentence names its URL.
    let fetched = fetch(ways.map(|(path, _)| server.url(path)));
    assert_eq!(fetched.code, Some(1));
    let sentences: Vec<&str> = fetched.err.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
    for (path, sentence) in ways {
        let begin = format!("{}: ", server.url(path));
        let found: Vec<&&str> = sentences.iter().filter(|sentence| sentence.starts_with(&begin)).collect();
        assert!(found.len() == 1 && found[0].contains(sentence), "{path}: {found:?}\n{}", fetched.err);
    }
    assert_eq!(sentences.len(), ways.len());
    // What came before a failure is printed where it streams; the page of an error in any case.
    assert!(fetched.body.starts_with(&[b'x'; 10]) && fetched.body.ends_with(b"sorry"));
}

#[test]
fn a_body_over_the_limit_is_given_up() {
    let Some(server) = Server::odd() else { return };
    for path in ["chunked", "to-close", "behind"] {
        let fetched = fetch(["--max-size", "200KiB", &server.url(path)]);
        assert!(fetched.sentence().contains("the body is longer than 204800 bytes: raise --max-size"));
        assert!(fetched.body.len() <= 204_800);
    }
    assert_eq!(fetch(["--max-size", "250KiB", &server.url("to-close")]).code, Some(0));
}

#[test]
fn silence_ends_a_fetch_and_slowness_does_not() {
    let Some(server) = Server::odd() else { return };
    let begin = Instant::now();
    let fetched = fetch(["--timeout", "300ms", &server.url("silent"), &server.url("drip")]);
    assert!(fetched.sentence().contains("silent: timed out: the server brought nothing for 300ms"));
    assert_eq!(fetched.body, b"dripping");
    assert!(begin.elapsed() >= Duration::from_millis(800), "it waited for the slow one");

    // The kernel completes the handshake, and nobody accepts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert!(fetch(["--timeout", "200ms", &url]).sentence().starts_with(&format!("{url}: timed out: ")));
}

#[test]
fn who_cannot_be_reached_is_told() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/");
    let sentence = fetch([&url]).sentence().to_owned();
    assert!(sentence.starts_with(&format!("{url}: cannot connect to tcp://{closed}: Connection refused")));
    assert!(sentence.contains("; nobody listens there: start the server"), "{sentence}");

    let sentence = fetch(["http://no-such-host.invalid/x"]).sentence().to_owned();
    assert!(sentence.starts_with("http://no-such-host.invalid/x: cannot connect to "), "{sentence}");

    // A backlog that is full: the handshake gets no answer.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut fill = Vec::new();
    while let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        fill.push(client);
    }
    let sentence = fetch(["--timeout", "300ms", &format!("http://{address}/")]).sentence().to_owned();
    assert!(sentence.contains("timed out; check the address, or give it longer"), "{sentence}");
}

#[test]
fn what_waits_for_its_turn_is_not_read_ahead() {
    let Some(server) = Server::odd() else { return };
    // The first answers only when the second is stuck; the timeout does not count while it is our doing.
    let fetched = fetch(["--timeout", "5s", &server.url("ahead"), &server.url("behind")]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.err);
    let line = fetched.body.split(|&byte| byte == b'\n').next().unwrap();
    let stuck: usize = std::str::from_utf8(line).unwrap().strip_prefix("stuck at ").unwrap().parse().unwrap();
    assert!(stuck < 32 << 20, "{stuck} bytes were taken ahead of their turn");
    assert_eq!(fetched.body.len(), line.len() + 1 + (64 << 20));
}

#[test]
fn an_interrupted_fetch_takes_its_half_file_with_it() {
    let dir = TempDir::new();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let file = dir.join("file");
        let unfinished = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", unfinished.local_addr().unwrap());
        let mut command = Command::new(HULLO);
        let mut process = Process::start(command.args(["fetch", &url, "-o"]).arg(&file));
        let (mut client, _) = unfinished.accept().unwrap();
        // The first bytes come, the rest never does.
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
        eventually("the half file is there", || names(dir.path()).len() == 1);
        process.signal(signal);
        assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(code));
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}

#[test]
fn a_stderr_that_nobody_reads_holds_no_fetch_up_for_long() {
    let Some(server) = Server::odd() else { return };
    let (_reader, writer) = io::pipe().unwrap();
    let full = File::from(std::os::fd::OwnedFd::from(writer));
    fill(&full);
    let mut command = Command::new(HULLO);
    command.arg("fetch").args(["both", "interim", "both"].map(|path| server.url(path)));
    let mut process = Process::start_as_it_is(command.stdout(Stdio::piped()).stderr(full));
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(0));
    assert_eq!(process.said().out, ["hihihi"]);
}

/// Writes until there is no room.
fn fill(pipe: &File) {
    let at_once = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
    nix::fcntl::fcntl(pipe, at_once).unwrap();
    while (&mut &*pipe).write(&[b'.'; 4096]).is_ok() {}
    while (&mut &*pipe).write(b".").is_ok() {}
    nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).unwrap();
}

#[test]
fn a_usage_error_is_told_before_anything_is_fetched() {
    for (arguments, part) in [
        (&["https://"][..], "host is missing"),
        (&["https://h/", "--cacert", "/none"], "--cacert: cannot read /none"),
        (&["http://h/", "--cacert", "/none"], "--cacert: cannot read /none"),
        (&["https://h/", "--cacert", "x", "--insecure"], "cannot be used with"),
        (&["example.com"], "did you mean http://example.com/"),
        (&["http://u@h/"], "password"),
        (&["http://h/ x"], "%20"),
        (&["-o", "x", "http://h/", "http://h/"], "--output-dir"),
        (&["-o", "x", "--output-dir", "y", "http://h/"], "--output-dir"),
        (&["--timeout", "soon", "http://h/"], "500ms, 5s, 1m or 2h"),
        (&["--max-size", "5k", "http://h/"], "64KiB"),
        (&["-H", "X", "http://h/"], "'Name: value'"),
        (&["-H", "X: a\r\nY: b", "http://h/"], "line end"),
        (&["-H", "Connection: keep-alive", "http://h/"], "itself"),
        (&["-H", "Host: a", "-H", "host: b", "http://h/"], "several Hosts"),
        (&[], "<URL>"),
    ] {
        let fetched = fetch(arguments);
        assert_eq!((fetched.code, fetched.body.len()), (Some(2), 0), "{arguments:?}: {}", fetched.err);
        assert!(fetched.err.starts_with("error: ") && fetched.err.contains(part), "{}", fetched.err);
    }
}
