//! The clients: `hullo talk` for a person or a script, `hullo fetch` for pages.

mod charset;
pub mod fetch;
pub mod talk;
mod terminal;

use std::io;

/// What to do about an error of connecting.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "nobody listens there: start the server, or check the address",
        io::ErrorKind::NotFound => "there is no such socket: start the server, or check the path",
        io::ErrorKind::TimedOut => "check the address, or give it longer with --timeout",
        io::ErrorKind::PermissionDenied => "ask whoever owns it for the permission",
        _ => "check the address and the network",
    }
}
