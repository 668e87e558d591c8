//! The greeting, shared by the peers in Rust so that all of them do the same work.

use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpListener};

/// Read buffers, and the longest line.
pub const SIZE: usize = 64 * 1024;

/// What one client has said and was not yet answered.
#[derive(Default)]
pub struct Greeter {
    is_line: bool,
    /// A line whose end has not come yet.
    rest: Vec<u8>,
}

impl Greeter {
    pub fn new(is_line: bool) -> Greeter {
        Greeter { is_line, rest: Vec::new() }
    }

    pub fn welcome(&self) -> &'static [u8] {
        if self.is_line { b"Welcome!\n" } else { b"Welcome!" }
    }

    /// Appends the answers to what one read returned; false when the client said exit, or a line that is too long.
    pub fn respond(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.is_line {
            return greet(out, bytes, b"!");
        }
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, later) = (&bytes[..end], &bytes[end + 1..]);
            let goes_on = if self.rest.is_empty() {
                greet(out, without_return(line), b"!\n")
            } else {
                self.rest.extend_from_slice(line);
                let line = std::mem::take(&mut self.rest);
                greet(out, without_return(&line), b"!\n")
            };
            if !goes_on {
                return false;
            }
            bytes = later;
        }
        self.rest.extend_from_slice(bytes);
        self.rest.len() <= SIZE + 1
    }
}

fn greet(out: &mut Vec<u8>, message: &[u8], suffix: &[u8]) -> bool {
    if message == b"exit" {
        return false;
    }
    out.reserve(message.len() + 9);
    out.extend_from_slice(b"Hello, ");
    out.extend_from_slice(message);
    out.extend_from_slice(suffix);
    true
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `raw` or `line`, the one argument.
pub fn is_line() -> bool {
    match std::env::args().nth(1).as_deref() {
        Some("line") => true,
        Some("raw") => false,
        _ => {
            eprintln!("usage: raw|line");
            std::process::exit(2);
        }
    }
}

/// A listener that does not block, announced on stdout. By socket2, since std knows no backlog but its own.
pub fn listen() -> std::io::Result<TcpListener> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(4096)?;
    let listener = TcpListener::from(listener);
    println!("listening on tcp://{}", listener.local_addr()?);
    Ok(listener)
}
