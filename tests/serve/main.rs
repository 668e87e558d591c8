//! `hullo serve`, run as an operator runs it, and what its clients see.

#![cfg(feature = "cli")]

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod dialects;
mod doubts;
mod drain;
mod drain_full;
mod fairness;
mod limits;
mod local;
mod log;
mod loops;
mod many;
mod reactors;
mod reload;
mod rivals;
mod rubbish;
mod scoped_addresses;
mod signals;
mod start;
mod stopped;
mod streams;
mod tls;
