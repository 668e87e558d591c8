//! What is due: the reply to each request, as the script has it.

use crate::load::clients::flights::{Flight, FlightKind};
use crate::load::plan::Check;
use crate::load::plan::script::Script;
use crate::load::text::buffer::Buffer;
use crate::load::text::cache::Cache;
use crate::load::text::request::{ClientId, RequestId};
use crate::load::text::template::Seed;

/// The replies that are due to all clients.
pub struct Due<'a> {
    script: &'a Script,
    replies: Cache<'a>,
    /// The one that is looked at more closely, since something else came.
    text: Buffer,
}

impl<'a> Due<'a> {
    pub fn new(script: &'a Script, seed: Seed, clients: usize) -> Due<'a> {
        Due { script, replies: Cache::new(&script.reply, seed, clients), text: Buffer::default() }
    }

    /// Memory that one client takes, in bytes.
    pub fn bytes_per_client(&self) -> usize {
        self.replies.bytes_per_client()
    }

    /// The reply to what a client has sent.
    #[inline(always)]
    pub fn reply(&mut self, client: ClientId, kind: FlightKind, sequence: u64) -> &[u8] {
        match kind {
            FlightKind::Farewell => self.script.farewell_reply.as_deref().unwrap_or_default(),
            FlightKind::Request | FlightKind::Proof => self.replies.text(RequestId { client, sequence }),
        }
    }

    /// Takes the reply to a flight into [`text`](Due::text).
    #[cold]
    pub fn look_at(&mut self, client: ClientId, flight: &Flight) {
        self.text.clear();
        match flight.kind {
            FlightKind::Farewell => self.text.push(self.script.farewell_reply.as_deref().unwrap_or_default()),
            FlightKind::Request | FlightKind::Proof => {
                let request = RequestId { client, sequence: flight.sequence };
                self.text.push(self.replies.text(request));
            }
        }
    }

    /// Takes the reply to a request that is under way no more into [`text`](Due::text).
    #[cold]
    pub fn look_at_request(&mut self, client: ClientId, sequence: u64) {
        self.text.clear();
        self.text.push(self.replies.text(RequestId { client, sequence }));
    }

    /// Takes the welcome into [`text`](Due::text).
    pub fn look_at_welcome(&mut self) {
        self.text.clear();
        self.text.push(self.script.welcome.as_deref().unwrap_or_default());
    }

    /// Nothing is due.
    pub fn look_at_nothing(&mut self) {
        self.text.clear();
    }

    /// What was looked at last.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether some bytes are what was looked at last, as closely as replies are checked.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        match self.script.check {
            Check::Full => *self.text == *bytes,
            Check::Length => self.text.len() == bytes.len(),
            Check::None => true,
        }
    }
}
