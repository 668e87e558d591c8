//! The one room with `unsafe`: what neither std, mio nor socket2 offers, through libc.
#![allow(unsafe_code)]

use super::address::PeerAddr;
use super::bundles::Bundles;
use socket2::{SockAddr, SockAddrStorage};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("hullo runs on Linux; a port to another system begins in src/reactor/sys.rs");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("hullo needs a 64-bit target: ids carry 64 bits through the poller's token");

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The monotonic clock in nanoseconds. std reads the same clock, but takes its `Instant` apart for nobody.
#[inline]
pub(crate) fn monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which does not fail for this clock (clock_gettime(2)).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
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

/// Bytes written but not yet sent. TCP only (SIOCOUTQNSD of linux/sockios.h).
pub(crate) fn unsent(fd: BorrowedFd<'_>) -> io::Result<usize> {
    byte_count(fd, libc::SIOCOUTQNSD as libc::Ioctl)
}

fn byte_count(fd: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: both requests store one int through the pointer, which outlives the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut count) })?;
    Ok(count.max(0) as usize)
}

/// Reads one record. One that is longer than `buffer` is cut by the system, which is asked for its real length
/// (recv(2): MSG_TRUNC) and makes it an error.
pub(crate) fn receive_record(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
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
    switch_on(fd, libc::IPPROTO_IP, libc::IP_PKTINFO)
}

/// Asks for datagrams that came as one, as a sender with segmentation offload or a network card hands them on, to stay
/// one until here (udp(7): UDP_GRO). Where the system does not know of it, each comes alone.
pub(crate) fn take_bundles(fd: BorrowedFd<'_>) {
    let _ = switch_on(fd, libc::SOL_UDP, libc::UDP_GRO);
}

/// Has bind(2) with port 0 leave the port to connect(2) (ip(7): IP_BIND_ADDRESS_NO_PORT, for IPv6 as well).
pub(crate) fn bind_without_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    switch_on(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)
}

/// Datagrams that the system dropped because the receive queue of this socket was full (sock_diag(7): SK_MEMINFO_DROPS).
pub(crate) fn receive_drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut figures = [0u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut size = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: the option is an array of u32, of which the kernel writes no more than `size` bytes (linux/sock_diag.h).
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            figures.as_mut_ptr().cast(),
            &raw mut size,
        )
    })?;
    Ok(figures[libc::SK_MEMINFO_DROPS as usize])
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

/// A timerfd(2) on the monotonic clock: it makes the poller's descriptor readable at a deadline, with the
/// clock's own resolution instead of epoll_wait's milliseconds.
pub(crate) struct TimerFd(OwnedFd);

impl TimerFd {
    pub(crate) fn new() -> io::Result<TimerFd> {
        // SAFETY: no pointers; a descriptor that the call returns is ours alone.
        unsafe {
            let fd =
                check(libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC))?;
            Ok(TimerFd(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Makes the descriptor readable after `delay`, and forgets an earlier expiry.
    pub(crate) fn arm(&self, delay: Duration) -> io::Result<()> {
        // SAFETY: plain integers.
        let mut spec: libc::itimerspec = unsafe { mem::zeroed() };
        spec.it_value.tv_sec = delay.as_secs().try_into().unwrap_or(libc::time_t::MAX);
        // All zero would disarm.
        spec.it_value.tv_nsec = if delay.is_zero() { 1 } else { delay.subsec_nanos().into() };
        // SAFETY: `spec` outlives the call; a null pointer says that the old value is not wanted.
        check(unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, ptr::null_mut()) })?;
        Ok(())
    }

    /// Takes the expiries that were counted, so that the descriptor is not readable any more.
    pub(crate) fn clear(&self) {
        let mut expiries = [0u8; 8];
        // SAFETY: eight bytes are what a timerfd gives, into an array of eight.
        unsafe { libc::read(self.0.as_raw_fd(), expiries.as_mut_ptr().cast(), expiries.len()) };
    }

    pub(crate) fn fd(&self) -> libc::c_int {
        self.0.as_raw_fd()
    }
}

/// Datagrams handed over by one recvmmsg(2) or taken by one sendmmsg(2).
pub(crate) const BATCH: usize = 32;
/// Datagrams collected before they are sent.
const COLLECTED: usize = 8 * BATCH;
/// Larger than any UDP payload (65,507 bytes).
const DATAGRAM: usize = 64 * 1024;
const NAME: usize = size_of::<libc::sockaddr_storage>();

/// Room for control messages, aligned as `cmsghdr` must be. An `in6_pktinfo` takes 40 bytes, an `in_pktinfo` 32, the
/// size of a segment 24; both families of addresses come at once on a dual-stack socket.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 96]);

/// Where a datagram arrived: one of our addresses, and the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) ip: IpAddr,
    interface: u32,
}

