//! One TLS connection as a layer, by rustls' interface without buffers: what an idle one keeps is its keys.

use crate::reactor::events::CloseReason;
use crate::reactor::stream::layer::{Layer, LayerError, Progress};
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error, HandshakeKind};
use std::io;
use std::ops::Deref;

/// A TLS connection, from a [`TlsServer`](crate::TlsServer) or a [`TlsClient`](crate::TlsClient).
pub struct TlsSession {
    connection: Connection,
    /// The front of a record, or of a message of the handshake, of which the rest is to come.
    pub(super) partial: Vec<u8>,
    has_peer_ended: bool,
    has_failed: bool,
}

enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Deref for Connection {
    type Target = CommonState;

    fn deref(&self) -> &CommonState {
        match self {
            Connection::Server(server) => server,
            Connection::Client(client) => client,
        }
    }
}

/// What we say once nothing stands before it.
enum Saying<'a> {
    Plain(&'a [u8]),
    CloseNotify,
    /// What a KeyUpdate of the peer's is owed. It waits for the next record otherwise, which an idle link never has.
    KeyUpdate,
}

/// What one look at the wire has come to.
enum Step {
    /// There is more to be done.
    More,
    /// The peer has said that it sends nothing more; there may be more to be done.
    PeerEnded,
    /// Nothing goes on without more of the wire.
    Blocked(Progress),
}

/// The most that is kept of what is incomplete. A message of the handshake has 64 KiB at the most in rustls, and who cuts it into
/// records of a byte each would have us keep six times as much, before anybody knows who that is.
const LONGEST_PARTIAL: usize = 96 * 1024;
/// What a record takes beyond its plaintext, at the most: header, nonce, type and tag (RFC 8446 section 5.2, RFC 5288).
const RECORD_OVERHEAD: usize = 32;
/// The longest plaintext of a record (RFC 8446 section 5.1).
const RECORD_PLAINTEXT: usize = 16 * 1024;

impl TlsSession {
    pub(super) fn of_server(connection: UnbufferedServerConnection) -> TlsSession {
        TlsSession::new(Connection::Server(Box::new(connection)))
    }

    pub(super) fn of_client(connection: UnbufferedClientConnection) -> TlsSession {
        TlsSession::new(Connection::Client(Box::new(connection)))
    }

    fn new(connection: Connection) -> TlsSession {
        TlsSession { connection, partial: Vec::new(), has_peer_ended: false, has_failed: false }
    }

    /// The protocol that both sides have agreed on by ALPN (RFC 7301), if they have.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// The peer's certificates in DER, its own first; none where it has shown none.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.connection.peer_certificates().unwrap_or_default().iter().map(|certificate| certificate.as_ref())
    }

    /// Whether this goes on from an earlier connection, without a check of certificates of its own.
    pub fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Goes through `wire` as far as it is complete, and says what there is to say. How many bytes are done with, and what
    /// has become of it.
    fn process(
        &mut self,
        wire: &mut [u8],
        mut saying: Option<Saying<'_>>,
        plain: &mut Vec<u8>,
        wire_out: &mut Vec<u8>,
    ) -> (usize, Result<Progress, Error>) {
        let (mut done, mut failed) = (0, None);
        loop {
            // Behind an error there is nothing to be read, but our alert to be said.
            let ahead = if failed.is_none() { &mut wire[done..] } else { &mut [] };
            let (taken, step) = match &mut self.connection {
                Connection::Server(server) => {
                    step(server.process_tls_records(ahead), &mut saying, plain, wire_out)
                }
                Connection::Client(client) => {
                    step(client.process_tls_records(ahead), &mut saying, plain, wire_out)
                }
            };
            done += taken;
            let mut reached = None;
            match step {
                Ok(Step::More) => {}
                Ok(Step::PeerEnded) => self.has_peer_ended = true,
                Ok(Step::Blocked(progress)) => reached = Some(progress),
                Err(error) => drop(failed.get_or_insert(error)),
            }
            if self.connection.wants_write() {
                continue;
            }
            match (failed, reached) {
                (Some(error), _) => return (done, Err(error)),
                (None, Some(_)) if self.has_peer_ended => return (done, Ok(Progress::PeerEnded)),
                (None, Some(progress)) => return (done, Ok(progress)),
                (none, None) => failed = none,
            }
        }
    }

    /// Says something, apart from what comes off the wire.
    fn say(&mut self, saying: Saying<'_>, wire_out: &mut Vec<u8>) -> Result<(), Error> {
        // What is incomplete is shown again, since rustls keeps track of a message by its place.
        let (mut partial, mut plain) = (std::mem::take(&mut self.partial), Vec::new());
        let (done, result) = self.process(&mut partial, Some(saying), &mut plain, wire_out);
        debug_assert!(plain.is_empty(), "what is incomplete says nothing new");
        partial.drain(..done);
        self.partial = partial;
        result.map(|_| ())
    }

    fn failure(&mut self, error: Error) -> LayerError {
        self.has_failed = true;
        let reason = match self.connection.is_handshaking() {
            true => CloseReason::TlsHandshake,
            false => CloseReason::TlsAlert,
        };
        LayerError { reason, error: io::Error::new(io::ErrorKind::InvalidData, error) }
    }
}

