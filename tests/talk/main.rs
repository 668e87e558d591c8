//! `hullo talk`, run as a person or a script runs it, and what a client has in common with `fetch`.

#![cfg(feature = "cli")]

#[path = "../support/mod.rs"]
mod support;

mod black_hole;
mod conversations;
mod ends;
mod netcat;
mod pauses;
mod tls;