/// Buffers for one recvmmsg(2). The payload is 2 MiB of address space, of which only the pages that datagrams
/// have touched become resident.
pub(crate) struct ReceiveBatch {
    payload: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    /// Headers that the kernel has written to since they were made ready.
    used: usize,
}

// SAFETY: the raw pointers inside point into the vectors of the same value, whose heap memory stays where it is
// when the value moves, and which are never resized.
unsafe impl Send for ReceiveBatch {}

/// One received datagram.
pub(crate) struct Received<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) from: PeerAddr,
    pub(crate) to: Option<Arrival>,
    pub(crate) truncated: bool,
    /// What the bytes are to be cut into: several datagrams of one size came as one, of which the last may be shorter.
    pub(crate) segment: usize,
}

impl ReceiveBatch {
    pub(crate) fn new() -> ReceiveBatch {
        // SAFETY: these are plain C structures, for which all-zero bytes are a value.
        let (name, header): (libc::sockaddr_storage, libc::mmsghdr) = unsafe { mem::zeroed() };
        let mut batch = ReceiveBatch {
            payload: vec![0; BATCH * DATAGRAM],
            names: vec![name; BATCH],
            controls: vec![Control([0; 96]); BATCH],
            parts: Vec::with_capacity(BATCH),
            headers: vec![header; BATCH],
            used: BATCH,
        };
        for place in batch.payload.chunks_exact_mut(DATAGRAM) {
            batch.parts.push(libc::iovec { iov_base: place.as_mut_ptr().cast(), iov_len: DATAGRAM });
        }
        for i in 0..BATCH {
            let header = &mut batch.headers[i].msg_hdr;
            header.msg_iov = &raw mut batch.parts[i];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut batch.names[i]).cast();
            header.msg_control = batch.controls[i].0.as_mut_ptr().cast();
        }
        batch
    }

    /// Receives up to `most` datagrams without waiting; how many came.
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        let most = most.min(BATCH);
        for header in &mut self.headers[..self.used] {
            // The kernel has overwritten both with what it used.
            header.msg_hdr.msg_namelen = NAME as libc::socklen_t;
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        self.used = most; // an error may come after some were written to
        // SAFETY: every header points to its own buffers of the stated sizes, in vectors that outlive the call.
        let count = check(unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                most as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        })?;
        self.used = count as usize;
        Ok(self.used)
    }

    /// The `i`th of the datagrams that the last `receive` counted.
    pub(crate) fn get(&self, i: usize) -> Received<'_> {
        let header = &self.headers[i];
        let len = (header.msg_len as usize).min(DATAGRAM);
        // SAFETY: `SockAddrStorage` is a `sockaddr_storage`, filled by the kernel up to `msg_namelen` bytes; an
        // unnamed Unix sender leaves the length at zero, and the family must then be told.
        let from = unsafe {
            let mut storage = SockAddrStorage::zeroed();
            let family = storage.view_as::<libc::sockaddr_storage>();
            *family = self.names[i];
            let mut length = header.msg_hdr.msg_namelen;
            if length == 0 {
                family.ss_family = libc::AF_UNIX as libc::sa_family_t;
                length = size_of::<libc::sa_family_t>() as libc::socklen_t;
            }
            SockAddr::new(storage, length)
        };
        let Notes { to, segment } = notes(&header.msg_hdr);
        Received {
            bytes: &self.payload[i * DATAGRAM..][..len],
            from: PeerAddr(from),
            to,
            segment: segment.unwrap_or(len).max(1),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }
    }
}

/// What the control messages of a datagram tell.
#[derive(Default)]
struct Notes {
    to: Option<Arrival>,
    segment: Option<usize>,
}

fn notes(header: &libc::msghdr) -> Notes {
    let mut notes = Notes::default();
    // SAFETY: the CMSG macros walk the control buffer of a header that recvmmsg filled, within `msg_controllen`;
    // each payload is read as the type that its level and type promise, without assuming alignment.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                // On a socket of both families it says more than its counterpart: ipi_spec_dst is our own address even
                // if the datagram went to a broadcast one.
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                    notes.to = Some(Arrival { ip: ip.into(), interface: info.ipi_ifindex as u32 });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(data.cast());
                    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let arrival = Arrival { ip: ip.into(), interface: info.ipi6_ifindex };
                    notes.to.get_or_insert(arrival);
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size: libc::c_int = ptr::read_unaligned(data.cast());
                    notes.segment = usize::try_from(size).ok();
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    notes
}

