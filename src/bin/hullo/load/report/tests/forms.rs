//! What a run's figures look like in each form of the report.

use super::histogram_log::logged;
use super::process::python;
use super::skip::{PATIENCE, skip};
use super::temp::TempDir;
use super::{absent, empty, rich, small};
use crate::load::books::outcome::Outcome;
use crate::load::books::outcome::{Connections, Latency};
use crate::load::plan::Check;
use crate::load::plan::rate::Rate;
use crate::load::report::{hdr_log, html, json, text, timeseries_line};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn the_text_says_the_verdict_first_and_the_settings_last() {
    let report = text(&rich());
    let mut rest = report.as_str();
    for part in [
        "FAILED: 1 expectation is broken; 4 wrong replies, 1 late reply, 1 lost reply, 1 client never alive, \
         1 client lost; 999.4/s of 1,000/s (99.94 %), p99 ",
        "1 of 50 clients did not come to life (connect refused: 1)",
        "the weather was fine",
        "p99<5ms       broken  901 ms",
        "errors<=0.1%  held    0.08 %",
        "\nrate        offered 1,000/s, achieved 999.4/s (99.94 %)",
        "open loop",
        "10.0 s measured; 123 kB sent, 235 kB received",
        "\nlatency           p50      p90      p99    p99.9      max",
        "\n  response ",
        "from the planned instant",
        "\n  service ",
        "from the instant of sending",
        "\nrequests    sent             10,000",
        "correct           9,994    99.94 %",
        "wrong                 4     0.04 %",
        "late                  1     0.01 %",
        "lost                  1     0.01 %",
        "unfinished            0     0.00 %",
        "besides: 0 not sent, 0 duplicate, 0 reordered, 0 foreign\n",
        "\nclients     asked 50, alive 49, failed 1, lost 1; ramp 640 ms",
        "connect to welcome: p50 ",
        "right replies to a client: worst 0, median 203, best 210",
        "starved: client 7",
        "\nfailures    4  wrong reply",
        "\nevidence    wrong reply, client 12, request 34",
        r#"expected  "Hello, c12-34!\n""#,
        r#"received  "Hello, <b>c12</b>-35!\n\x00\xff\"""#,
        "unexpected reply, client 3\n",
        "\ngenerator   CPU 31 %, longest turn 1.23 ms, p99 of the schedule's lag 85 us",
        "\n            stood still for 1.20 ms at the longest, 3.40 ms in all",
        "\nsettings    connections 50, duration 10s, rate 1000",
        "hullo 0.1.0, Linux 6.1.0, seed 4711",
        "hullo load tcp://127.0.0.1:9999 -c 50 -r 1000",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not where it should be in\n{report}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn the_columns_of_the_text_stand_under_each_other() {
    let report = text(&rich());
    let columns = |begin: &str| {
        let line = report.lines().find(|line| line.starts_with(begin)).unwrap();
        (line.len(), line.to_owned())
    };
    let (header, _) = columns("latency");
    for name in ["  response", "  service"] {
        let (_, line) = columns(name);
        assert!(line[..header].ends_with(|c: char| c.is_ascii_digit()), "{line}");
        assert_eq!(&line[header..header + 2], "  ", "{line}");
    }
    assert!(report.is_ascii());
    assert!(report.lines().all(|line| line.trim_end() == line), "{report}");
}

#[test]
fn the_columns_of_the_text_hold_many_millions_of_samples() {
    let mut outcome = rich();
    for histogram in [&mut outcome.latency.response, &mut outcome.latency.service] {
        histogram.record_n(500, 12_345_678_901).unwrap();
    }
    let report = text(&outcome);
    let row = |begin: &str| report.lines().find(|line| line.starts_with(begin)).unwrap();
    let (head, response) = (row("latency"), row("  response"));
    assert!(response.contains(" us  12,345,688,901  from the planned instant"), "{report}");
    assert_eq!(response.find("  from"), Some(head.len()), "{report}");
    assert!(head.ends_with("  samples") && head.contains("             p90"), "{report}");
}

#[test]
fn what_was_not_looked_at_is_not_called_right() {
    for (check, said) in [
        (Check::Full, "PASSED: every reply was right; "),
        (Check::Length, "PASSED: every reply had the right length; "),
        (Check::None, "PASSED: the replies were not looked at; "),
    ] {
        let report = text(&Outcome { check, ..small() });
        assert!(report.starts_with(said), "{report}");
    }
}

#[test]
fn a_rate_that_grew_is_told_with_both_its_ends() {
    let report = text(&Outcome { offered: Rate::parse("500:1500").ok(), ..rich() });
    let said = "; 999.4/s of 500.0/s to 1,500/s (1,000/s in the mean) (99.94 %), p99 ";
    assert!(report.lines().next().unwrap().contains(said), "{report}");
    assert!(
        report.contains("rate        offered 500.0/s to 1,500/s (1,000/s in the mean), achieved"),
        "{report}"
    );
}

#[test]
fn sessions_are_not_called_clients() {
    let connections = Connections { asked: 50, alive: 20_903, failed: 0, lost: 2 };
    let report = text(&Outcome { churn: true, connections, ..rich() });
    assert!(
        report.contains(
            "clients     50 at a time; of their sessions 20,903 came alive, 0 failed, 2 were lost\n"
        ),
        "{report}"
    );
    assert!(report.lines().next().unwrap().contains(", 2 sessions lost; "), "{report}");
}

#[test]
fn a_closed_loop_is_called_one_and_offers_nothing() {
    let report = text(&small());
    assert!(
        report.starts_with("PASSED: every reply was right; 10.0/s in a closed loop, p99 409 us\n"),
        "{report}"
    );
    assert!(report.contains("rate        achieved 10.0/s\n            closed loop:"), "{report}");
    assert!(!report.contains("offered ") && !report.contains("failures"), "{report}");

    let mut busy = small();
    (busy.verdict.trustworthy, busy.generator.cpu) = (false, 0.99);
    busy.verdict.remarks = vec!["the generator was the limit: its CPU was at 99 %".into()];
    let report = text(&busy);
    assert!(
        report.starts_with("PASSED: every reply was right; at least 10.0/s in a closed loop"),
        "{report}"
    );
    assert!(report.contains("achieved at least 10.0/s: the generator was the limit"), "{report}");
}

#[test]
fn where_nothing_came_the_text_says_so_instead_of_zeros() {
    let report = text(&absent());
    let first = "FAILED: nothing completed: none of 50 clients came to life (connect refused: 50)\n";
    assert!(report.starts_with(first), "{report}");
    assert!(report.contains("latency     no reply came, so there is none\n"), "{report}");
    assert!(report.contains("failures    50  connect refused\n"), "{report}");
    assert!(report.contains("rate        offered 1,000/s, achieved none: no reply was right\n"), "{report}");
    assert!(report.contains("requests    none were sent\n"), "{report}");
    assert!(!report.contains("p99 0") && !report.contains("0 us  "), "{report}");
    assert!(text(&empty()).starts_with("FAILED: nothing completed"));
    let stopped = text(&Outcome { signal: Some(2), ..absent() });
    let first =
        "STOPPED: by SIGINT after 0 us of measuring; nothing completed: none of 50 clients came to life";
    assert!(stopped.starts_with(first), "{stopped}");
}

#[test]
fn the_json_has_the_promised_keys_in_their_order() {
    let report = json(&rich());
    let percentiles = "p50 p90 p99 p99_9 p99_99 max mean count";
    let promised = [
        (
            "",
            "version command target mode exit_code verdict start_time offered_rate achieved_rate duration_s measured_s requests connections latency_us bytes fairness generator failures evidence settings seed kernel",
        ),
        ("/verdict", "status exit_code trustworthy reasons faults remarks expectations"),
        ("/verdict/expectations/0", "expression pass judgement value"),
        ("/requests", "sent correct wrong late lost unfinished not_sent duplicate reordered foreign"),
        ("/connections", "asked alive failed lost"),
        ("/latency_us", "response service connect"),
        ("/latency_us/response", percentiles),
        ("/latency_us/service", percentiles),
        ("/latency_us/connect", percentiles),
        ("/bytes", "sent received"),
        ("/fairness", "worst median best"),
        ("/generator", "cpu max_loop_lag_us longest_stall_us stalled_us p99_schedule_lag_us receive_drops"),
        ("/evidence/0", "kind client sequence expected received"),
    ];
    let value: Value = serde_json::from_str(&report).unwrap();
    let mut rest = report.as_str();
    for (path, keys) in promised {
        let object = value.pointer(path).unwrap().as_object().unwrap();
        let mut keys: Vec<_> = keys.split(' ').collect();
        // Objects of serde_json are sorted; the order is that of the text.
        let begin = format!("{{\"{}\":", keys[0]);
        let text = &rest[rest.find(&begin).unwrap_or_else(|| panic!("{begin} in {rest}"))..];
        let mut at = 0;
        for key in &keys {
            let key = format!("\"{key}\":");
            at += text[at..].find(&key).unwrap_or_else(|| panic!("{key} of {path} in {text}")) + key.len();
        }
        if !path.is_empty() {
            rest = text;
        }
        keys.sort_unstable();
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), keys, "{path}");
    }
    assert!(!report.contains('\n'));
}

