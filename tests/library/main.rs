//! What an engineer takes home: the examples, frames, the greeting, a crate outside, foreign loops.

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "cli")]
mod examples;
mod foreign_loops;
mod frames_allocations;
mod frames_properties;
#[cfg(feature = "greeting")]
mod greeting_properties;
mod outside;
#[cfg(feature = "cli")]
mod peers;
#[cfg(feature = "cli")]
mod services;
