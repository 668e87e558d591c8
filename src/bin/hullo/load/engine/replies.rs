//! What follows when a client hears something.

use crate::load::books::causes::Cause;
use crate::load::books::outcome::Phase;
use crate::load::clients::client::Stage;
use crate::load::clients::flights::FlightKind;
use crate::load::clients::replies::{Heard, Replies, ReplyContext};
use crate::load::engine::Engine;
use crate::load::text::request::ClientId;
use hullo::Net;

impl<'a> Engine<'a> {
    /// Bytes of a stream: several replies, or part of one.
    #[inline]
    pub(super) fn hear(&mut self, net: &mut Net, client: ClientId, mut bytes: &[u8]) {
        self.count_received(bytes.len());
        while !bytes.is_empty() {
            let (replies, mut context) = self.judge();
            let Some((used, heard)) = replies.hear(&mut context, client, bytes) else { return };
            bytes = &bytes[used..];
            self.act_on(net, client, heard);
        }
        self.offer(net, client);
        self.check_end(net);
    }

    pub(super) fn receive(&mut self, net: &mut Net, client: ClientId, bytes: &[u8], is_cut: bool) {
        self.count_received(bytes.len());
        let (replies, mut context) = self.judge();
        let heard = replies.receive(&mut context, client, bytes, is_cut);
        self.act_on(net, client, heard);
        self.offer(net, client);
        self.check_end(net);
    }

    /// Who judges replies, and what by.
    #[inline(always)]
    pub(super) fn judge(&mut self) -> (&mut Replies<'a>, ReplyContext<'_>) {
        let context = ReplyContext {
            clients: &mut self.clients,
            ledger: &mut self.ledger,
            phase: self.phase,
            now: self.clock.now(),
        };
        (&mut self.replies, context)
    }

    #[inline(always)]
    fn act_on(&mut self, net: &mut Net, client: ClientId, heard: Heard) {
        match heard {
            Heard::Nothing => {}
            Heard::Welcome => self.come_alive(net, client),
            Heard::WrongWelcome => self.fail_handshake(net, client, Cause::WrongWelcome),
            Heard::Reply { kind: FlightKind::Farewell, .. } => {}
            Heard::Reply { kind, is_right } => {
                if self.clients[client].stage == Stage::Proving {
                    if kind == FlightKind::Proof && !is_right {
                        return self.fail_handshake(net, client, Cause::WrongFirstReply);
                    }
                    self.come_alive(net, client);
                }
                if kind == FlightKind::Request && self.plan.churn {
                    self.leave(net, client);
                }
            }
        }
    }

    #[inline(always)]
    fn count_received(&mut self, bytes: usize) {
        if matches!(self.phase, Phase::Measure | Phase::Drain) {
            self.ledger.received(bytes);
        }
    }
}
