//! What may stand between a stream's wire and its handler: TLS, for one.

use crate::reactor::events::CloseReason;
use std::any::Any;
use std::fmt;
use std::io;

/// What a stream's bytes go through on their way to and from the handler. A layer does no I/O: wire in and plaintext out,
/// plaintext in and wire out, and an end.
///
/// The reactor keeps one for each connection, and calls it on the loop, so that it must not wait. All of its buffers are
/// lent: what it keeps for itself is what it costs an idle connection.
///
/// With a layer, [`opened`](crate::Handler::opened) is told once it is [`Open`](Progress::Open), and
/// [`data`](crate::Handler::data), [`send`](crate::Net::send) and [`peer_eof`](crate::Handler::peer_eof) are about plaintext.
pub trait Layer: Any + Send {
    /// Takes bytes off the wire, which it may change in place. What they say is appended to `plain`, and what has to be
    /// answered to `wire_out`. It is called once with no bytes before any have come, for who speaks first.
    ///
    /// What belongs to a unit that is not complete is for the layer to keep.
    ///
    /// # Errors
    ///
    /// When the bytes break the layer's rules. What `plain` and `wire_out` hold by then is still handed on, an alert for
    /// one, and the stream closes.
    fn receive(
        &mut self,
        wire: &mut [u8],
        plain: &mut Vec<u8>,
        wire_out: &mut Vec<u8>,
    ) -> Result<Progress, LayerError>;

    /// Appends to `wire_out` what the peer is sent for `plain`. Only called while it is [`Open`](Progress::Open), or
    /// [`PeerEnded`](Progress::PeerEnded).
    ///
    /// # Errors
    ///
    /// When nothing can be sent any more.
    fn send(&mut self, plain: &[u8], wire_out: &mut Vec<u8>) -> Result<(), LayerError>;

    /// Our side says nothing more: appends what tells the peer so. At most once.
    fn finish(&mut self, wire_out: &mut Vec<u8>);

    /// The wire has come to its end.
    ///
    /// # Errors
    ///
    /// When the peer had not said that it would: somebody may have cut it short.
    fn wire_ended(&mut self) -> Result<(), LayerError>;
}

/// How far a layer has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing may be sent yet, and nothing was received.
    Handshake,
    /// Both sides may send.
    Open,
    /// The peer has said that it sends nothing more. We still may.
    PeerEnded,
}

/// Why a layer can go on no longer.
#[derive(Debug)]
pub struct LayerError {
    /// What [`closed`](crate::Handler::closed) is to tell.
    pub reason: CloseReason,
    /// In words.
    pub error: io::Error,
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.error)
    }
}

impl std::error::Error for LayerError {}
