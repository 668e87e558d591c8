//! The command line of `hullo load`: what it refuses and in which words, what goes to which stream, expectations, and
//! what it finds out before the first packet.

use crate::load_common::{
    Lines, Report, assert_honest, command, end, in_shell, load, load_with, options, refused,
};
use crate::support::{Daemon, HULLO, PATIENCE, Process, TempDir, has_network, in_network, python};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Never reached: what is refused is refused before the first packet.
const URL: &str = "tcp://127.0.0.1:1";

#[test]
fn a_mistake_is_a_sentence_and_exit_code_2() {
    let each: [(&[&str], &str); 29] = [
        (&[URL, "--expect", "p42<5ms"], "p42"),
        (&[URL, "--expect", "speed>=5"], "speed"),
        (&[URL, "--expect", "p99"], "p99"),
        (&[URL, "--expect", "p99<fast"], "fast"),
        (&[URL, "--framing", "raw", "-s", "2000"], "1024"),
        (&[URL, "--framing", "raw", "-s", "16..1025"], "1024"),
        (&[URL, "--framing", "raw", "--outstanding", "2"], "outstanding"),
        (&["127.0.0.1:80"], "127.0.0.1:80"),
        (&["tcp://127.0.0.1"], "127.0.0.1"),
        (&["http://127.0.0.1:80"], "http"),
        (
            &[URL, "-m", "{sequence}"],
            "--message has {sequence}, which stands for nothing: did you mean {seq}?",
        ),
        (&[URL, "--request", "{mesage}\\n", "--reply", "x"], "--request has {mesage}"),
        (&[URL, "--request", "x", "--reply", "{massage}\\n"], "did you mean {message}?"),
        (&[URL, "--request", "x", "--reply", "x", "--welcome", "{message}"], "--welcome has {message}"),
        (&[URL, "-r", "0"], "0"),
        (&[URL, "-r", "fast"], "fast"),
        (&[URL, "-r", "-5"], "-5"),
        (&[URL, "-r", "100:x"], "x"),
        (&[URL, "--dialect", "helo"], "hello"),
        (&["udp://127.0.0.1:1", "--dialect", "plain"], "plain"),
        (&[URL, "-c", "0"], "0"),
        (&[URL, "-d", "soon"], "soon"),
        (&[URL, "-s", "20..10"], "20..10"),
        (&[URL, "--check", "some"], "some"),
        (&[URL, "--connect-rate", "10:20"], "clients are begun at one"),
        (&["udp://127.0.0.1:1", "-s", "100..65508"], "at most 65507 bytes"),
        (&["unix:/nowhere", "--source", "127.0.0.1"], "--source is for TCP and UDP"),
        (&["unixgram:/nowhere", "--source", "127.0.0.1"], "--source is for TCP and UDP"),
        (&["unixpacket:/nowhere", "--source", "127.0.0.1"], "--source is for TCP and UDP"),
    ];
    for (arguments, part) in each {
        let (code, sentence) = refused(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {sentence}");
        assert!(sentence.contains("error: ") && sentence.contains(part), "{arguments:?}: {sentence}");
        assert!(!sentence.contains("NaN") && sentence.lines().count() < 12, "{arguments:?}: {sentence}");
    }
}

#[test]
fn without_an_address_it_says_what_it_wants() {
    let (code, sentence) = refused(["-c", "5"]);
    assert_eq!(code, Some(2), "{sentence}");
    assert!(sentence.contains("URL"), "{sentence}");
}

#[test]
fn other_protocols_are_not_mixed_with_what_contradicts_them() {
    for arguments in [
        ["--request", "PING\\r\\n", "--request", "PONG\\r\\n"],
        ["--request", "PING\\q", "--reply", "+PONG\\r\\n"],
        ["--request", "PING\\x4", "--reply", "+PONG\\r\\n"],
        ["--source", "nowhere", "-c", "1"],
        ["--source", "127.0.0.1/64", "-c", "1"],
        ["--source", "::1", "-c", "1"],
    ] {
        let (code, sentence) = refused([&[URL], &arguments[..]].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {sentence}");
        assert!(sentence.contains("error: "), "{arguments:?}: {sentence}");
    }
}

#[test]
fn too_few_descriptors_are_told_before_the_first_packet_with_the_number_that_fits() {
    let server = Lines::greeting();
    let url = server.url();
    let limited = |clients: u64| {
        let arguments = options(&url, &format!("-c {clients} -n 500 --warmup 0s"));
        Process::start(&mut in_shell("ulimit -n 64", arguments))
    };
    let mut process = limited(1000);
    let code = process.wait(PATIENCE).expect("it ends").code();
    let sentence = process.stderr();
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {sentence}");
    assert!(server.peers().is_empty(), "not one packet: {sentence}");
    assert!(process.said().out.is_empty(), "{:?}", process.said());
    assert!(sentence.contains("descriptor"), "{sentence}");
    let fits: Vec<u64> = sentence
        .split("-c ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect();
    let [.., fits] = fits[..] else { panic!("no `-c N` in {sentence}") };
    assert!((30..64).contains(&fits), "{sentence}");

    let load = end(limited(fits));
    load.all_correct(fits);
    assert_eq!(load.report.books().correct, 500);

    let mut one_more = limited(fits + 1);
    assert_eq!(one_more.wait(PATIENCE).expect("it ends").code(), code, "{}", one_more.stderr());
}

#[test]
fn expectations_are_judged_and_a_broken_one_is_exit_code_3() {
    // Slow enough that a generator that waits for replies is never the limit, whatever else the machine does.
    let server = Lines::hello(|client, message| {
        std::thread::sleep(Duration::from_millis(2));
        client.greet(message);
    });
    let met = ["p99<5s", "p50<=5s", "p90<5s", "max<1m", "rate>=1", "errors<=0.1%", "lost==0"];
    for (expectations, code) in [(&met[..], 0), (&["p99<1us"], 3), (&["p99<5s", "rate>=1000000"], 3)] {
        let mut arguments = options(&server.url(), "-c 5 -n 300 --warmup 0s");
        arguments.extend(expectations.iter().flat_map(|text| ["--expect".to_owned(), text.to_string()]));
        let load = load_with(arguments);
        load.ended_with(code);
        if load.code != Some(code) {
            continue;
        }
        let judged = load.report.at(&["verdict", "expectations"]).as_array().unwrap();
        let expressions: Vec<&str> = judged.iter().map(|one| one["expression"].as_str().unwrap()).collect();
        assert_eq!(expressions, expectations);
        let broken = judged.iter().filter(|one| one["pass"] == Value::Bool(false)).count();
        assert_eq!(broken, usize::from(code == 3), "{judged:?}");
        assert!(judged.iter().all(|one| one["value"].is_number()), "{judged:?}");
    }
}

#[test]
fn a_percentile_of_too_few_samples_is_not_judged_and_the_report_says_how_many_it_wants() {
    let server = Lines::greeting();
    for (expectation, wanted) in [("p99.9<10s", "2995"), ("p99<1us", "299"), ("p90<10s", "29")] {
        let more = ["--expect", expectation].map(str::to_owned);
        let load = load_with(options(&server.url(), "-c 2 -n 28 --warmup 0s").into_iter().chain(more));
        assert_eq!(load.code, Some(4), "{:#}", load.report.0);
        assert_eq!(load.report.at(&["verdict", "status"]), "not_trustworthy");
        assert!(!load.report.trustworthy(), "whichever of the two a script reads, it is told the same");
        assert_eq!(load.report.at(&["verdict", "expectations"])[0]["judgement"], "too_few_samples");
        let said = load.report.reasons().join("; ");
        assert!(said.contains(expectation) && said.contains(&format!("wants {wanted} samples")), "{said}");
        assert!(said.contains("there are 28"), "{said}");
    }
}

#[test]
fn what_is_proved_comes_before_what_could_not_be_judged() {
    let server = Lines::hello(|client, message| {
        std::thread::sleep(Duration::from_millis(20));
        client.greet(message);
    });
    let more = ["--expect", "p99<10s"].map(str::to_owned);
    let load = load_with(options(&server.url(), "-c 2 -r 1000 -d 1s --warmup 0s").into_iter().chain(more));
    assert_eq!(load.code, Some(3), "{:#}", load.report.0);
    assert_eq!(load.report.at(&["verdict", "status"]), "fell_short");
    assert_eq!(load.report.at(&["verdict", "expectations"])[0]["judgement"], "too_few_samples");
}

#[test]
fn errors_are_allowed_by_an_expectation_alone() {
    let server = Lines::hello(|client, message| match client.order.is_multiple_of(10) {
        true => client.lie("no\n"),
        false => client.greet(message),
    });
    let with = |expectation: &[&str]| {
        let more = expectation.iter().flat_map(|text| ["--expect", text]).map(str::to_owned);
        load_with(options(&server.url(), "-c 2 -n 200 --warmup 0s").into_iter().chain(more))
    };
    for (expectation, code) in [
        (&[][..], 1),
        (&["errors<=100%"], 0),
        (&["errors<=11%"], 0),
        (&["errors<=9%"], 3),
        (&["errors<=100%", "lost==0"], 0),
        (&["lost==0"], 1),
        (&["errors>=1%"], 1),
        (&["errors<100%"], 0),
    ] {
        let load = with(expectation);
        assert_eq!(load.report.books().wrong, 20, "{:#}", load.report.0);
        assert_eq!(load.code, Some(code), "{expectation:?}: {:#}\n{}", load.report.0, load.err);
    }
}

#[test]
fn an_expectation_of_no_errors_allows_none_of_any_kind() {
    for (expectation, code) in [("errors==0", 1), ("errors<=0%", 1), ("errors<=0.1%", 0)] {
        let server = Lines::hello(|client, message| {
            client.greet(message);
            if client.order == 50 {
                client.lie("what nobody has asked for\n");
            }
        });
        let mut arguments = options(&server.url(), "-c 1 -n 100 --warmup 0s");
        arguments.extend(["--expect", expectation].map(str::to_owned));
        let load = load_with(arguments);
        let books = load.report.books();
        assert_eq!((books.correct, books.foreign), (100, 1), "{:#}", load.report.0);
        assert_eq!(load.code, Some(code), "{expectation}: {:#}", load.report.0);
    }
}

#[test]
fn a_name_that_nobody_knows_is_no_mistake_of_usage() {
    let (code, sentence) = refused(["tcp://nobody.invalid:1"]);
    assert_eq!(code, Some(1), "{sentence}");
    assert!(sentence.contains("nobody.invalid") && sentence.contains("spelling"), "{sentence}");
    let (code, sentence) = refused(["tcp://nobody.invalid:1", "--framing", "raw", "-s", "2000"]);
    assert_eq!(code, Some(2), "{sentence}");
}

#[test]
fn nothing_that_was_lost_is_nothing_lost() {
    let server = Lines::hello(|client, message| match client.nth < 5 {
        true => client.greet(message),
        false => client.leave(),
    });
    let mut arguments = options(&server.url(), "-c 2 -n 100 --warmup 0s --timeout 300ms");
    arguments.extend(["--expect", "lost==0", "--expect", "errors<=100%"].map(str::to_owned));
    let load = load_with(arguments);
    assert_eq!(load.report.books().lost, 2, "{:#}", load.report.0);
    assert_eq!(load.code, Some(3), "{:#}", load.report.0);
}

#[test]
fn the_report_is_on_stdout_and_progress_on_stderr() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.as_str();
    let run = |more: &[&str]| {
        let quick = [url, "-c", "3", "-d", "1s", "--warmup", "0s", "-i", "200ms"];
        let mut process = Process::start(&mut command([&quick[..], more].concat()));
        assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{:?}", process.said());
        process.said().clone()
    };
    let json = run(&["--json"]);
    assert!(serde_json::from_str::<Value>(&json.out.join("\n")).unwrap().is_object(), "{json:?}");
    assert!(json.err.len() >= 3, "a line of progress an interval: {:?}", json.err);
    let of_the_measuring =
        |line: &String| line.starts_with("measure ") && line.contains(" of 1.00 s: 3 of 3 clients alive, ");
    assert!(json.err.iter().any(of_the_measuring), "with its end: {:?}", json.err);

    let text = run(&[]);
    let report = text.out.join("\n");
    for part in ["closed loop", "p50", "p99.9", "response", "service", "correct"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    assert!(serde_json::from_str::<Value>(&report).is_err(), "{report}");
    assert!(!report.contains("NaN") && !report.contains("inf"), "{report}");
    assert!(text.err.len() >= 3, "{:?}", text.err);

    for quiet in [&["-q"][..], &["-q", "--json"]] {
        let said = run(quiet);
        assert!(said.err.is_empty() && !said.out.is_empty(), "{said:?}");
    }
}

#[test]
fn on_a_terminal_a_bar_lives() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let arguments = [HULLO.to_owned(), daemon.listening[0].address.clone()];
    python("load_on_terminal.py", &arguments, PATIENCE);
}

#[test]
fn the_report_is_written_to_a_file() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.as_str();
    let temp = TempDir::new();
    let path = temp.join("report.json");
    let arguments = [url, "-q", "-c", "3", "-n", "50", "--warmup", "0s", "-o", path.to_str().unwrap()];
    let mut process = Process::start(&mut command(arguments));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0), "{:?}", process.said());
    let report = Report(serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap());
    assert_honest(&report);
    assert_eq!(report.books().correct, 50);
    assert_eq!(report.at(&["version"]), env!("CARGO_PKG_VERSION"));
    assert_eq!(report.at(&["target"]), url);
    assert!(report.at(&["command"]).as_str().unwrap().contains("-n 50"), "{:#}", report.0);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_run() {
    let server = Lines::greeting();
    let url = server.url();
    let (code, sentence) = refused([url.as_str(), "-q", "-n", "5", "--json", "-o", "/nowhere/at/all.json"]);
    assert!(matches!(code, Some(1 | 2)), "{code:?} {sentence}");
    assert!(sentence.contains("/nowhere/at/all.json"), "{sentence}");
    assert!(server.peers().is_empty(), "a run whose report is lost is not begun");
}