/// Datagrams collected for sendmmsg(2).
pub(crate) struct SendBatch {
    payload: Vec<u8>,
    entries: Vec<Outgoing>,
    bundles: Bundles,
    /// Room for the messages of one call and for their parts.
    headers: Vec<libc::mmsghdr>,
    parts: Vec<libc::iovec>,
    controls: Vec<Control>,
}

// SAFETY: the raw pointers inside point into the vectors of the same value; they are written anew before each call.
unsafe impl Send for SendBatch {}

struct Outgoing {
    range: Range<usize>,
    /// Nobody, on a connected socket.
    to: Option<SockAddr>,
    from: Option<Arrival>,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    /// The last one, of a connected socket.
    pub(crate) error: Option<io::Error>,
    /// The system does not take bundles here.
    pub(crate) takes_no_bundles: bool,
}

impl SendBatch {
    pub(crate) fn new() -> SendBatch {
        SendBatch {
            payload: Vec::new(),
            entries: Vec::new(),
            bundles: Bundles::new(),
            headers: Vec::new(),
            parts: Vec::new(),
            controls: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it should be sent before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= COLLECTED || self.payload.len() >= 4 * DATAGRAM
    }

    /// Adds a datagram; `from` chooses the address it leaves from.
    pub(crate) fn push(&mut self, bytes: &[u8], to: Option<&PeerAddr>, from: Option<Arrival>) {
        let start = self.payload.len();
        self.payload.extend_from_slice(bytes);
        // A multicast group is an address to be reached at, not one to send from.
        let from = from.filter(|arrival| !arrival.ip.is_multicast());
        let to = to.map(|peer| peer.0.clone());
        self.entries.push(Outgoing { range: start..self.payload.len(), to, from });
    }

    /// Sends everything without waiting and forgets it. With `in_bundles`, what goes to one peer leaves in as few
    /// messages as the system allows.
    pub(crate) fn send(&mut self, fd: BorrowedFd<'_>, in_bundles: bool) -> Sent {
        let mut sent = Sent::default();
        match self.entries.as_slice() {
            [entry] => self.send_alone(fd, entry, &mut sent),
            _ => self.send_together(fd, in_bundles, &mut sent),
        }
        self.payload.clear();
        self.payload.shrink_to(4 * DATAGRAM);
        self.entries.clear();
        sent
    }

    fn send_together(&mut self, fd: BorrowedFd<'_>, in_bundles: bool, sent: &mut Sent) {
        self.bundle(in_bundles);
        let mut first = 0;
        while first < self.bundles.as_slice().len() {
            let count = self.prepare(first);
            self.transmit(fd, first, count, sent);
            first += count;
        }
    }

    fn bundle(&mut self, in_bundles: bool) {
        self.bundles.clear();
        for entry in &self.entries {
            let hash = entry.to.as_ref().map_or(0, |to| port(to).wrapping_mul(0x9e37_79b9) >> 16);
            let is_same = |other: usize| {
                let other = &self.entries[other];
                in_bundles && other.to == entry.to && other.from == entry.from
            };
            self.bundles.push(entry.range.len(), hash, is_same);
        }
    }

    /// Writes the headers of up to `BATCH` bundles from the one numbered `first` on; how many.
    fn prepare(&mut self, first: usize) -> usize {
        let bundles = &self.bundles.as_slice()[first..];
        let count = bundles.len().min(BATCH);
        self.parts.clear();
        self.parts.reserve(self.entries.len()); // so that none moves below
        self.controls.resize(BATCH, Control([0; 96]));
        self.headers.clear();
        for (bundle, control) in bundles[..count].iter().zip(&mut self.controls) {
            let start = self.parts.len();
            for number in self.bundles.members(*bundle) {
                let bytes = &self.payload[self.entries[number].range.clone()];
                let base = bytes.as_ptr().cast_mut().cast();
                self.parts.push(libc::iovec { iov_base: base, iov_len: bytes.len() });
            }
            let entry = &self.entries[bundle.first()];
            let mut header = entry.header(control);
            header.msg_iov = self.parts[start..].as_mut_ptr();
            header.msg_iovlen = (self.parts.len() - start) as _;
            if bundle.count > 1 {
                let used = header.msg_controllen;
                let size = bundle.size as u16;
                header.msg_controllen = put(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, size) as _;
            }
            self.headers.push(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
        }
        count
    }

    fn transmit(&mut self, fd: BorrowedFd<'_>, first: usize, count: usize, sent: &mut Sent) {
        let bundles = &self.bundles.as_slice()[first..first + count];
        let mut next = 0;
        while next < count {
            // SAFETY: the headers point to parts, names and controls that outlive the call.
            let taken = unsafe {
                libc::sendmmsg(
                    fd.as_raw_fd(),
                    self.headers[next..].as_mut_ptr(),
                    (count - next) as libc::c_uint,
                    libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                )
            };
            if taken > 0 {
                let upto = next + taken as usize;
                sent.taken += bundles[next..upto].iter().map(|bundle| bundle.count as usize).sum::<usize>();
                next = upto;
                continue;
            }
            // sendmmsg(2) stops at the first message that is refused: it is dropped, and the rest goes on. A bundle is
            // first tried in its parts.
            let error = io::Error::last_os_error();
            if bundles[next].count > 1 {
                sent.takes_no_bundles |= matches!(
                    error.raw_os_error(),
                    Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE | libc::ENOPROTOOPT | libc::EOPNOTSUPP)
                );
                for number in self.bundles.members(bundles[next]) {
                    self.send_alone(fd, &self.entries[number], sent);
                }
            } else {
                sent.refuse(&self.entries[bundles[next].first()], error);
            }
            next += 1;
        }
    }

    fn send_alone(&self, fd: BorrowedFd<'_>, entry: &Outgoing, sent: &mut Sent) {
        let bytes = &self.payload[entry.range.clone()];
        let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut control = Control([0; 96]);
        let mut header = entry.header(&mut control);
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the header points to a part, a name and a control that outlive the call.
        if unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags) } < 0 {
            sent.refuse(entry, io::Error::last_os_error());
        } else {
            sent.taken += 1;
        }
    }
}

