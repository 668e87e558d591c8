//! Bytes waiting for a slow peer.

use super::socket::StreamSocket;
use super::timers::Tick;
use std::collections::VecDeque;
use std::io;

/// What one connection still owes its peer.
///
/// **I11** An idle connection owns no buffer: an outbox exists only while something waits, and goes with its
/// memory when the last byte is taken. Guard:
/// `five_thousand_clients_are_greeted_by_one_thread_in_under_a_kibibyte_each` in `tests/serve_many.rs`.
pub(crate) struct Outbox {
    bytes: VecDeque<u8>,
    /// Their lengths, where the socket keeps records apart.
    records: VecDeque<usize>,
    /// When the peer last took a byte, or when the first byte began to wait; zero until a flush has left something.
    pub(crate) moved: Tick,
    /// The handler was told that something waits, and will be told when nothing does.
    pub(crate) owes_low: bool,
    /// What lay in the kernel, not taken by the peer, when it took no more from us.
    in_kernel: Option<usize>,
}

/// How far a flush came.
pub(crate) enum Flushed {
    /// Nothing waits any more.
    All,
    /// The kernel takes no more for now.
    Blocked,
    /// The connection is broken.
    Broken(io::Error),
}

impl Outbox {
    pub(crate) fn new() -> Box<Outbox> {
        Box::new(Outbox {
            bytes: VecDeque::new(),
            records: VecDeque::new(),
            moved: 0,
            owes_low: false,
            in_kernel: None,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a flush has left something in it.
    pub(crate) fn is_stuck(&self) -> bool {
        self.moved > 0
    }

    /// It grows by a quarter at a time, and not twofold as a queue does by itself: what a peer may cost is bounded.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.bytes.reserve_exact(bytes.len().max(self.bytes.len() / 4));
        }
        self.bytes.extend(bytes);
    }

    /// For a socket that keeps records apart: all pushes are of this kind, or none.
    pub(crate) fn push_record(&mut self, bytes: &[u8]) {
        self.records.push_back(bytes.len());
        self.push(bytes);
    }

    /// Writes, both halves of the ring in one call, until all is taken or the kernel would block. The loop is
    /// bounded by what waits, which the cap bounds. Returns how many bytes were taken and in how many calls.
    pub(crate) fn flush(&mut self, socket: &StreamSocket) -> (usize, u64, Flushed) {
        let (mut taken, mut calls) = (0, 0);
        while !self.bytes.is_empty() {
            let (mut front, mut back) = self.bytes.as_slices();
            if let Some(&record) = self.records.front() {
                front = &front[..record.min(front.len())];
                back = &back[..record - front.len()];
            }
            calls += 1;
            match socket.send_vectored(front, back) {
                Ok(n) => {
                    self.bytes.drain(..n);
                    self.records.pop_front(); // a record is taken whole or not at all
                    self.moved = 0;
                    taken += n;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.in_kernel = socket.untaken();
                    return (taken, calls, Flushed::Blocked);
                }
                Err(e) => return (taken, calls, Flushed::Broken(e)),
            }
        }
        (taken, calls, Flushed::All)
    }

    /// Finds out whether the peer takes from the kernel though the kernel takes nothing from us: it asks for more
    /// only when a third of its buffer is free, which can be megabytes.
    pub(crate) fn look_again(&mut self, socket: &StreamSocket, now: Tick) {
        let left = socket.untaken();
        if matches!((left, self.in_kernel), (Some(left), Some(before)) if left < before) {
            self.moved = now;
        }
        self.in_kernel = left;
    }
}
