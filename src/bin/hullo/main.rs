//! The `hullo` program: a user of the library like any other.
//!
//! ```text
//! cli        the command line: flags and files become plans; errors and the log
//! daemon     `hullo serve`: a Handler that keeps a greeting session for each connection
//! client     `hullo talk` and `hullo fetch`
//! load       `hullo load`: a generator with many clients, and its report
//! signals    signals as one more descriptor on the loop, and those that are held back from the start
//! process    what the process was given when it started; the only unsafe code of the program
//! ```
//!
//! `daemon`, `client` and `load` never meet; `cli` calls each of them.
#![deny(unsafe_code)]
#![warn(rust_2018_idioms)]

mod cli;
mod client;
mod daemon;
mod load;
mod process;
mod signals;

fn main() -> std::process::ExitCode {
    signals::hold_back();
    cli::run()
}
