//! Datagrams received many at a time.

use super::check;
use super::control::{Notes, notes};
use crate::reactor::address::PeerAddr;
use crate::reactor::sys::datagrams::{BATCH, DATAGRAM, Received};
use socket2::{SockAddr, SockAddrStorage};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

const NAME: usize = size_of::<libc::sockaddr_storage>();

/// Room for the control messages of a datagram, aligned as `cmsghdr` must be. Ours take 96 bytes: an `in6_pktinfo` 40, an
/// `in_pktinfo` 32, the size of a segment 24. Whoever made a socket that we have adopted may have asked for more
/// (SO_TIMESTAMP), which the system writes first.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct ReceiveControl([u8; 1024]);

/// Buffers for one recvmmsg(2). The payload is 2 MiB of address space, of which only the pages that datagrams
/// have touched become resident.
pub(crate) struct ReceiveBatch {
    payload: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<ReceiveControl>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    /// Headers that the kernel has written to since they were made ready.
    used: usize,
    /// Room for control messages that the headers were made ready with.
    room: usize,
}

// SAFETY: the raw pointers inside point into the vectors of the same value, whose heap memory stays where it is
// when the value moves, and which are never resized.
unsafe impl Send for ReceiveBatch {}

impl ReceiveBatch {
    pub(crate) fn new() -> ReceiveBatch {
        // SAFETY: these are plain C structures, for which all-zero bytes are a value.
        let (name, header): (libc::sockaddr_storage, libc::mmsghdr) = unsafe { mem::zeroed() };
        let mut batch = ReceiveBatch {
            payload: vec![0; BATCH * DATAGRAM],
            names: vec![name; BATCH],
            controls: vec![ReceiveControl([0; 1024]); BATCH],
            parts: Vec::with_capacity(BATCH),
            headers: vec![header; BATCH],
            used: BATCH,
            room: 0,
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

    /// Receives up to `most` datagrams without waiting, and says how many came. Without `notes` there is no room for what rides
    /// beside them: the system installs no descriptors that the sender of a Unix datagram has put in (unix(7): SCM_RIGHTS).
    #[inline(always)]
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, most: usize, notes: bool) -> io::Result<usize> {
        let most = most.min(BATCH);
        let room = if notes { size_of::<ReceiveControl>() } else { 0 };
        if room != self.room {
            (self.room, self.used) = (room, BATCH);
        }
        for header in &mut self.headers[..self.used] {
            // The kernel has overwritten both with what it used.
            header.msg_hdr.msg_namelen = NAME as libc::socklen_t;
            header.msg_hdr.msg_controllen = room as _;
        }
        self.used = most; // Some may have been written to before an error comes.
        // SAFETY: every header points to its own buffers of the stated sizes, in vectors that outlive the call.
        let count = check(unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                most as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC,
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
