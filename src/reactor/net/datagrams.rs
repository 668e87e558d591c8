//! What users ask of datagrams: to be sent, and answered.

use crate::reactor::address::parse::IntoAddress;
use crate::reactor::address::{Address, PeerAddr};
use crate::reactor::datagram::Datagrams;
use crate::reactor::events::{Datagram, ReturnPath};
use crate::reactor::ids::DatagramId;
use crate::reactor::net::{Net, Source};
use crate::reactor::socket;
use std::io;
use std::net::IpAddr;

impl Net {
    /// Opens a datagram socket with one peer: `udp://` (no name) or `unixgram:`. [`send_datagram`](Net::send_datagram)
    /// reaches it, and only its datagrams are received.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what is no such address; otherwise the operating system's.
    pub fn connect_datagrams(&mut self, address: impl IntoAddress) -> io::Result<DatagramId> {
        self.open_connected_datagrams(&address.into_datagram_address()?, None)
    }

    /// [`connect_datagrams`](Net::connect_datagrams) from one of this machine's own addresses, on a port of the system's choice.
    ///
    /// # Errors
    ///
    /// As [`connect_datagrams`](Net::connect_datagrams), and `InvalidInput` for a Unix socket, which has no such address.
    pub fn connect_datagrams_from(
        &mut self,
        source: IpAddr,
        address: impl IntoAddress,
    ) -> io::Result<DatagramId> {
        self.open_connected_datagrams(&address.into_datagram_address()?, Some(source))
    }

    fn open_connected_datagrams(
        &mut self,
        address: &Address,
        source: Option<IpAddr>,
    ) -> io::Result<DatagramId> {
        let socket = socket::connect_datagrams(address, source)?;
        self.insert_source(Source::Datagrams(Datagrams::new(socket, false, None))).map(DatagramId)
    }

    /// Sends a datagram to the peer of a connected socket, as [`send_to`](Net::send_to). Returns whether the socket is
    /// open.
    pub fn send_datagram(&mut self, socket: DatagramId, bytes: impl AsRef<[u8]>) -> bool {
        self.queue_datagram(socket.0, None, None, bytes.as_ref())
    }

    /// Sends a datagram, with the batch that is being served or at the end of the turn. What the kernel refuses is
    /// dropped and counted ([`Stats::datagrams_refused`](crate::Stats::datagrams_refused)). Returns whether the socket is open.
    ///
    /// UDP takes 65,507 bytes at the most (65,527 over IPv6), a Unix socket what its send buffer holds; a reactor receives
    /// [`Datagram::LONGEST`](crate::Datagram::LONGEST).
    pub fn send_to(&mut self, socket: DatagramId, to: &PeerAddr, bytes: impl AsRef<[u8]>) -> bool {
        self.queue_datagram(socket.0, Some(to), None, bytes.as_ref())
    }

    /// Answers a datagram, as [`send_to`](Net::send_to), from the address that it was sent to; the answer to one that went to
    /// many (broadcast, multicast) leaves from an address of our own. For an answer that comes later see
    /// [`send_back`](Net::send_back).
    pub fn reply(&mut self, socket: DatagramId, datagram: &Datagram<'_>, bytes: impl AsRef<[u8]>) -> bool {
        self.queue_datagram(socket.0, Some(&datagram.from), datagram.arrival, bytes.as_ref())
    }

    /// Answers a datagram that was heard earlier, as [`reply`](Net::reply) does at once. `socket` is the one that it came to.
    pub fn send_back(&mut self, socket: DatagramId, path: &ReturnPath, bytes: impl AsRef<[u8]>) -> bool {
        self.queue_datagram(socket.0, Some(&path.to), path.from, bytes.as_ref())
    }
}
