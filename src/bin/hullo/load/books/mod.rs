//! The books of a run: counts, histograms, one record a second, and the outcome that every report is made of.

pub mod intervals;
pub mod latency;
pub mod ledger;
pub mod outcome;
pub mod packed;
