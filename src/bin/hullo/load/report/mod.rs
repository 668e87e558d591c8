//! The report of a run, in every form that people and tools read. Each is made of the [`Outcome`] alone, but
//! for the time series, which is written as it comes.
//!
//! [`Outcome`]: super::Outcome

mod advice;
mod figures;
mod headline;
mod histogram_log;
mod html;
mod json;
mod judgement;
#[cfg(test)]
mod tests;
mod text;
mod timeseries;
pub mod verdict;

pub use figures::{counted, duration as shown, rate};
pub use histogram_log::hdr_log;
pub use html::html;
pub use json::json;
pub use text::text;
pub use timeseries::timeseries_line;
