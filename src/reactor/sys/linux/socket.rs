//! One socket: the calls on it, what it holds, and the options that socket2 lacks.

use super::check;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Takes the next client of a listener, non-blocking and closed on exec. The address is not asked for: mio 1.2.4 slices
/// past the end of the structure when a Unix client's path fills it to its last byte.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: null pointers say that no address is wanted; a descriptor that the call returns is ours alone.
    unsafe {
        let client = check(libc::accept4(fd.as_raw_fd(), ptr::null_mut(), ptr::null_mut(), flags))?;
        Ok(OwnedFd::from_raw_fd(client))
    }
}

/// Writes to a stream. It is send(2) and not write(2), so that a host that has not ignored SIGPIPE lives on.
#[inline(always)]
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(&fd).send_with_flags(bytes, libc::MSG_NOSIGNAL)
}

/// Writes to a stream what lies in several places, as [`send`].
#[inline(always)]
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(&fd).send_vectored_with_flags(parts, libc::MSG_NOSIGNAL)
}

/// Bytes that arrived and were not read (ioctl_tcp(7): FIONREAD, alias SIOCINQ).
pub(crate) fn unread(fd: BorrowedFd<'_>) -> io::Result<usize> {
    byte_count(fd, libc::FIONREAD)
}

/// Bytes written that the peer has not taken: not acknowledged on TCP, not read on a Unix socket (SIOCOUTQ of
/// linux/sockios.h, which is TIOCOUTQ).
pub(crate) fn untaken(fd: BorrowedFd<'_>) -> io::Result<usize> {
    byte_count(fd, libc::TIOCOUTQ as libc::Ioctl)
}

/// Bytes written but not yet sent. TCP and its like only (SIOCOUTQNSD of linux/sockios.h).
pub(crate) fn unsent(fd: BorrowedFd<'_>) -> io::Result<usize> {
    byte_count(fd, libc::SIOCOUTQNSD as libc::Ioctl)
}

fn byte_count(fd: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: all three requests store one int through the pointer, which outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut count) })?;
    Ok(count.max(0) as usize)
}

/// Reads one record. Where a peer has left without reading all, the system says so first, and gives what it had sent after
/// that.
pub(crate) fn receive_record(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    match receive_next(fd, buffer) {
        Err(reset) if reset.kind() == io::ErrorKind::ConnectionReset => {
            receive_next(fd, buffer).ok().filter(|&n| n > 0).ok_or(reset)
        }
        result => result,
    }
}

/// A record that is longer than `buffer` is cut by the system, which is asked for its real length (recv(2): MSG_TRUNC), and
/// is an error.
fn receive_next(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to `buffer`, which outlives the call.
    let length =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_TRUNC) };
    match usize::try_from(length) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(length) if length > buffer.len() => {
            let what =
                format!("a record of {length} bytes is longer than the read budget of {}", buffer.len());
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
        Ok(length) => Ok(length),
    }
}

/// Asks for the address each datagram arrived at (ip(7): IP_PKTINFO; ipv6(7): IPV6_RECVPKTINFO). An IPv6 socket
/// that takes IPv4 as well is asked both, since only IP_PKTINFO tells our own address from a broadcast one.
pub(crate) fn ask_for_destination(fd: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        switch_on(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    }
    // An answer may leave from any address that a datagram was delivered to, one that no interface has as well, as where a
    // route hands us a whole prefix (ip(7): IP_FREEBIND, for IPv6 too). The socket is bound by now.
    switch_on(fd, libc::IPPROTO_IP, libc::IP_FREEBIND)?;
    switch_on(fd, libc::IPPROTO_IP, libc::IP_PKTINFO)
}

/// Asks for datagrams that came as one, as a sender with segmentation offload or a network card hands them on, to stay
/// one until here (udp(7): UDP_GRO). Where the system does not know of it, each comes alone.
pub(crate) fn take_bundles(fd: BorrowedFd<'_>) {
    let _ = switch_on(fd, libc::SOL_UDP, libc::UDP_GRO);
}

/// Whether the system cuts a message into datagrams when it is asked to (udp(7): UDP_SEGMENT). One that does not know of it
/// would send the message as one datagram.
pub(crate) fn sends_bundles(fd: BorrowedFd<'_>) -> bool {
    int_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT).is_ok()
}

/// Whether something sits between TCP and its reader that keeps records, as TLS in the kernel does (linux/tcp.h: TCP_ULP).
pub(crate) fn has_upper_layer(fd: BorrowedFd<'_>) -> bool {
    let mut name = [0u8; 16];
    let mut size = name.len() as libc::socklen_t;
    // SAFETY: the option is text, of which the kernel writes no more than `size` bytes.
    let found = check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_ULP,
            name.as_mut_ptr().cast(),
            &raw mut size,
        )
    });
    found.is_ok() && size > 0
}

/// Whether UDP datagrams leave without a checksum (SO_NO_CHECK), with which bundles do not go together.
pub(in crate::reactor::sys) fn has_no_checksums(fd: BorrowedFd<'_>) -> bool {
    int_option(fd, libc::SOL_SOCKET, libc::SO_NO_CHECK).is_ok_and(|on| on != 0)
}

/// Whether datagrams are those of UDP-Lite (udplite(7)).
pub(in crate::reactor::sys) fn is_udp_lite(fd: BorrowedFd<'_>) -> bool {
    int_option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL)
        .is_ok_and(|protocol| protocol == libc::IPPROTO_UDPLITE)
}

/// Has bind(2) with port 0 leave the port to connect(2) (ip(7): IP_BIND_ADDRESS_NO_PORT, for IPv6 as well).
pub(crate) fn bind_without_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    switch_on(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)
}

/// Datagrams that the system dropped because the receive queue of this socket was full (sock_diag(7): SK_MEMINFO_DROPS).
pub(crate) fn receive_drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let figures: [u32; DROPS + 1] = figures(fd, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    Ok(figures[DROPS])
}

/// Clients that wait in the backlog of a TCP listener (tcp(7): TCP_INFO, whose `tcpi_unacked` a listener has for this).
pub(crate) fn waiting(fd: BorrowedFd<'_>) -> io::Result<usize> {
    /// Behind eight bytes come rto, ato, snd_mss and rcv_mss (linux/tcp.h).
    const UNACKED: usize = 6;
    let figures: [u32; UNACKED + 1] = figures(fd, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    Ok(figures[UNACKED] as usize)
}

/// The first of the numbers that an option consists of.
fn figures<const COUNT: usize>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
) -> io::Result<[u32; COUNT]> {
    let mut figures = [0u32; COUNT];
    let mut size = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: any bytes are numbers, and the kernel writes no more than `size` of them.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, figures.as_mut_ptr().cast(), &raw mut size)
    })?;
    Ok(figures)
}

fn int_option(fd: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the option is an int, of which the kernel writes no more than `size` bytes.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut size)
    })?;
    Ok(value)
}

fn switch_on(fd: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option is an int, passed with its size.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    })?;
    Ok(())
}
