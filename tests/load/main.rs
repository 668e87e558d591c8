//! `hullo load`, run as a user runs it, against servers of all kinds.

#![cfg(feature = "cli")]

#[path = "../support/mod.rs"]
mod support;

mod advice;
mod books;
mod datagrams;
mod ends;
mod files;
mod foreign;
mod killed;
mod load_common;
mod lossy;
mod outputs;
mod rate;
mod reach;
mod signals;
mod stalls;
mod streams;
mod tls;
mod truth;
mod usage;
