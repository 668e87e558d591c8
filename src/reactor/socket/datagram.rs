//! A socket of datagrams.

use crate::reactor::sys;
use mio::net::{UdpSocket, UnixDatagram};
use std::io;
use std::os::fd::AsFd;

/// A socket of datagrams.
pub(crate) enum DatagramSocket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl DatagramSocket {
    #[inline(always)]
    pub(crate) fn receive(&self, batch: &mut sys::ReceiveBatch, most: usize) -> io::Result<usize> {
        let receive = || batch.receive(self.as_fd(), most, matches!(self, DatagramSocket::Udp(_)));
        either!(self, DatagramSocket, Udp | Unix, socket => socket.try_io(receive))
    }

    pub(crate) fn sends_bundles(&self) -> bool {
        matches!(self, DatagramSocket::Udp(_)) && sys::sends_bundles(self.as_fd())
    }
}

socket!(DatagramSocket, Udp | Unix);
