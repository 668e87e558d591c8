//! The page of a load test in a real browser: what is drawn, what can be read, and that nothing is fetched.

use super::process::Process;
use super::skip::{PATIENCE, skip};
use super::temp::TempDir;
use super::{absent, empty, rich, small};
use crate::load::books::outcome::Outcome;
use crate::load::report::html;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a browser made of a page.
struct Page {
    /// Everything that the script below has found.
    found: Value,
    /// What the page, or the browser about it, had to say.
    console: Vec<String>,
}

/// Appended to the page: measures what the browser drew, and says one word on the console, to prove that it is heard.
const PROBE: &str = include_str!("probe.html");

const FIGURES: [&str; 8] = [
    "Latency",
    "Rate offered and achieved",
    "Latency over time",
    "Failures by cause",
    "Clients alive",
    "Fairness",
    "Generator: processor",
    "Generator: turns of the loop",
];

#[test]
fn every_plot_is_drawn_and_nothing_goes_wrong() {
    let Some(page) = Page::of(&rich(), &["--window-size=1100,900"]) else { return };
    assert_eq!(page.drawn(), FIGURES);
    for plot in page.plots() {
        let lines = plot["lines"].as_array().unwrap();
        assert!(!lines.is_empty(), "{plot}");
        assert!(lines.iter().all(|length| length.as_f64().unwrap() > 20.0), "{plot}");
        assert!(plot["width"].as_f64().unwrap() > 500.0 && plot["height"].as_f64().unwrap() > 80.0, "{plot}");
        assert_eq!(plot["outside"], Value::Array(vec![]), "{plot}");
        assert!(plot["rows"].as_u64().unwrap() >= 5, "a table in numbers: {plot}");
        assert!(plot["tips"].as_u64().unwrap() >= 5, "{plot}");
    }
    let headline = page.found["headline"].as_str().unwrap();
    assert!(headline.starts_with("failed: 1 expectation is broken; 4 wrong replies, "), "{headline}");
    let text = page.found["text"].as_str().unwrap();
    for part in [
        "p99<5ms",
        "1 of 50 clients did not come to life",
        "Hello, <b>c12</b>-35!",
        "<c{conn}-{seq}>",
        "seed",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    page.is_sound();
}

#[test]
fn a_pointer_over_a_plot_sees_its_figures() {
    let Some(page) = Page::of(&rich(), &["--window-size=1100,900"]) else { return };
    assert_eq!(page.found["hidden"], page.found["tips"], "all are hidden until a pointer comes");
    let tips = page.found["tip"].as_array().unwrap();
    let tips: Vec<_> = tips.iter().map(|tip| tip.as_str().unwrap()).collect();
    assert!(tips.contains(&"3.64 s to 4.64 s, measured | planned 1,000 | right 996 | 996.0/s"), "{tips:?}");
    assert!(tips.contains(&"3.64 s to 4.64 s, measured | wrong reply 4"), "{tips:?}");
}

#[test]
fn it_is_read_by_night_and_on_a_narrow_screen() {
    for arguments in [
        ["--window-size=1100,900", "--blink-settings=preferredColorScheme=0"],
        ["--window-size=500,900", "--blink-settings=preferredColorScheme=1"],
    ] {
        let Some(page) = Page::of(&rich(), &arguments) else { return };
        let is_dark = arguments[1].ends_with('0');
        assert_eq!(page.found["dark"], is_dark, "{arguments:?}");
        assert_eq!(page.drawn(), FIGURES);
        page.is_sound();
    }
}

#[test]
fn poor_runs_have_a_page_that_says_what_there_is_not() {
    let poor: [(Outcome, &[&str], &[&str]); 3] = [
        (small(), &["Latency"], &["passed: every reply was right", "closed loop", "Nothing failed."]),
        (absent(), &[], &["none of 50 clients came to life", "No reply came", "50 failures in all"]),
        (empty(), &[], &["nothing completed", "No reply came"]),
    ];
    for (outcome, drawn, said) in poor {
        let Some(page) = Page::of(&outcome, &["--window-size=1100,900"]) else { return };
        assert_eq!(page.drawn(), drawn);
        let text = page.found["text"].as_str().unwrap();
        for part in said {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("NaN") && !text.contains("inf "), "{text}");
        page.is_sound();
    }
}

#[test]
fn the_replies_of_the_drain_are_no_point_of_the_latency() {
    let mut outcome = rich();
    let drain = outcome.intervals.last_mut().unwrap();
    assert_eq!(drain.phase, crate::load::books::outcome::Phase::Drain);
    drain.response.record(3_000_000_000).unwrap();
    let page = html(&outcome);
    let figure = page.split("<h2>Latency over time</h2>").nth(1).unwrap().split("</figure>").next().unwrap();
    assert!(figure.contains("<td>measured</td>"), "{figure}");
    assert!(!figure.contains("<td>drain</td>") && !figure.contains("3000 s"), "{figure}");
}

#[test]
fn a_long_run_has_a_page_that_stays_small() {
    let mut outcome = rich();
    let second = outcome.intervals[5].clone();
    outcome.intervals.truncate(2);
    for at in 0..1000 {
        let start = Duration::from_millis(1640 + 1000 * at);
        outcome.intervals.push(crate::load::books::outcome::Interval { start, ..second.clone() });
    }
    let page = html(&outcome);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(page.contains("<td>16:37</td>"), "the last row begins at the last multiple of five seconds");
}

impl Page {
    /// None where there is no browser, which is said.
    #[track_caller]
    fn of(outcome: &Outcome, arguments: &[&str]) -> Option<Page> {
        let mut version = Command::new("chromium");
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if !version.status().is_ok_and(|status| status.success()) {
            skip("there is no chromium here");
            return None;
        }
        let dir = TempDir::new();
        let page = html(outcome);
        assert!(!page.contains("http") && !page.contains("<script"), "whole in itself, and without a script");
        let path = dir.write("page.html", page.replace("</body>", &format!("{PROBE}</body>")));
        let profile = format!("--user-data-dir={}", dir.join("profile").display());
        let mut browser = Command::new("chromium");
        browser.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
        browser
            .args(["--enable-logging=stderr", "--dump-dom", &profile])
            .args(arguments)
            .arg(format!("file://{path}"));
        let mut browser = Process::start(&mut browser);
        let Some(status) = browser.wait(3 * PATIENCE) else { panic!("no end: {:?}", browser.said()) };
        let said = browser.said().clone();
        assert!(status.success(), "{said:?}");
        let found = said.out.iter().find_map(|line| line.split_once("<!--found ")?.1.split_once(" found-->"));
        let (found, _) = found.unwrap_or_else(|| panic!("the probe has not run: {said:?}"));
        let console = said.err.into_iter().filter(|line| line.contains("CONSOLE")).collect();
        Some(Page { found: serde_json::from_str(found).unwrap(), console })
    }

    fn plots(&self) -> &[Value] {
        self.found["plots"].as_array().unwrap()
    }

    fn drawn(&self) -> Vec<&str> {
        self.plots().iter().map(|plot| plot["title"].as_str().unwrap()).collect()
    }

    /// Nothing on the console but the probe, nothing fetched, nothing wider than the screen, all text legible.
    #[track_caller]
    fn is_sound(&self) {
        assert!(
            self.console.len() == 1 && self.console[0].contains("the probe is heard"),
            "{:?}",
            self.console
        );
        assert_eq!(self.found["fetched"], Value::Array(vec![]));
        assert_eq!(self.found["overflow"], 0);
        assert_eq!(self.found["pale"], Value::Array(vec![]), "text of a contrast below 4.5");
    }
}
