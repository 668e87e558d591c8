//! The books of a run: the ledger that keeps them, its histograms, one record a second, and the outcome that every report
//! is made of. What each number of a report counts, and where it comes from, is written in [`outcome`].

pub mod causes;
pub mod evidence;
pub mod handshakes;
pub mod intervals;
pub mod latency;
pub mod ledger;
pub mod outcome;
pub mod packed;
pub mod verdict;
