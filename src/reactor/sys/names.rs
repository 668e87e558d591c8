//! Names of hosts, and the threads that they are looked up on: getaddrinfo(3) blocks, for many seconds if need be.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

/// Every address that the system's resolver has for a name, each with this port. It blocks.
pub(crate) fn look_up(name: &str, port: u16) -> io::Result<impl Iterator<Item = SocketAddr>> {
    (name, port).to_socket_addrs()
}

/// Starts a thread that ends when its work does. Nobody waits for it, the end of the process neither.
pub(crate) fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}
