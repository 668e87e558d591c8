//! A report as JSON, and what holds of every report.

use serde_json::Value;

/// A report as JSON.
pub struct Report(pub Value);

/// The numbers under `requests`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Requests {
    pub sent: u64,
    pub correct: u64,
    pub wrong: u64,
    pub late: u64,
    pub lost: u64,
    pub unfinished: u64,
    pub not_sent: u64,
    pub duplicate: u64,
    pub reordered: u64,
    pub foreign: u64,
}

impl Report {
    #[track_caller]
    pub fn at(&self, path: &[&str]) -> &Value {
        path.iter().fold(&self.0, |value, key| {
            value.get(key).unwrap_or_else(|| panic!("no {key} of {path:?} in {:#}", self.0))
        })
    }

    #[track_caller]
    pub fn count(&self, path: &[&str]) -> u64 {
        self.at(path).as_u64().unwrap_or_else(|| panic!("{path:?} is no count in {:#}", self.0))
    }

    #[track_caller]
    pub fn number(&self, path: &[&str]) -> f64 {
        self.at(path).as_f64().unwrap_or_else(|| panic!("{path:?} is no number in {:#}", self.0))
    }

    /// A percentile of the response time, in microseconds.
    #[track_caller]
    pub fn response(&self, key: &str) -> f64 {
        self.number(&["latency_us", "response", key])
    }

    #[track_caller]
    pub fn service(&self, key: &str) -> f64 {
        self.number(&["latency_us", "service", key])
    }

    #[track_caller]
    pub fn books(&self) -> Requests {
        let count = |key| self.count(&["requests", key]);
        Requests {
            sent: count("sent"),
            correct: count("correct"),
            wrong: count("wrong"),
            late: count("late"),
            lost: count("lost"),
            unfinished: count("unfinished"),
            not_sent: count("not_sent"),
            duplicate: count("duplicate"),
            reordered: count("reordered"),
            foreign: count("foreign"),
        }
    }

    #[track_caller]
    pub fn trustworthy(&self) -> bool {
        self.at(&["verdict", "trustworthy"]).as_bool().unwrap()
    }

    #[track_caller]
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.at(&["verdict", "reasons"]).as_array().unwrap();
        reasons.iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub fn evidence(&self) -> &[Value] {
        self.at(&["evidence"]).as_array().unwrap()
    }
}

/// What every report keeps, whatever happened: each key of the contract is there, every number is one, the books
/// balance, and no percentile is above the one that follows it.
#[track_caller]
pub fn assert_honest(report: &Report) {
    let keys = [
        (
            "",
            "version command target mode verdict offered_rate achieved_rate duration_s requests connections",
        ),
        ("", "latency_us bytes fairness generator evidence"),
        ("verdict", "trustworthy reasons expectations"),
        ("requests", "sent correct wrong late lost unfinished not_sent duplicate reordered foreign"),
        ("connections", "asked alive failed lost"),
        ("latency_us", "response service connect"),
        ("bytes", "sent received"),
        ("fairness", "worst median best"),
        ("generator", "cpu max_loop_lag_us p99_schedule_lag_us receive_drops"),
    ];
    for (room, keys) in keys {
        for key in keys.split_whitespace() {
            report.at(&[room, key].into_iter().filter(|key| !key.is_empty()).collect::<Vec<_>>());
        }
    }
    for key in ["achieved_rate", "duration_s"] {
        assert!(report.number(&[key]) >= 0.0, "{key} in {:#}", report.0);
    }
    for key in ["cpu", "max_loop_lag_us", "p99_schedule_lag_us"] {
        assert!(report.number(&["generator", key]) >= 0.0, "{key} in {:#}", report.0);
    }
    let books = report.books();
    assert_eq!(
        books.sent,
        books.correct + books.wrong + books.late + books.lost + books.unfinished,
        "the books do not balance: {:#}",
        report.0
    );
    let connections = ["asked", "alive", "failed"].map(|key| report.count(&["connections", key]));
    let is_churn = report.at(&["command"]).as_str().unwrap().contains("--churn");
    assert!(is_churn || connections[1] + connections[2] <= connections[0], "{:#}", report.0);
    assert!(report.evidence().len() <= 10, "{:#}", report.0);
    for kind in ["response", "service", "connect"] {
        assert_histogram(report, kind);
    }
    let rates = report.number(&["achieved_rate"]) * report.number(&["duration_s"]);
    let correct = books.correct as f64;
    assert!((rates - correct).abs() <= 1.0 + correct / 100.0, "{rates} and {correct}: {:#}", report.0);
}

#[track_caller]
fn assert_histogram(report: &Report, kind: &str) {
    let at = |key: &str| report.at(&["latency_us", kind, key]);
    let count = at("count").as_u64().unwrap();
    let keys = ["p50", "p90", "p99", "p99_9", "p99_99", "max"];
    let known: Vec<f64> = keys.iter().filter_map(|key| at(key).as_f64()).collect();
    assert!(known.iter().all(|value| value.is_finite() && *value >= 0.0), "{:#}", report.0);
    assert!(known.is_sorted(), "{kind}: {:#}", report.0);
    if count == 0 {
        return;
    }
    assert_eq!(at("p99_99").is_null(), count < 10_000, "{kind}: {:#}", report.0);
    assert_eq!(known.len(), if count < 10_000 { 5 } else { 6 }, "{kind}: {:#}", report.0);
    let mean = at("mean").as_f64().unwrap();
    assert!(mean <= at("max").as_f64().unwrap() * 1.01, "{kind}: {:#}", report.0);
}
