//! What somebody gets who types what other programs take: the remedy, ready to be pasted.

use crate::support::{fail, succeed};

/// What is said of a command line, and the line that is proposed instead, without the program's path.
#[track_caller]
fn told(args: &[&str]) -> (String, String) {
    let stderr = fail(2, args);
    let proposed = stderr.lines().find(|line| line.starts_with("  ") && !line.contains("tip:"));
    let proposed = proposed.map_or("", |line| line.split_once("hullo ").unwrap().1);
    (stderr.lines().next().unwrap().to_owned(), proposed.to_owned())
}

#[test]
fn an_address_that_is_nearly_one_is_proposed_whole_for_each_command() {
    for (typed, address) in [
        ("9000", "tcp://127.0.0.1:9000"),
        (":9000", "tcp://127.0.0.1:9000"),
        ("127.0.0.1:80", "tcp://127.0.0.1:80"),
        ("localhost:80", "tcp://localhost:80"),
        ("[::1]:80", "tcp://[::1]:80"),
        ("tcp:127.0.0.1:80", "tcp://127.0.0.1:80"),
        ("TCP://127.0.0.1:80", "tcp://127.0.0.1:80"),
        ("/run/x.sock", "unix:/run/x.sock"),
        ("redis://127.0.0.1:6379", "tcp://127.0.0.1:6379"),
    ] {
        for command in ["serve", "talk", "load"] {
            let (sentence, proposed) = told(&[command, typed]);
            let start =
                format!("error: {typed:?} is not an address like tcp://HOST:PORT: did you mean {address}");
            assert!(sentence.starts_with(&start), "{command} {typed}: {sentence}");
            assert_eq!(proposed, format!("{command} {address}"));
        }
    }
    for (typed, url) in [
        ("9000", "http://127.0.0.1:9000/"),
        (":9000", "http://127.0.0.1:9000/"),
        ("127.0.0.1:80/x", "http://127.0.0.1:80/x"),
        ("localhost", "http://localhost/"),
        ("tcp://[::1]:80", "http://[::1]:80/"),
    ] {
        let (sentence, proposed) = told(&["fetch", typed]);
        assert_eq!(
            sentence,
            format!("error: {typed:?} is not a page like http://HOST/: did you mean {url}?")
        );
        assert_eq!(proposed, format!("fetch {url}"));
    }
}

#[test]
fn what_else_was_typed_stays_in_the_line_that_is_proposed() {
    for (args, proposed) in [
        (&["load", "-c", "10", "127.0.0.1:80", "-d", "1s"][..], "load -c 10 tcp://127.0.0.1:80 -d 1s"),
        (&["serve", "tcp://127.0.0.1:7000", "9000"], "serve tcp://127.0.0.1:7000 tcp://127.0.0.1:9000"),
        (&["talk", "localhost:80", "two words", "it's"], r"talk tcp://localhost:80 'two words' 'it'\''s'"),
        (&["talk", "127.0.0.1", "9000"], "talk tcp://127.0.0.1:9000"),
        (&["load", "::1", "80", "-q"], "load tcp://[::1]:80 -q"),
        (&["load", "-c", "80", "80"], "load -c 80 tcp://127.0.0.1:80"),
    ] {
        assert_eq!(told(args).1, proposed, "{args:?}");
    }
}

#[test]
fn a_port_or_a_host_in_a_flag_becomes_an_address() {
    for (args, proposed) in [
        (&["serve", "--port", "9000"][..], "serve tcp://127.0.0.1:9000"),
        (&["serve", "--port=9000", "--dialect", "indeed"], "serve tcp://127.0.0.1:9000 --dialect indeed"),
        (&["serve", "-p", "9000"], "serve tcp://127.0.0.1:9000"),
        (&["serve", "--host", "0.0.0.0", "--port", "80"], "serve tcp://0.0.0.0:80"),
        (&["serve", "--bind", "tcp://127.0.0.1:80"], "serve tcp://127.0.0.1:80"),
        (&["talk", "--port", "9000", "--host", "localhost"], "talk tcp://localhost:9000"),
        (&["load", "-c", "5", "--url", "127.0.0.1:80"], "load tcp://127.0.0.1:80 -c 5"),
        (&["fetch", "--url", "localhost/x"], "fetch http://localhost/x"),
    ] {
        let (sentence, line) = told(args);
        assert!(sentence.starts_with("error: there is no -"), "{args:?}: {sentence}");
        assert_eq!(line, proposed, "{args:?}");
    }
}

#[test]
fn what_other_programs_call_a_flag_is_translated() {
    for (args, proposed) in [
        (&["serve", "--threads", "4"][..], "serve --reactors 4"),
        (&["serve", "-t", "4"], "serve --reactors 4"),
        (&["load", "tcp://127.0.0.1:1", "--concurrency=10"], "load tcp://127.0.0.1:1 --connections=10"),
        (&["load", "--rps", "1k", "tcp://127.0.0.1:1"], "load --rate 1k tcp://127.0.0.1:1"),
    ] {
        let (sentence, line) = told(args);
        assert!(sentence.contains(": did you mean --"), "{sentence}");
        assert_eq!(line, proposed, "{args:?}");
    }
    assert!(!fail(2, &["--port", "9000"]).contains("tcp://"), "no command takes it");
    let (sentence, line) = told(&["serve", "my.toml", "--check-config"]);
    assert!(sentence.ends_with("did you mean --config?"), "{sentence}");
    assert_eq!(line, "serve --config my.toml --check-config");
}

