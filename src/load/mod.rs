//! `hullo load`: honest numbers from many clients.

mod outcome;
pub mod report;

pub use outcome::{
    Books, Connections, Evidence, Fairness, Generator, Interval, Judged, Latency, Mode, Outcome, Phase,
    Verdict,
};