impl Layer for TlsSession {
    fn receive(
        &mut self,
        wire: &mut [u8],
        plain: &mut Vec<u8>,
        wire_out: &mut Vec<u8>,
    ) -> Result<Progress, LayerError> {
        if self.has_failed || self.has_peer_ended {
            return Ok(Progress::PeerEnded);
        }
        let before = plain.len();
        let mut result = if self.partial.is_empty() {
            let (done, result) = self.process(wire, None, plain, wire_out);
            self.partial.extend_from_slice(&wire[done..]);
            result
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(wire);
            let (done, result) = self.process(&mut joined, None, plain, wire_out);
            // Of a whole one nothing stays, nor its memory.
            if done < joined.len() {
                self.partial = joined.split_off(done);
            }
            result
        };
        if self.has_peer_ended {
            self.partial = Vec::new(); // behind a close_notify stands nothing
        }
        if self.partial.len() > LONGEST_PARTIAL {
            self.partial = Vec::new();
            result = result.and(Err(Error::General("a message comes in too many pieces".into())));
        }
        if plain.len() == before && result == Ok(Progress::Open) {
            result = self.say(Saying::KeyUpdate, wire_out).map(|()| Progress::Open);
        }
        result.map_err(|error| self.failure(error))
    }

    fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError> {
        self.say(Saying::Plain(plain), wire_out).map_err(|error| self.failure(error))
    }

    fn finish(&mut self, wire_out: &mut Vec<u8>) {
        // Before there are keys nothing can be said; the FIN alone has to do.
        let _ = self.say(Saying::CloseNotify, wire_out);
    }

    fn wire_ended(&mut self) -> Result<(), LayerError> {
        if self.has_peer_ended || self.has_failed {
            return Ok(());
        }
        let (reason, sentence) = match self.connection.is_handshaking() {
            true => (CloseReason::TlsHandshake, "the peer has left in the middle of the TLS handshake"),
            false => (
                CloseReason::TlsTruncated,
                "the peer has ended without a close_notify: something may be missing",
            ),
        };
        Err(LayerError { reason, error: io::Error::new(io::ErrorKind::UnexpectedEof, sentence) })
    }
}

fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    saying: &mut Option<Saying<'_>>,
    plain: &mut Vec<u8>,
    wire_out: &mut Vec<u8>,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut step = Ok(Step::More);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(error) => step = Err(error),
                }
            }
            step
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            let encoded = append(wire_out, 512, |room| {
                data.encode(room).map_err(|error| match error {
                    EncodeError::InsufficientSize(size) => Some(size.required_size),
                    EncodeError::AlreadyEncoded => None,
                })
            });
            encoded.map(|()| Step::More)
        }
        Ok(ConnectionState::TransmitTlsData(sent)) => {
            sent.done();
            Ok(Step::More)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::PeerEnded),
        Ok(ConnectionState::BlockedHandshake) => match saying.take() {
            None => Ok(Step::Blocked(Progress::Handshake)),
            Some(_) => Err(Error::HandshakeNotComplete),
        },
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            let said = match saying.take() {
                None => Ok(()),
                Some(Saying::Plain(plain)) => {
                    let records = plain.len().div_ceil(RECORD_PLAINTEXT);
                    let room = plain.len() + records * RECORD_OVERHEAD;
                    append(wire_out, room, |room| traffic.encrypt(plain, room).map_err(required))
                }
                Some(Saying::CloseNotify) => append(wire_out, RECORD_OVERHEAD, |room| {
                    traffic.queue_close_notify(room).map_err(required)
                }),
                Some(Saying::KeyUpdate) => {
                    // Where there is no room for the record itself, none is made of it; what stands before it is.
                    let _ = traffic.encrypt(b"?", &mut []);
                    Ok(())
                }
            };
            said.map(|()| Step::Blocked(Progress::Open))
        }
        Ok(ConnectionState::Closed) => Ok(Step::Blocked(Progress::PeerEnded)),
        // Early data is not asked for (config.rs), and there are no other states.
        Ok(_) => Err(Error::General("TLS data of an unknown kind".into())),
    };
    (discard, step)
}

/// The room that was missing.
fn required(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Appends what `encode` writes into the room that it is given: at first so much, and then as much as it asks for.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Error> {
    let length = out.len();
    loop {
        out.resize(length + room, 0);
        let encoded = encode(&mut out[length..]);
        out.truncate(length + *encoded.as_ref().unwrap_or(&0));
        match encoded {
            Ok(_) => return Ok(()),
            Err(Some(required)) if required > room => room = required,
            Err(_) => return Err(Error::EncryptError),
        }
    }
}
