//! The address that a socket is bound to.

use crate::reactor::address::{Address, Host};
use crate::reactor::sys;
use socket2::{SockRef, Type};
use std::io;
use std::os::fd::BorrowedFd;

/// The address that a socket is bound to, with its real port; `*` where it `is_dual`, bound to every address of both
/// families.
pub(crate) fn local_address(fd: BorrowedFd<'_>, is_datagram: bool, is_dual: bool) -> io::Result<Address> {
    let socket = SockRef::from(&fd);
    let name = socket.local_addr()?;
    let path = sys::unix_path(&name);
    Ok(match (name.as_socket(), is_datagram) {
        (Some(local), false) if is_dual => Address::Tcp(Host::Any, local.port()),
        (Some(local), true) if is_dual => Address::Udp(Host::Any, local.port()),
        (Some(local), false) => Address::tcp(local),
        (Some(local), true) => Address::udp(local),
        (None, false) if socket.r#type()? == Type::SEQPACKET => Address::Unixpacket(path),
        (None, false) => Address::Unix(path),
        (None, true) => Address::Unixgram(path),
    })
}