#[test]
fn an_address_alone_is_told_what_can_be_done_with_it() {
    for (typed, address) in [
        ("tcp://127.0.0.1:9000", "tcp://127.0.0.1:9000"),
        ("9000", "tcp://127.0.0.1:9000"),
        ("localhost:80", "tcp://localhost:80"),
    ] {
        let stderr = fail(2, &[typed]);
        for command in ["serve", "talk", "load"] {
            let line = format!("hullo {command} {address}");
            assert!(stderr.lines().any(|said| said.ends_with(&line)), "{line}: {stderr}");
        }
    }
    assert!(fail(2, &["srve"]).contains("'serve'"));
    assert!(!fail(2, &["nothing"]).contains("tcp://"));
}

#[test]
fn a_page_is_tested_by_its_bytes_and_fetched_by_fetch() {
    let (sentence, line) = told(&["load", "http://127.0.0.1:8000/a?b", "-c", "5"]);
    assert!(sentence.contains("tcp://") && sentence.contains("--request"), "{sentence}");
    assert_eq!(
        line,
        r"load tcp://127.0.0.1:8000 -c 5 --request 'GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n' --reply 'HTTP/1.1 200 OK\r\n' --framing raw --check none"
    );
    let (sentence, line) = told(&["talk", "http://127.0.0.1/x"]);
    assert!(sentence.contains("fetch") && sentence.contains("tcp://127.0.0.1:80"), "{sentence}");
    assert_eq!(line, "fetch http://127.0.0.1/x");
    assert_eq!(told(&["serve", "http://*:80"]).1, "serve tcp://*:80");
    assert_eq!(
        told(&["load", "ws://127.0.0.1:80", "--request", "x"]).1,
        "load tcp://127.0.0.1:80 --request x"
    );
    let (sentence, line) = told(&["serve", "https://127.0.0.1/"]);
    assert!(sentence.contains("TLS is served on tls://HOST:PORT") && line.is_empty(), "{sentence}\n{line}");
    let (sentence, line) = told(&["talk", "https://127.0.0.1/x"]);
    assert!(
        sentence.contains("tls://127.0.0.1:443") && line == "fetch https://127.0.0.1/x",
        "{sentence}\n{line}"
    );
    let (sentence, line) = told(&["load", "https://127.0.0.1/x"]);
    assert!(sentence.contains("with tls:// and --request"), "{sentence}");
    assert!(line.starts_with("load tls://127.0.0.1:443 --request 'GET /x "), "{line}");
    assert_eq!(told(&["fetch", "tls://127.0.0.1:1"]).1, "fetch https://127.0.0.1:1/");
}

#[test]
fn an_address_of_tls_is_guessed_as_well() {
    assert_eq!(told(&["serve", "tls:127.0.0.1:1"]).1, "serve tls://127.0.0.1:1");
    assert!(told(&["serve", "https://127.0.0.1/"]).0.contains("tls://HOST:PORT"));
}

#[test]
fn what_cannot_be_guessed_is_told_how_an_address_is_written() {
    for text in ["70000", "a b", "", "tcp://"] {
        let (sentence, line) = told(&["serve", text]);
        assert!(sentence.contains("is not an address: ") && line.is_empty(), "{sentence}\n{line}");
    }
    assert!(told(&["load", "tcp://127.0.0.1"]).0.ends_with("the port is missing: write HOST:PORT"));
    assert!(told(&["fetch", "/x"]).0.contains("http://HOST[:PORT]/PATH"));
}

#[test]
fn a_dash_before_a_word_is_explained_where_any_word_can_be_said() {
    for (args, tip) in [
        (&["talk", "tcp://127.0.0.1:1", "-x"][..], "to pass '-x' as a value, use '-- -x'"),
        (&["talk", "tcp://127.0.0.1:1", "--helium"], "to pass '--helium' as a value, use '-- --helium'"),
        (&["talk", "tcp://127.0.0.1:1", "--bye", "--x"], "use '--bye=--x'"),
        (&["load", "tcp://127.0.0.1:1", "-m", "--x"], "use '-m=--x'"),
        (&["load", "tcp://127.0.0.1:1", "--message", "-5"], "use '--message=-5'"),
    ] {
        assert!(fail(2, args).contains(tip), "{args:?}: {}", fail(2, args));
    }
    for args in [
        &["talk", "--prot"][..],
        &["serve", "--colour", "4"],
        &["load", "tcp://127.0.0.1:1", "-x", "4"],
        &["fetch", "-x", "http://127.0.0.1/"],
        &["dialects", "-x"],
        &["man", "-x"],
    ] {
        let stderr = fail(2, args);
        assert!(!stderr.contains("as a value"), "{stderr}");
    }
}

#[test]
fn durations_and_counts_are_taken_as_other_programs_take_them() {
    let printed = |args: &[&str]| succeed(&[&["serve", "--check-config"], args].concat()).0;
    for (args, line) in [
        (["--idle-timeout", "10"], "idle = \"10s\""),
        (["--idle-timeout", "1.5"], "idle = \"1500ms\""),
        (["--idle-timeout", "5 s"], "idle = \"5s\""),
        (["--drain-timeout", "1m30s"], "drain = \"90s\""),
        (["--max-connections", "1K"], "connections = \"1k\""),
        (["--max-connections", "1e2"], "connections = 100"),
    ] {
        let printed = printed(&args);
        assert!(printed.lines().any(|printed| printed.starts_with(line)), "{args:?}: {printed}");
    }
    let stderr = fail(2, &["serve", "--max-message", "64k"]);
    assert!(stderr.contains("512, 64KiB or 1MiB"), "64,000 to some, 65,536 to others: {stderr}");
}