impl Sent {
    fn refuse(&mut self, entry: &Outgoing, error: io::Error) {
        self.refused += 1;
        if entry.to.is_none() {
            self.error = Some(error);
        }
    }
}

impl Outgoing {
    /// A header without parts, with the peer and the address to leave from.
    fn header(&self, control: &mut Control) -> libc::msghdr {
        // SAFETY: a plain C structure, for which all-zero bytes are a value.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        if let Some(to) = &self.to {
            (header.msg_name, header.msg_namelen) = (to.as_ptr().cast_mut().cast(), to.len());
        }
        header.msg_controllen = self.from.map_or(0, |from| leave_from(control, from)) as _;
        header.msg_control = control.0.as_mut_ptr().cast();
        header
    }
}

/// The port of an IP address, which both families have in the same place; of others some bytes of theirs.
fn port(address: &SockAddr) -> u64 {
    address.as_socket().map_or(0, |socket| socket.port().into())
}

/// Writes the control message that names the source address; its length.
fn leave_from(control: &mut Control, from: Arrival) -> usize {
    match from.ip {
        IpAddr::V4(ip) => {
            // SAFETY: a plain C structure, for which all-zero bytes are a value.
            let mut info: libc::in_pktinfo = unsafe { mem::zeroed() };
            info.ipi_spec_dst.s_addr = u32::from_ne_bytes(ip.octets());
            put(control, 0, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        IpAddr::V6(ip) => {
            // SAFETY: as above.
            let mut info: libc::in6_pktinfo = unsafe { mem::zeroed() };
            info.ipi6_addr.s6_addr = ip.octets();
            // Only a link-local address needs its interface; for others the routes decide.
            info.ipi6_ifindex = if ip.is_unicast_link_local() { from.interface } else { 0 };
            put(control, 0, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

/// Writes a control message behind the `used` bytes of others; how many bytes are used then.
fn put<T: Copy>(
    control: &mut Control,
    used: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> usize {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: arithmetic only.
    let (length, space) = unsafe { (libc::CMSG_LEN(size) as usize, libc::CMSG_SPACE(size) as usize) };
    let room = &mut control.0[used..used + space];
    // SAFETY: `room` holds the header, and the value behind it; neither is assumed to be aligned.
    unsafe {
        let mut header: libc::cmsghdr = mem::zeroed();
        (header.cmsg_len, header.cmsg_level, header.cmsg_type) = (length as _, level, kind);
        ptr::write_unaligned(room.as_mut_ptr().cast(), header);
        ptr::write_unaligned(room[length - size as usize..].as_mut_ptr().cast(), value);
    }
    used + space
}
