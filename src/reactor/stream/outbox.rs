//! Bytes waiting for a slow peer.

use crate::reactor::net::streams::Sent;
use crate::reactor::socket::StreamSocket;
use crate::reactor::timers::Tick;
use std::collections::VecDeque;
use std::io;

/// What one connection still owes its peer.
///
/// **I11** An idle connection owns no buffer: an outbox exists only while something waits, and goes with its
/// memory when the last byte is taken. Guard:
/// `five_thousand_clients_are_greeted_by_one_thread_in_under_a_kibibyte_each` in `tests/serve/many.rs`.
pub(crate) struct Outbox {
    bytes: VecDeque<u8>,
    /// Their lengths, where the socket keeps records apart.
    records: Lengths,
    /// When the peer last took a byte, or when the first byte began to wait; zero until a flush has left something.
    pub(crate) moved: Tick,
    /// The handler was told that something waits, and will be told when nothing does.
    pub(crate) owes_low: bool,
    /// What the system said when it was last offered something, if that ends the stream.
    pub(crate) broken: Option<io::Error>,
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
            records: Lengths(VecDeque::new()),
            moved: 0,
            owes_low: false,
            broken: None,
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

    /// Keeps what was sent, as a record of its own where the socket keeps records apart; what its sender is told.
    pub(crate) fn take(&mut self, bytes: &[u8], keeps_records: bool, low: usize) -> Sent {
        if keeps_records && !bytes.is_empty() {
            self.records.push(bytes.len());
        }
        self.push(bytes);
        let is_behind = self.len() > low || self.is_stuck();
        self.owes_low |= is_behind;
        Sent::Queued(if is_behind { self.len() } else { 0 })
    }

    /// What waits, and whether the handler will be told when nothing does.
    pub(crate) fn into_bytes(self) -> (Vec<u8>, bool) {
        (self.bytes.into(), self.owes_low)
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        grow(&mut self.bytes, bytes.len());
        self.bytes.extend(bytes);
    }

    /// Writes, both halves of the ring in one call, until all is taken or the kernel would block. The loop is
    /// bounded by what waits, which the cap bounds. Returns how many bytes were taken and in how many calls.
    pub(crate) fn flush(&mut self, socket: &StreamSocket) -> (usize, u64, Flushed) {
        if let Some(error) = self.broken.take() {
            return (0, 0, Flushed::Broken(error));
        }
        let (mut taken, mut calls) = (0, 0);
        while !self.bytes.is_empty() {
            let (mut front, mut back) = self.bytes.as_slices();
            if let Some(record) = self.records.first() {
                front = &front[..record.min(front.len())];
                back = &back[..record - front.len()];
            }
            calls += 1;
            match socket.send_vectored(front, back) {
                Ok(n) => {
                    self.bytes.drain(..n);
                    self.records.remove_first(); // a record is taken whole or not at all
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

/// The lengths of records. Each takes a byte for seven of its bits, the last one without the highest bit, so that the
/// smallest record costs no more than twice its size.
struct Lengths(VecDeque<u8>);

impl Lengths {
    fn push(&mut self, mut length: usize) {
        while length > 0x7f {
            self.put(length as u8 | 0x80);
            length >>= 7;
        }
        self.put(length as u8);
    }

    fn put(&mut self, byte: u8) {
        grow(&mut self.0, 1);
        self.0.push_back(byte);
    }

    fn first(&self) -> Option<usize> {
        let mut length = 0;
        for (place, byte) in self.0.iter().enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }

    fn remove_first(&mut self) {
        while self.0.pop_front().is_some_and(|byte| byte & 0x80 != 0) {}
    }
}

/// Makes room for `more` bytes: by a quarter at a time, and not twofold as a queue does by itself, since what a peer may
/// cost is bounded.
fn grow(queue: &mut VecDeque<u8>, more: usize) {
    if queue.capacity() - queue.len() < more {
        queue.reserve_exact(more.max(queue.len() / 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_out_as_they_went_in_and_small_ones_take_a_byte() {
        let all = [1, 127, 128, 300, 16_383, 16_384, 1 << 20, usize::MAX, 5];
        let mut lengths = Lengths(VecDeque::new());
        all.iter().for_each(|&length| lengths.push(length));
        for length in all {
            assert_eq!(lengths.first(), Some(length));
            lengths.remove_first();
        }
        assert_eq!(lengths.first(), None);
        lengths.remove_first();
        lengths.push(127);
        assert_eq!(lengths.0.len(), 1);
    }
}
