//! Answers on a datagram socket whose name has suffered: which request such a one is the wrong reply to.

use crate::load::clients::client::Clients;
use crate::load::clients::flights::FlightKind;
use crate::load::clients::replies::Replies;
use crate::load::plan::Check;
use crate::load::text::request::ClientId;

/// How many of the eight digits of the run's mark are still right: no other run's mark is so much like ours.
const LIKE_OURS: usize = 6;

impl Replies<'_> {
    /// The request of this client whose reply a datagram is but for some bytes, or the case of its letters. It is as long,
    /// has our run's mark more or less, and no other reply is more like it.
    #[cold]
    pub(super) fn garbled(&mut self, clients: &Clients, client: ClientId, bytes: &[u8]) -> Option<u64> {
        if self.script.check != Check::Full {
            return None;
        }
        let flights = &clients.flights;
        let under_way = flights.under_way(client).map(|id| flights.get(id).sequence);
        let mut candidates: Vec<u64> = under_way.chain(self.lost.oldest(client)).collect();
        let sent = clients[client].sequence;
        candidates.extend(sequence_of(client, bytes).filter(|&sequence| sequence < sent));
        candidates.sort_unstable();
        candidates.dedup();
        let likeness = |sequence: &u64| {
            let due = self.due.reply(client, FlightKind::Request, *sequence);
            differences(due, bytes, &self.mark).map(|differences| (differences, *sequence))
        };
        candidates.iter().filter_map(likeness).min().map(|(_, sequence)| sequence)
    }
}

/// How many bytes differ, but for the case; none where more than half of them do, or where the mark is not ours.
fn differences(due: &[u8], bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let count = |one: &[u8], other: &[u8]| {
        one.iter().zip(other).filter(|(one, other)| !one.eq_ignore_ascii_case(other)).count()
    };
    let at = memchr::memmem::find(due, mark).filter(|_| due.len() == bytes.len())?;
    let in_mark = count(mark, &bytes[at..at + mark.len()]);
    let all = count(due, bytes);
    (in_mark + LIKE_OURS <= 8 && all <= due.len() / 2).then_some(all)
}

/// The sequence that is named behind this client's number.
fn sequence_of(client: ClientId, bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.to_ascii_lowercase();
    let name = format!("c{client}-");
    let rest = &bytes[memchr::memmem::find(&bytes, name.as_bytes())? + name.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8] = b"-89abcdef";
    const DUE: &[u8] = b"Hello, c3-17-89abcdef!";

    #[test]
    fn a_reply_with_any_byte_garbled_is_still_like_itself() {
        for at in 0..DUE.len() {
            let mut garbled = DUE.to_vec();
            garbled[at] = b'#';
            assert_eq!(differences(DUE, &garbled, MARK), Some(1), "{at}");
        }
        assert_eq!(differences(DUE, &DUE.to_ascii_uppercase(), MARK), Some(0));
        assert_eq!(differences(DUE, &DUE[1..], MARK), None, "of another length");
        assert_eq!(differences(DUE, b"Hello, c3-17-01234567!", MARK), None, "of another run");
        assert_eq!(differences(DUE, b"nothing to do wabcdefh", MARK), None);
    }

    #[test]
    fn a_name_is_read_whatever_its_case() {
        assert_eq!(sequence_of(ClientId::new(3), b"HELLO, C3-17-89#BCDEF!"), Some(17));
        assert_eq!(sequence_of(ClientId::new(3), b"HELLO, C4-17-89ABCDEF!"), None);
        assert_eq!(sequence_of(ClientId::new(3), b"c3-"), None);
    }
}