#[test]
fn over_tls_alone_every_form_tells_of_the_handshakes() {
    let mut over_tls = Outcome { target: "tls://127.0.0.1:9443".parse().unwrap(), ..small() };
    over_tls.latency.handshake.record(290).unwrap();
    let line = "connect and TLS handshake: p50 290 us, p99 290 us, max 290 us (1 handshake)\n";
    assert!(text(&over_tls).contains(line), "{}", text(&over_tls));
    assert!(html(&over_tls).contains("connect and TLS handshake, p99"));
    let value: Value = serde_json::from_str(&json(&over_tls)).unwrap();
    assert_eq!(value["latency_us"]["handshake"]["count"], 1);
    assert_eq!(value["latency_us"]["handshake"]["max"], 290);
    over_tls.latency.handshake.reset();
    assert!(!text(&over_tls).contains("handshake"));
    let value: Value = serde_json::from_str(&json(&over_tls)).unwrap();
    assert_eq!(value["latency_us"]["handshake"]["count"], 0, "{value:#}");
    for plain in [text(&rich()), json(&rich()), html(&rich())] {
        assert!(!plain.contains("handshake"));
    }
}

#[test]
fn the_json_has_the_figures() {
    let value: Value = serde_json::from_str(&json(&rich())).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(value["target"], "tcp://127.0.0.1:9999");
    assert_eq!(value["mode"], "open");
    assert_eq!(value["start_time"], "2023-11-14T22:13:20.123Z");
    assert_eq!(
        value["verdict"]["faults"],
        json!(["1 of 50 clients did not come to life (connect refused: 1)"])
    );
    assert_eq!(value["verdict"]["remarks"], json!(["the weather was fine"]));
    assert_eq!(
        value["failures"],
        json!({"connect refused": 1, "reset by the server": 1, "timed out": 1, "wrong reply": 4})
    );
    assert_eq!(value["settings"]["connections"], 50);
    assert_eq!(value["settings"]["message"], "<c{conn}-{seq}>");
    assert_eq!((&value["seed"], &value["kernel"]), (&json!(4711), &json!("6.1.0")));
    assert_eq!(value["offered_rate"], 1000.0);
    assert_eq!(value["achieved_rate"], 999.4);
    assert_eq!(value["duration_s"], 10.0);
    assert_eq!(value["requests"]["correct"], 9994);
    assert_eq!(value["connections"], json!({"asked": 50, "alive": 49, "failed": 1, "lost": 1}));
    assert_eq!(value["latency_us"]["response"]["count"], 10_000);
    assert!(value["latency_us"]["response"]["p99_99"].as_u64().unwrap() > 990_000);
    assert!(value["latency_us"]["service"]["p99"].as_u64().unwrap() < 2_000);
    assert_eq!(value["latency_us"]["connect"]["p99_99"], Value::Null);
    assert_eq!(value["generator"]["cpu"], 0.31);
    assert_eq!(value["generator"]["max_loop_lag_us"], 1234);
    assert_eq!(value["generator"]["p99_schedule_lag_us"], 85);
    assert_eq!(
        value["evidence"],
        json!([
            {
                "kind": "wrong", "client": 12, "sequence": 34,
                "expected": "Hello, c12-34!\\n", "received": "Hello, <b>c12</b>-35!\\n\\x00\\xff\\\"",
            },
            {
                "kind": "unexpected", "client": 3, "sequence": null,
                "expected": "", "received": "Hello, nobody & all!\\n",
            },
        ])
    );
}

