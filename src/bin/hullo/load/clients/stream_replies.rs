//! What comes on a stream: the welcome, and replies in the order of the requests.

use crate::load::books::causes::Cause;
use crate::load::books::ledger::Ledger;
use crate::load::books::outcome::EvidenceKind;
use crate::load::books::outcome::Phase;
use crate::load::clients::client::Stage;
use crate::load::clients::flights::{Flight, FlightId, FlightKind};
use crate::load::clients::matcher::{Match, compare, end_of_wrong};
use crate::load::clients::replies::{Heard, Replies, ReplyContext};
use crate::load::plan::{Check, Framing};
use crate::load::text::request::ClientId;

/// Bytes kept of a wrong reply that does not end.
const LONGEST_WRONG: usize = 64 * 1024;

impl Replies<'_> {
    /// Judges the front of what has come to a client. Says how many bytes belong to it, and what they are; nothing where the
    /// client has given its connection up.
    #[inline(always)]
    pub fn hear(
        &mut self,
        context: &mut ReplyContext<'_>,
        client: ClientId,
        bytes: &[u8],
    ) -> Option<(usize, Heard)> {
        match context.clients[client].stage {
            Stage::Alive | Stage::Proving | Stage::Leaving => Some(self.hear_reply(context, client, bytes)),
            Stage::Welcome => Some(self.hear_welcome(context, client, bytes)),
            Stage::Idle | Stage::Opening | Stage::Resting | Stage::Gone => None,
        }
    }

    #[inline(always)]
    fn hear_reply(&mut self, context: &mut ReplyContext<'_>, id: ClientId, bytes: &[u8]) -> (usize, Heard) {
        let client = &mut context.clients[id];
        if std::mem::take(&mut client.may_skip_newline) && bytes[0] == b'\n' {
            return (1, Heard::Nothing);
        }
        let (at, has_fragment) = (client.at as usize, client.has_fragment);
        let head = if has_fragment { None } else { context.clients.flights.head(id) };
        let Some(flight_id) = head else { return self.hear_wrong(context, id, bytes) };
        let flight = *context.clients.flights.get(flight_id);
        let script = self.script;
        let due = self.due.reply(id, flight.kind, flight.sequence);
        match compare(script.check, script.framing, due, at, bytes) {
            // After a farewell that is not answered nothing is due.
            Match::Right(used) if used > 0 => {
                context.clients[id].at = 0;
                if flight.is_overtaken {
                    self.due.look_at(id, &flight);
                    self.out_of_order(context.ledger, id, &flight, b"");
                }
                (used, self.answered(context, id, flight_id, &flight, true))
            }
            Match::Partial(more) => {
                context.clients[id].at += more as u32;
                (bytes.len(), Heard::Nothing)
            }
            _ => self.hear_wrong(context, id, bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn hear_welcome(&mut self, context: &mut ReplyContext<'_>, id: ClientId, bytes: &[u8]) -> (usize, Heard) {
        let client = &mut context.clients[id];
        let welcome = self.script.welcome.as_deref().unwrap_or_default();
        let at = client.at as usize;
        match compare(Check::Full, Framing::Raw, welcome, at, bytes) {
            Match::Right(used) => {
                (client.at, client.may_skip_newline) = (0, self.script.has_loose_welcome);
                (used, Heard::Welcome)
            }
            Match::Partial(more) => {
                client.at += more as u32;
                (bytes.len(), Heard::Nothing)
            }
            Match::Wrong => {
                let received = [&welcome[..at], bytes].concat();
                context.ledger.exhibits().keep(EvidenceKind::WrongWelcome, id, None, welcome, &received);
                (bytes.len(), Heard::WrongWelcome)
            }
        }
    }

    /// Collects a wrong reply until it is whole, and judges it.
    #[cold]
    #[inline(never)]
    fn hear_wrong(&mut self, context: &mut ReplyContext<'_>, id: ClientId, bytes: &[u8]) -> (usize, Heard) {
        match context.clients.flights.head(id) {
            Some(head) => self.due.look_at(id, context.clients.flights.get(head)),
            None => self.due.look_at_nothing(),
        }
        let is_single = context.clients.flights.waiting_of(id) <= 1;
        let (client, due) = (&mut context.clients[id], self.due.text());
        let fragment = self.fragments.entry(id).or_default();
        if !std::mem::replace(&mut client.has_fragment, true) {
            fragment.clear();
            // What came before was right so far.
            fragment.extend_from_slice(&due[..due.len().min(client.at as usize)]);
        }
        let count = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
        let lines = count(due).saturating_sub(count(fragment));
        // Where nothing else is under way, all that came belongs to it.
        let is_whole = is_single && lines > 1 && bytes.ends_with(b"\n");
        let has_line_end = due.is_empty() || due.contains(&b'\n');
        let framing = if has_line_end { self.script.framing } else { Framing::Raw };
        // Replies without line ends that run together are told apart by their length.
        let longest = if is_single { usize::MAX } else { due.len().saturating_sub(fragment.len()).max(1) };
        let end = end_of_wrong(framing, lines, bytes)
            .map(|end| if has_line_end { end } else { end.min(longest) })
            .or_else(|| Some(bytes.len()).filter(|len| is_whole || fragment.len() + len > LONGEST_WRONG));
        let Some(end) = end else {
            fragment.extend_from_slice(bytes);
            return (bytes.len(), Heard::Nothing);
        };
        let mut wrong = std::mem::take(fragment);
        wrong.extend_from_slice(&bytes[..end]);
        (client.has_fragment, client.at) = (false, 0);
        (end, self.judge(context, id, &wrong))
    }

    /// A reply that is not the one that was due.
    fn judge(&mut self, context: &mut ReplyContext<'_>, client: ClientId, reply: &[u8]) -> Heard {
        if self.script.check == Check::Full
            && let Some(heard) = self.known(context, client, reply)
        {
            return heard;
        }
        let oldest = context.clients.flights.under_way(client).next();
        let due = oldest.map(|id| (id, *context.clients.flights.get(id)));
        match due {
            Some((id, flight)) if flight.kind != FlightKind::Farewell => {
                self.due.look_at(client, &flight);
                self.keep_wrong(context.ledger, client, &flight, reply);
                self.answered(context, client, id, &flight, false)
            }
            _ => {
                if context.phase != Phase::WarmUp {
                    context.ledger.unexpected(client, reply);
                }
                Heard::Nothing
            }
        }
    }

    /// What a reply is that answers another request of this client: a later one, so that one before it was passed over; one
    /// that was passed over and given up; or one that was answered already.
    fn known(&mut self, context: &mut ReplyContext<'_>, client: ClientId, reply: &[u8]) -> Option<Heard> {
        let under_way: Vec<FlightId> = context.clients.flights.under_way(client).collect();
        for (nth, &id) in under_way.iter().enumerate() {
            let flight = *context.clients.flights.get(id);
            self.due.look_at(client, &flight);
            if *self.due.text() == *reply {
                for &before in &under_way[..nth] {
                    context.clients.flights.get_mut(before).is_overtaken = true;
                }
                if flight.is_overtaken {
                    self.out_of_order(context.ledger, client, &flight, reply);
                }
                let heard = self.answered(context, client, id, &flight, true);
                self.give_up_overtaken(context, client);
                return Some(heard);
            }
        }
        if let Some(sequence) = self.lost_that_fits(client, reply) {
            context.ledger.out_of_order(client, sequence, self.due.text(), reply);
            self.answered_late(context.ledger, client, sequence, reply);
            return Some(Heard::Nothing);
        }
        let last = context.clients[client].last;
        if last == u64::MAX {
            return None;
        }
        self.due.look_at_request(client, last);
        if *self.due.text() != *reply {
            return None;
        }
        once_more(context, client, reply);
        Some(Heard::Nothing)
    }

    /// A reply that came after that to a later request: on a stream the server's own doing. [`Due`](super::due::Due) looks
    /// at the right one.
    #[cold]
    fn out_of_order(&self, ledger: &mut Ledger, client: ClientId, flight: &Flight, reply: &[u8]) {
        if flight.is_measured {
            ledger.out_of_order(client, flight.sequence, self.due.text(), reply);
        }
    }
}

/// The reply to the request that was answered last comes once more. Where that one was answered wrongly, the wrong reply was
/// one too many and this is the right one.
fn once_more(context: &mut ReplyContext<'_>, id: ClientId, reply: &[u8]) {
    let client = &mut context.clients[id];
    let was_wrong = std::mem::take(&mut client.last_was_wrong);
    if context.phase == Phase::WarmUp {
        return;
    }
    if was_wrong {
        client.correct += u32::from(!client.last_was_late);
        context.ledger.corrected(id, client.last, client.last_was_late);
    } else {
        context.ledger.duplicate(Cause::DuplicateReply, id, client.last, reply);
    }
}
