//! The clients: `hullo talk` for a person or a script, `hullo fetch` for pages.

mod charset;
pub mod fetch;
pub mod talk;
mod terminal;
mod tls;

use hullo::ConnectError;
use nix::errno::Errno;
use std::io;

/// The remedy for a connection that failed.
fn remedy(error: &ConnectError) -> &'static str {
    let starved = error.failures().find(|(_, error)| is_out_of_descriptors(error));
    let failure = starved.or(error.failures().last());
    failure.map_or_else(|| remedy_of_kind(error.kind()), |(_, error)| remedy_of(error))
}

/// The remedy for an error of the system that was met on the way to a server.
fn remedy_of(error: &io::Error) -> &'static str {
    if is_out_of_descriptors(error) {
        return "raise the limit with ulimit -n";
    }
    tls::remedy(error).unwrap_or_else(|| remedy_of_kind(error.kind()))
}

fn remedy_of_kind(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "nobody listens there: start the server, or check the address",
        io::ErrorKind::NotFound => "there is no such socket: start the server, or check the path",
        io::ErrorKind::TimedOut => "check the address, or give it longer with --timeout",
        io::ErrorKind::PermissionDenied => "ask whoever owns it for the permission",
        _ => "check the address and the network",
    }
}

/// Describes an error that has nothing to do with a server, with its remedy if there is one.
fn describe(error: &io::Error) -> String {
    let remedy = if is_out_of_descriptors(error) { format!("; {}", remedy_of(error)) } else { String::new() };
    format!("{error}{remedy}")
}

/// Whether this process or the whole system has too many open files.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}
