//! Datagrams collected, and sent many at a time.

use super::bundles::Bundles;
use super::control::{Control, leave_from, put};
use super::socket::{has_no_checksums, is_udp_lite};
use crate::reactor::address::PeerAddr;
use crate::reactor::sys::datagrams::{Arrival, BATCH, DATAGRAM, SentBatch};
use socket2::SockAddr;
use std::io;
use std::mem;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How many datagrams are collected at the most before they are sent.
const COLLECTED: usize = 8 * BATCH;
/// No address of ours is longer than that of a Unix socket.
const LONGEST_NAME: libc::socklen_t = size_of::<libc::sockaddr_un>() as libc::socklen_t;

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
    /// `None` on a connected socket, which has one peer.
    to: Option<SockAddr>,
    from: Option<Arrival>,
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
    pub(crate) fn send(&mut self, fd: BorrowedFd<'_>, in_bundles: bool) -> SentBatch {
        let mut sent = SentBatch::default();
        match self.entries.as_slice() {
            [entry] => self.send_alone(fd, entry, &mut sent),
            _ => self.send_together(fd, in_bundles, &mut sent),
        }
        self.forget();
        sent
    }

    /// Forgets what was collected.
    pub(crate) fn forget(&mut self) {
        self.payload.clear();
        self.payload.shrink_to(4 * DATAGRAM);
        self.entries.clear();
    }

    fn send_together(&mut self, fd: BorrowedFd<'_>, in_bundles: bool, sent: &mut SentBatch) {
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

    /// Writes the headers of up to `BATCH` bundles from the one numbered `first` on, and says how many.
    fn prepare(&mut self, first: usize) -> usize {
        let bundles = &self.bundles.as_slice()[first..];
        let count = bundles.len().min(BATCH);
        self.parts.clear();
        self.parts.reserve(self.entries.len()); // None may move once a header points to it.
        self.controls.resize(BATCH, Control([0; 64]));
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

    fn transmit(&mut self, fd: BorrowedFd<'_>, first: usize, count: usize, sent: &mut SentBatch) {
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
                sent.takes_no_bundles |= tells_of_no_support(fd, &error);
                for number in self.bundles.members(bundles[next]) {
                    self.send_alone(fd, &self.entries[number], sent);
                }
            } else {
                refuse(sent, &self.entries[bundles[next].first()], error);
            }
            next += 1;
        }
    }

    #[inline(always)]
    fn send_alone(&self, fd: BorrowedFd<'_>, entry: &Outgoing, sent: &mut SentBatch) {
        let bytes = &self.payload[entry.range.clone()];
        let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut control = Control([0; 64]);
        let mut header = entry.header(&mut control);
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the header points to a part, a name and a control that outlive the call.
        if unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags) } < 0 {
            refuse(sent, entry, io::Error::last_os_error());
        } else {
            sent.taken += 1;
        }
    }
}

fn refuse(sent: &mut SentBatch, entry: &Outgoing, error: io::Error) {
    sent.refused += 1;
    if entry.to.is_none() {
        sent.error = Some(error);
    }
}

/// Whether an error means that bundles are not taken on this socket at all. EMSGSIZE tells of the path to one peer, on which
/// a part does not fit; older kernels say EINVAL then, as they do of a peer that cannot be (port 0), and of a socket without
/// checksums, which alone concerns everybody. EIO tells of a path with IPsec or, on older kernels, through a device that
/// computes no checksums; or else of UDP-Lite.
#[cold]
fn tells_of_no_support(fd: BorrowedFd<'_>, error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP) => true,
        Some(libc::EIO) => is_udp_lite(fd),
        Some(libc::EINVAL) => has_no_checksums(fd),
        _ => false,
    }
}

impl Outgoing {
    /// A header without parts, with the peer and the address to leave from.
    fn header(&self, control: &mut Control) -> libc::msghdr {
        // SAFETY: a plain C structure, for which all-zero bytes are a value.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        if let Some(to) = &self.to {
            header.msg_name = to.as_ptr().cast_mut().cast();
            // The kernel tells one byte more than it takes where a path fills the structure (unix(7), BUGS).
            header.msg_namelen = to.len().min(LONGEST_NAME);
        }
        header.msg_controllen = self.from.map_or(0, |from| leave_from(control, from)) as _;
        header.msg_control = control.0.as_mut_ptr().cast();
        header
    }
}

/// The port of an IP address, which both families have in the same place; 0 for other addresses.
fn port(address: &SockAddr) -> u64 {
    address.as_socket().map_or(0, |socket| socket.port().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    #[test]
    fn what_one_path_does_not_take_is_no_reason_to_bundle_for_nobody() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ends_bundles = |code| tells_of_no_support(socket.as_fd(), &io::Error::from_raw_os_error(code));
        for code in [libc::EIO, libc::EMSGSIZE, libc::EINVAL, libc::ENETUNREACH, libc::EPERM, libc::ENOBUFS] {
            assert!(!ends_bundles(code), "{code}");
        }
        assert!(ends_bundles(libc::EOPNOTSUPP) && ends_bundles(libc::ENOPROTOOPT));
    }
}
