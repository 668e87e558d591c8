//! Bytes that came, compared with the bytes that are due. No I/O, no clock, no copy while they are right.

use crate::load::plan::{Check, Framing};

/// What the front of the input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    /// It begins with the rest of the reply, in so many bytes.
    Right(usize),
    /// More of the reply, and not all of it: so many bytes, or so many line ends where nothing else is looked at.
    Partial(usize),
    Wrong,
}

/// Compares input with a reply of which `at` has come before, in what [`Match::Partial`] counts.
#[inline]
pub fn compare(check: Check, framing: Framing, expected: &[u8], at: usize, bytes: &[u8]) -> Match {
    match check {
        Check::Full => {
            let due = &expected[at..];
            if bytes.len() >= due.len() {
                if bytes[..due.len()] == *due { Match::Right(due.len()) } else { Match::Wrong }
            } else if due.starts_with(bytes) {
                Match::Partial(bytes.len())
            } else {
                Match::Wrong
            }
        }
        Check::Length => compare_length(framing, expected, at, bytes),
        Check::None => compare_lines(framing, expected, at, bytes),
    }
}

/// Looks at line ends alone. Where none is due, the reply is as much as one read has brought.
fn compare_lines(framing: Framing, expected: &[u8], at: usize, bytes: &[u8]) -> Match {
    let lines = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
    match (framing, lines(expected)) {
        _ if expected.is_empty() => Match::Right(0),
        (Framing::Raw, _) | (Framing::Line, 0) => Match::Right(bytes.len()),
        (Framing::Line, due) => {
            end_of_wrong(framing, due - at, bytes).map_or_else(|| Match::Partial(lines(bytes)), Match::Right)
        }
    }
}

/// Looks at the length, and at where lines end.
fn compare_length(framing: Framing, expected: &[u8], at: usize, bytes: &[u8]) -> Match {
    let due = expected.len() - at;
    if framing == Framing::Raw {
        return if bytes.len() >= due { Match::Right(due) } else { Match::Partial(bytes.len()) };
    }
    // The line ends must stand where they stand in what is expected.
    let front = &bytes[..bytes.len().min(due)];
    let places = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).collect::<Vec<_>>();
    let same = places(front) == places(&expected[at..at + front.len()]);
    match (same, bytes.len() >= due) {
        (false, _) => Match::Wrong,
        (true, true) => Match::Right(due),
        (true, false) => Match::Partial(bytes.len()),
    }
}

/// How much of the input belongs to a wrong reply of which `lines` line ends are still to come: to the last of them, or
/// with no framing as much as one read has brought. None where the reply goes on.
pub fn end_of_wrong(framing: Framing, lines: usize, bytes: &[u8]) -> Option<usize> {
    match framing {
        Framing::Raw => Some(bytes.len()),
        Framing::Line => memchr::memchr_iter(b'\n', bytes).nth(lines.max(1) - 1).map(|end| end + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: &[u8] = b"Hello, c1-2!\n";

    /// As a client does it: in pieces.
    fn fed(check: Check, framing: Framing, pieces: &[&[u8]]) -> Match {
        let mut at = 0;
        for piece in pieces {
            match compare(check, framing, DUE, at, piece) {
                Match::Partial(more) => at += more,
                result => return result,
            }
        }
        Match::Partial(at)
    }

    #[test]
    fn a_reply_is_right_however_it_is_split() {
        for check in [Check::Full, Check::Length] {
            for framing in [Framing::Line, Framing::Raw] {
                for split in 1..DUE.len() {
                    let (front, back) = DUE.split_at(split);
                    assert_eq!(fed(check, framing, &[front]), Match::Partial(split));
                    assert_eq!(fed(check, framing, &[front, back]), Match::Right(back.len()));
                }
                assert_eq!(fed(check, framing, &[&[DUE, DUE].concat()]), Match::Right(DUE.len()));
            }
        }
    }

    #[test]
    fn one_wrong_byte_is_found_wherever_it_is_and_however_it_is_split() {
        for at in 0..DUE.len() {
            let mut wrong = DUE.to_vec();
            wrong[at] ^= 0x20;
            for split in 1..DUE.len() {
                let (front, back) = wrong.split_at(split);
                assert_eq!(fed(Check::Full, Framing::Line, &[front, back]), Match::Wrong, "{at} {split}");
            }
        }
    }

    #[test]
    fn lengths_and_lines_are_counted_where_bytes_are_not() {
        assert_eq!(fed(Check::Length, Framing::Line, &[b"HELLO, c9-9?\n"]), Match::Right(13));
        assert_eq!(fed(Check::Length, Framing::Line, &[b"HELLO, c9-9\n"]), Match::Wrong);
        assert_eq!(fed(Check::Length, Framing::Line, &[b"HELLO, c9-9??\n"]), Match::Wrong);
        assert_eq!(fed(Check::None, Framing::Line, &[b"any", b"thing\nmore"]), Match::Right(6));
        assert_eq!(fed(Check::None, Framing::Raw, &[b"any"]), Match::Right(3));
    }

    #[test]
    fn a_reply_that_nobody_looks_at_has_as_many_lines_as_the_one_that_is_due() {
        let held = |due: &[u8], at, bytes: &[u8]| compare(Check::None, Framing::Line, due, at, bytes);
        assert_eq!(held(b"$3\r\nfoo\r\n", 0, b"$5\r\nround\r\n$3"), Match::Right(11));
        assert_eq!(held(b"$3\r\nfoo\r\n", 0, b"$5\r\nro"), Match::Partial(1));
        assert_eq!(held(b"$3\r\nfoo\r\n", 1, b"und\r\n$3"), Match::Right(5));
        assert_eq!(held(b"PONG", 0, b"pong"), Match::Right(4));
        assert_eq!(held(b"", 0, b"unasked\n"), Match::Right(0));
    }

    #[test]
    fn a_wrong_reply_ends_where_its_lines_do() {
        assert_eq!(end_of_wrong(Framing::Line, 1, b"no\nyes\n"), Some(3));
        assert_eq!(end_of_wrong(Framing::Line, 2, b"no\nyes\n"), Some(7));
        assert_eq!(end_of_wrong(Framing::Line, 1, b"no"), None);
        assert_eq!(end_of_wrong(Framing::Line, 0, b"no\n"), Some(3));
        assert_eq!(end_of_wrong(Framing::Raw, 1, b"no\nyes"), Some(6));
    }
}