#[test]
fn the_json_has_null_where_there_is_nothing_to_measure() {
    let value: Value = serde_json::from_str(&json(&small())).unwrap();
    assert_eq!(value["mode"], "closed");
    assert_eq!(value["offered_rate"], Value::Null);
    assert_eq!(value["latency_us"]["response"]["max"], 409);
    assert_eq!(value["latency_us"]["response"]["p99_99"], Value::Null);
    let none = json!({
        "p50": null, "p90": null, "p99": null, "p99_9": null, "p99_99": null,
        "max": null, "mean": null, "count": 0,
    });
    for outcome in [absent(), empty()] {
        let value: Value = serde_json::from_str(&json(&outcome)).unwrap();
        assert_eq!(value["achieved_rate"], 0.0);
        for histogram in ["response", "service", "connect"] {
            assert_eq!(value["latency_us"][histogram], none);
        }
    }
}

#[test]
fn the_time_series_has_a_line_for_every_interval() {
    let lines: Vec<Value> = rich()
        .intervals
        .iter()
        .map(|second| serde_json::from_str(&timeseries_line(second)).unwrap())
        .collect();
    assert_eq!(lines.len(), 13);
    let phases: Vec<_> = lines.iter().map(|line| line["phase"].as_str().unwrap()).collect();
    assert_eq!(phases[..3], ["ramp", "warm-up", "measure"]);
    assert_eq!(phases[11..], ["measure", "drain"]);
    assert_eq!(lines[4]["start_s"], 3.64);
    assert_eq!(lines[4]["length_s"], 1.0);
    assert_eq!(lines[4]["alive"], 49);
    assert_eq!(lines[4]["planned"], 1000);
    assert_eq!(lines[4]["requests"]["wrong"], 4);
    assert_eq!(lines[4]["failures"], json!({"wrong reply": 4}));
    assert_eq!(lines[4]["latency_us"]["response"]["count"], 1000);
    assert_eq!(lines[4]["generator"], json!({"cpu": 0.375, "max_loop_lag_us": 922}));
    assert_eq!(lines[6]["latency_us"]["service"]["p50"], Value::Null);
}