#[test]
fn a_closed_stdout_breaks_nothing() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = daemon.listening[0].address.as_str();
    for prelude in ["exec >&-", "exec >/dev/full"] {
        let mut process = Process::start(&mut in_shell(prelude, options(url, "-c 2 -n 50 --warmup 0s")));
        let code = process.wait(PATIENCE).expect("it ends").code();
        assert!(
            !process.stderr().contains("panicked") && matches!(code, Some(0 | 1)),
            "{code:?} {}",
            process.stderr()
        );
    }
}

#[test]
fn source_addresses_are_used_in_turn() {
    let server = Lines::greeting();
    let load = load(&server.url(), "-c 12 -n 120 --warmup 0s --source 127.0.0.2/30");
    load.all_correct(12);
    let mut hosts: Vec<Ipv4Addr> = server
        .peers()
        .iter()
        .filter_map(|(peer, _)| match peer.ip() {
            std::net::IpAddr::V4(address) => Some(address),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    assert!(hosts.len() >= 2, "{hosts:?}");
    assert!(
        hosts.iter().all(|host| u32::from(*host) & !3 == u32::from(Ipv4Addr::LOCALHOST) & !3),
        "{hosts:?}"
    );

    let single = Lines::greeting();
    crate::load_common::load(&single.url(), "-c 3 -n 30 --warmup 0s --source 127.0.0.5").all_correct(3);
    assert!(single.peers().iter().all(|(peer, _)| peer.ip() == Ipv4Addr::new(127, 0, 0, 5)));
}

#[test]
fn a_source_address_that_is_not_ours_is_said_to_be_that() {
    let mut process =
        Process::start(&mut command(options(URL, "-c 2 -n 10 --warmup 0s --source 192.0.2.77")));
    let code = process.wait(PATIENCE).expect("it ends").code();
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    let said = format!("{:?}", process.said());
    assert!(said.contains("192.0.2.77") || said.contains("assign"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn more_clients_than_ports_are_told_before_the_first_packet() {
    // In a network of its own, where a hundred ports are all there is.
    let few = "echo '10000 10099' > /proc/sys/net/ipv4/ip_local_port_range";
    if !has_network(few) {
        return;
    }
    let alone = |line: &str| in_network(few, &format!("exec {HULLO} {line}"));
    for (url, more) in [(URL, ""), ("udp://127.0.0.1:1", ""), (URL, "--source 127.0.0.9")] {
        let output = alone(&format!("load {url} -c 101 -n 1 {more}")).output().unwrap();
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)) && output.stdout.is_empty(), "{sentence}");
        assert!(sentence.contains("port") && sentence.contains("-c 100 "), "{sentence}");
        assert!(sentence.contains("--source"), "the remedy: {sentence}");
    }
    // They fit, or have two addresses; that nobody is there is found out later.
    for fits in ["-c 100", "-c 200 --source 127.0.0.8/31"] {
        let output = alone(&format!("load {URL} {fits} -n 1 --json -q")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let report = Report(serde_json::from_slice(&output.stdout).unwrap());
        assert_honest(&report);
        assert!(report.reasons().join(" ").contains("refused"), "{:#}", report.0);
    }
}

#[test]
fn the_help_names_every_option() {
    let mut process = Process::start(&mut command(["--help"]));
    assert_eq!(process.wait(PATIENCE).expect("it ends").code(), Some(0));
    let help = process.said().out.join("\n");
    for option in "connections duration requests rate outstanding churn connect-rate connect-timeout timeout warmup \
         drain dialect framing message size request reply welcome check source cacert insecure expect json html hdr timeseries"
        .split_whitespace()
    {
        assert!(help.contains(&format!("--{option}")), "no --{option} in\n{help}");
    }
}
