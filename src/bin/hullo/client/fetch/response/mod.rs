//! A response to a GET, as a state machine without I/O: bytes in; head, body and end out.

mod chunks;
mod head;
#[cfg(test)]
mod tests;

pub use head::{HEAD_LIMIT, Head};

use chunks::Chunks;
use head::{BodyFraming, HeadCollector};
use std::fmt;

/// Reads a response, however it is split into reads. It holds at most a head, or the line before a chunk.
pub struct Response {
    state: State,
}

enum State {
    Head(HeadCollector),
    /// The head was returned, and there is no body.
    Empty,
    /// This many bytes of the body are to come.
    Length(u64),
    Chunks(Chunks),
    /// The body ends with the connection.
    ToClose,
    /// The end was returned.
    Over,
}

/// The parts of a response, in this order: one head, the body in pieces, one end.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    Head(Head),
    Body(&'a [u8]),
    End,
}

impl Response {
    pub fn new() -> Response {
        Response { state: State::Head(HeadCollector::default()) }
    }

    /// Takes the next event off the front of `bytes`; `None` if more bytes have to come first. After the end, `bytes` is left
    /// alone: what a server sends after its response is ignored.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, ResponseError> {
        match &mut self.state {
            State::Head(collector) => {
                let Some(head) = collector.next(bytes)? else { return Ok(None) };
                self.state = match head.framing {
                    BodyFraming::Length(0) | BodyFraming::Nothing => State::Empty,
                    BodyFraming::Length(length) => State::Length(length),
                    BodyFraming::Chunked => State::Chunks(Chunks::default()),
                    BodyFraming::ToClose => State::ToClose,
                };
                Ok(Some(Event::Head(head)))
            }
            State::Length(left) if *left > 0 => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let piece = split_front(bytes, most);
                *left -= piece.len() as u64;
                Ok((!piece.is_empty()).then_some(Event::Body(piece)))
            }
            State::Empty | State::Length(_) => Ok(Some(self.end())),
            State::Chunks(chunks) => match chunks.next(bytes)? {
                Some([]) => Ok(Some(self.end())),
                Some(piece) => Ok(Some(Event::Body(piece))),
                None => Ok(None),
            },
            State::ToClose => {
                let piece = split_front(bytes, usize::MAX);
                Ok((!piece.is_empty()).then_some(Event::Body(piece)))
            }
            State::Over => Ok(None),
        }
    }

    /// The connection has ended. Fails if the response is not complete.
    pub fn finish(&mut self) -> Result<(), ResponseError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Head(collector) if collector.is_empty() => Err(ResponseError::EmptyAnswer),
            State::Head(_) => Err(ResponseError::HeadCutShort),
            State::Length(left) if left > 0 => Err(ResponseError::BodyCutShort(Some(left))),
            State::Chunks(chunks) if !chunks.saw_last_chunk() => Err(ResponseError::BodyCutShort(None)),
            _ => Ok(()),
        }
    }

    /// The connection has ended, and whoever ended it may not have been the server. Fails as well if only that end would tell
    /// where the body ends.
    pub fn finish_unannounced(&mut self) -> Result<(), ResponseError> {
        match self.state {
            State::ToClose => Err(ResponseError::EndUnannounced),
            _ => self.finish(),
        }
    }

    fn end<'a>(&mut self) -> Event<'a> {
        self.state = State::Over;
        Event::End
    }
}

/// Why bytes are no response. It displays as the end of a sentence that begins with the URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResponseError {
    EmptyAnswer,
    HeadCutShort,
    HeadTooLong,
    NotHttp,
    BadHead(httparse::Error),
    SwitchedProtocols,
    BadLength,
    LengthsDiffer,
    UnknownCoding(String),
    BadChunk,
    TrailersTooLong,
    /// It holds how many bytes are missing, if that is known.
    BodyCutShort(Option<u64>),
    EndUnannounced,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseError::EmptyAnswer => f.write_str("an empty answer: the server closed without a word"),
            ResponseError::HeadCutShort => {
                f.write_str("the head is cut short: the server closed in the middle of it")
            }
            ResponseError::HeadTooLong => write!(f, "the head is longer than {} KiB", HEAD_LIMIT / 1024),
            ResponseError::NotHttp => f.write_str("the answer is not HTTP/1: is this the right port?"),
            ResponseError::BadHead(error) => write!(f, "the head is broken: {error}"),
            ResponseError::SwitchedProtocols => {
                f.write_str("the server switched protocols, and nobody asked it to")
            }
            ResponseError::BadLength => f.write_str("the Content-Length is not a number"),
            ResponseError::LengthsDiffer => f.write_str("several Content-Lengths, and they differ"),
            ResponseError::UnknownCoding(coding) => {
                write!(f, "the transfer coding {coding:?} was not asked for and is not known here")
            }
            ResponseError::BadChunk => {
                f.write_str("a bad chunk: the body is not as its Transfer-Encoding says")
            }
            ResponseError::TrailersTooLong => {
                write!(f, "the trailers are longer than {} KiB", HEAD_LIMIT / 1024)
            }
            ResponseError::BodyCutShort(Some(left)) => {
                write!(f, "the body is cut short: {left} bytes are missing")
            }
            ResponseError::BodyCutShort(None) => {
                f.write_str("the body is cut short: its last chunk is missing")
            }
            ResponseError::EndUnannounced => f.write_str(
                "the body may be cut short: it has no length, and the connection ended without a TLS close_notify",
            ),
        }
    }
}

/// Takes at most `most` bytes off the front.
fn split_front<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    front
}
