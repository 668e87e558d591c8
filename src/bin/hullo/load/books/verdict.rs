//! What to think of a run: made by `report`, and shown in every form of it.

use crate::load::plan::expectations::Expectation;

/// What to think of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Verdict {
    /// Whether the figures are the server's, and not the generator's own, and enough for what was to be judged by them.
    pub trustworthy: bool,
    /// Sentences: what went wrong, or keeps the figures from being trusted.
    pub faults: Vec<String>,
    /// Sentences: what else a reader must know.
    pub remarks: Vec<String>,
    pub expectations: Vec<Judged>,
}

/// What a run comes to. It says how the command exits, and which word stands over its report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conclusion {
    Passed,
    /// By a signal.
    Stopped(i32),
    /// No reply was right.
    NothingCompleted,
    ExpectationBroken,
    /// There was nobody left to ask.
    EndedEarly,
    /// Errors that no expectation allows.
    HadErrors,
    /// The figures are the generator's own, and somebody relies on them.
    NotTrustworthy,
    /// Too few samples for a percentile that is expected.
    TooFewSamples,
    /// Every reply was right, but not all that was planned was sent.
    FellShort(Promise),
}

/// What of a run that fell short was promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// That its expectations hold, of all that was planned.
    Expectations,
    /// The rate.
    Rate,
    /// Nothing: a closed loop sends what it comes to.
    Nothing,
}

/// A conclusion in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Passed,
    Failed,
    FellShort,
    NotTrustworthy,
    Stopped,
}

impl Conclusion {
    pub fn status(self) -> Status {
        match self {
            Conclusion::Passed => Status::Passed,
            Conclusion::Stopped(_) => Status::Stopped,
            Conclusion::NothingCompleted
            | Conclusion::ExpectationBroken
            | Conclusion::EndedEarly
            | Conclusion::HadErrors => Status::Failed,
            Conclusion::NotTrustworthy | Conclusion::TooFewSamples => Status::NotTrustworthy,
            Conclusion::FellShort(_) => Status::FellShort,
        }
    }

    /// How the command exits.
    pub fn exit_code(self) -> u8 {
        match self {
            Conclusion::Passed | Conclusion::FellShort(Promise::Nothing) => 0,
            Conclusion::NothingCompleted | Conclusion::EndedEarly | Conclusion::HadErrors => 1,
            Conclusion::FellShort(Promise::Rate) => 1,
            Conclusion::ExpectationBroken | Conclusion::FellShort(Promise::Expectations) => 3,
            Conclusion::NotTrustworthy | Conclusion::TooFewSamples => 4,
            Conclusion::Stopped(signal) => 128 + u8::try_from(signal).unwrap_or(0),
        }
    }
}

/// An expectation, judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    pub expectation: Expectation,
    pub judgement: Judgement,
    /// What it was in truth, in the unit of the expectation's quantity: microseconds, requests a second, a
    /// fraction (errors) or a count; none where there is nothing to measure.
    pub value: Option<f64>,
}

/// Whether an expectation holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    Held,
    /// Or there was nothing to measure.
    Broken,
    /// With a faster generator it might have come out the other way.
    Doubtful,
    /// So few samples do not show where the percentile is: as many as this are wanted.
    TooFew(u64),
}