#[test]
fn the_histogram_log_adds_up_to_the_report() {
    let outcome = rich();
    let log = hdr_log(&outcome);
    let mut sums = [outcome.latency.response.clone(), outcome.latency.service.clone()];
    sums.iter_mut().for_each(Histogram::reset);
    let mut starts = Vec::new();
    for (start, tag, histogram) in logged(&log) {
        let at = ["response", "service"].iter().position(|name| *name == tag).unwrap();
        sums[at].add(&histogram).unwrap();
        starts.push((start, tag));
    }
    let times = IntervalLogIterator::new(&log).filter_map(|entry| match entry.unwrap() {
        LogEntry::StartTime(time) | LogEntry::BaseTime(time) => Some(time),
        LogEntry::Interval(_) => None,
    });
    assert_eq!(times.collect::<Vec<_>>(), [Duration::from_millis(1_700_000_000_123); 2]);
    assert_eq!(starts.len(), 22, "ten seconds and the drain, twice");
    for (second, pair) in starts[..20].chunks(2).enumerate() {
        let start = Duration::from_secs(second as u64);
        assert_eq!(pair, [(start, "response".to_owned()), (start, "service".to_owned())]);
    }
    let Latency { response, service, .. } = outcome.latency;
    assert!(sums == [response, service]);
    assert!(logged(&hdr_log(&empty())).is_empty());
}

#[test]
fn the_reader_of_python_reads_the_histogram_log() {
    let imported = Command::new("python3").args(["-c", "import hdrh.log"]).stderr(Stdio::null()).status();
    if !imported.is_ok_and(|status| status.success()) {
        return skip("python3 has no package hdrhistogram here");
    }
    let dir = TempDir::new();
    let path = dir.join("run.hlog");
    std::fs::write(&path, hdr_log(&rich())).unwrap();
    python("histogram_log.py", &[path.to_str().unwrap().to_owned()], PATIENCE);
}
