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
        match self {
            DatagramSocket::Udp(socket) => socket.try_io(|| batch.receive(socket.as_fd(), most, true)),
            DatagramSocket::Unix(socket) => socket.try_io(|| batch.receive(socket.as_fd(), most, false)),
        }
    }

    pub(crate) fn sends_bundles(&self) -> bool {
        matches!(self, DatagramSocket::Udp(_)) && sys::sends_bundles(self.as_fd())
    }
}

socket!(DatagramSocket, Udp | Unix);
