//! The files that a load test leaves, of a real run: they agree with each other.

use crate::load_common::{command, end};
use crate::support::*;
use serde_json::Value;
use std::fs;
use std::time::Duration;

#[test]
fn one_run_leaves_four_files_that_agree() {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let url = &daemon.listening[0].address;
    let dir = TempDir::new();
    let names = ["run.json", "run.html", "run.hlog", "run.jsonl"];
    let [json, html, hdr, series] = names.map(|name| dir.write(name, "what was there before"));
    let run = Process::start(&mut command([
        url,
        "-c",
        "20",
        "-r",
        "500",
        "-d",
        "3s",
        "--warmup",
        "200ms",
        "-q",
        "--json",
        "-o",
        &json,
        "--html",
        &html,
        "--hdr",
        &hdr,
        "--timeseries",
        &series,
    ]));
    let load = end(run);
    load.all_correct(20);
    assert_eq!(load.report.books().sent, 1500);

    let written: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(written, load.report.0);

    let mut samples = [("response", 0), ("service", 0)];
    let mut starts = Vec::new();
    for (start, tag, histogram) in logged(&fs::read(hdr).unwrap()) {
        let (_, sum) = samples.iter_mut().find(|(name, _)| *name == tag).unwrap();
        *sum += histogram.len();
        starts.push(start);
    }
    assert_eq!(samples, [("response", 1500), ("service", 1500)]);
    assert_eq!(starts[..2], [Duration::ZERO; 2]);
    assert!(starts.is_sorted());

    let series = fs::read_to_string(series).unwrap();
    let series: Vec<Value> = series.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = |key: &str| series.iter().map(|line| line["requests"][key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("sent"), sum("correct")), (1500, 1500));
    let phases: Vec<_> = series.iter().map(|line| line["phase"].as_str().unwrap()).collect();
    assert!(phases.iter().filter(|phase| **phase == "measure").count() >= 3, "{phases:?}");
    assert!(phases.contains(&"ramp") && phases.contains(&"warm-up"), "{phases:?}");

    let page = fs::read_to_string(html).unwrap();
    assert!(page.starts_with("<!doctype html>\n") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains(url) && page.contains("of 500.0/s"), "{page}");
    assert_eq!(page.matches("<svg").count(), 7, "all but the failures: {page}");
}
