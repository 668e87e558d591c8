//! Options of a socket that a user may want to turn.

use crate::reactor::sys;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The options of one socket, lent by [`Net::controls`](crate::Net::controls). Errors are the operating system's:
/// `Unsupported` or `InvalidInput` where a kind of socket does not have the option.
///
/// ```
/// # let mut reactor = hullo::Reactor::new()?;
/// let udp = reactor.bind("udp://127.0.0.1:0")?;
/// let controls = reactor.net().controls(udp)?;
/// controls.set_receive_buffer(1 << 20)?;
/// assert!(controls.receive_buffer()? > 0);
/// # std::io::Result::Ok(())
/// ```
pub struct Controls<'a>(pub(crate) BorrowedFd<'a>);

impl Controls<'_> {
    /// TCP_NODELAY: small writes leave at once. On already, unless its listener was opened without.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.socket().set_tcp_nodelay(on)
    }

    /// Whether TCP_NODELAY is on.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket().tcp_nodelay()
    }

    /// SO_REUSEPORT: whether others that have it as well, and the same user, may bind the same port from now on
    /// (socket(7)). A port that was bound without it and is shared later was nobody else's before.
    pub fn set_reuse_port(&self, on: bool) -> io::Result<()> {
        self.socket().set_reuse_port(on)
    }

    /// SO_KEEPALIVE: probes a silent peer after `idle`, and every tenth of it from then on (at least every second);
    /// `None`: never (tcp(7): TCP_KEEPIDLE, TCP_KEEPINTVL).
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        let Some(idle) = idle else { return self.socket().set_keepalive(false) };
        let every = (idle / 10).max(Duration::from_secs(1));
        self.socket().set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(every))
    }

    /// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged before the connection is given up; `None`: as long
    /// as the system tries (tcp(7)).
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().set_tcp_user_timeout(timeout)
    }

    /// SO_RCVBUF, in bytes; Linux doubles it for its own needs (socket(7)).
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        self.socket().set_recv_buffer_size(bytes)
    }

    /// SO_RCVBUF as the system has it.
    pub fn receive_buffer(&self) -> io::Result<usize> {
        self.socket().recv_buffer_size()
    }

    /// How many datagrams the system dropped because this socket's receive queue was full (socket(7): SO_RXQ_OVFL counts
    /// the same).
    pub fn receive_drops(&self) -> io::Result<u32> {
        sys::receive_drops(self.0)
    }

    /// SO_SNDBUF, in bytes; Linux doubles it for its own needs (socket(7)).
    pub fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        self.socket().set_send_buffer_size(bytes)
    }

    /// SO_SNDBUF as the system has it.
    pub fn send_buffer(&self) -> io::Result<usize> {
        self.socket().send_buffer_size()
    }

    /// Bytes that left and that the peer has not taken yet: not acknowledged on TCP, not read on a Unix socket (SIOCOUTQ;
    /// there each message counts with what the system adds to it). What still waits for the system is not among them
    /// ([`Net::waiting`](crate::Net::waiting)).
    pub fn untaken(&self) -> io::Result<usize> {
        sys::untaken(self.0)
    }

    /// How many routers a packet may pass: IP_TTL, or IPV6_UNICAST_HOPS.
    pub fn set_hops(&self, hops: u32) -> io::Result<()> {
        if self.is_v6()? { self.socket().set_unicast_hops_v6(hops) } else { self.socket().set_ttl_v4(hops) }
    }

    /// How many routers a packet may pass.
    pub fn hops(&self) -> io::Result<u32> {
        if self.is_v6()? { self.socket().unicast_hops_v6() } else { self.socket().ttl_v4() }
    }

    /// SO_BROADCAST: allows datagrams to a broadcast address.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.socket().set_broadcast(on)
    }

    /// Joins a multicast group on the interface with this index; 0: the system's choice.
    pub fn join_multicast(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        match group {
            IpAddr::V4(group) => {
                self.socket().join_multicast_v4_n(&group, &socket2::InterfaceIndexOrAddress::Index(interface))
            }
            IpAddr::V6(group) => self.socket().join_multicast_v6(&group, interface),
        }
    }

    /// Leaves a multicast group.
    pub fn leave_multicast(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        match group {
            IpAddr::V4(group) => self
                .socket()
                .leave_multicast_v4_n(&group, &socket2::InterfaceIndexOrAddress::Index(interface)),
            IpAddr::V6(group) => self.socket().leave_multicast_v6(&group, interface),
        }
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }

    fn is_v6(&self) -> io::Result<bool> {
        Ok(self.socket().domain()? == socket2::Domain::IPV6)
    }
}
