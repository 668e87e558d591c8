//! What is so of a stream and what is not: a bit each, so that one comparison asks for several. A few bits are `State`'s own.

use std::ops::BitOr;

/// A set of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Flags(u16);

/// An edge has announced input that was not yet read to its end.
pub(crate) const READABLE: Flags = Flags(1);
/// A short read does not end the edge, only a read that would block: the edge carried read-closed, error or priority as well,
/// or the socket is a Unix one.
pub(crate) const READ_UNTIL_BLOCKED: Flags = Flags(1 << 1);
/// The kernel takes output, as far as we know.
pub(crate) const WRITABLE: Flags = Flags(1 << 2);
/// Registered for writing; only ever set on a Unix stream.
pub(crate) const AWAITS_WRITABLE: Flags = Flags(1 << 3);
/// On the ready list.
pub(crate) const QUEUED: Flags = Flags(1 << 4);
/// On the flush list.
pub(crate) const DIRTY: Flags = Flags(1 << 5);
/// Reading is paused by the handler.
pub(crate) const PAUSED: Flags = Flags(1 << 6);
/// Output is above the high mark, and has not fallen to the low one since: the reactor pauses reading.
pub(crate) const ABOVE_HIGH: Flags = Flags(1 << 7);
/// Output is above the low mark: `output_low` is owed.
pub(crate) const ABOVE_LOW: Flags = Flags(1 << 8);
/// Its output does not go by way of the scratch: its socket keeps records apart, or a layer stands before it.
pub(crate) const NO_SCRATCH: Flags = Flags(1 << 9);

impl Flags {
    /// Six bits are kept for the life of a stream: `State` names them, and nobody else writes them.
    pub(super) const fn of_state(number: u32) -> Flags {
        assert!(number < 6);
        Flags(1 << (10 + number))
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub(crate) fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 != 0
    }

    /// Whether of the set `among` exactly `flags` are set.
    #[inline]
    pub(crate) fn are(self, flags: Flags, among: Flags) -> bool {
        self.0 & among.0 == flags.0
    }

    #[inline]
    pub(crate) fn set(&mut self, flags: Flags) {
        self.0 |= flags.0;
    }

    #[inline]
    pub(crate) fn clear(&mut self, flags: Flags) {
        self.0 &= !flags.0;
    }

    /// Sets or clears.
    #[inline]
    pub(crate) fn put(&mut self, flags: Flags, on: bool) {
        if on { self.set(flags) } else { self.clear(flags) }
    }

    /// Sets one flag; whether it was clear before.
    #[inline]
    pub(crate) fn raise(&mut self, flag: Flags) -> bool {
        let is_new = !self.has(flag);
        self.set(flag);
        is_new
    }
}

impl BitOr for Flags {
    type Output = Flags;

    #[inline]
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}
