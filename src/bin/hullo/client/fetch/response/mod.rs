//! One response to a GET, as a state machine without I/O: bytes in; head, body and end out.

mod chunks;
mod head;
#[cfg(test)]
mod tests;

pub use head::{HEAD_LIMIT, Head};

use chunks::Chunks;
use head::{Collector, Framing};
use std::fmt;

/// Reads a response, whatever the reads it comes in. What it holds is at most a head, or the line ahead of a chunk.
pub struct Response {
    state: State,
}

enum State {
    Head(Collector),
    /// The head was told, and there is no body.
    Empty,
    /// So many bytes are to come.
    Length(u64),
    Chunks(Chunks),
    ToClose,
    Over,
}

/// What a response brings, in this order: one head, its body in pieces, one end.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    Head(Head),
    Body(&'a [u8]),
    End,
}

impl Response {
    pub fn new() -> Response {
        Response { state: State::Head(Collector::default()) }
    }

    /// Takes the next event off the front of `bytes`; `None` when more have to come. After the end, `bytes` is left
    /// alone: what a server sends behind its answer is nobody's.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Broken> {
        match &mut self.state {
            State::Head(collector) => {
                let Some(head) = collector.next(bytes)? else { return Ok(None) };
                self.state = match head.framing {
                    Framing::Length(0) | Framing::Nothing => State::Empty,
                    Framing::Length(length) => State::Length(length),
                    Framing::Chunked => State::Chunks(Chunks::default()),
                    Framing::ToClose => State::ToClose,
                };
                Ok(Some(Event::Head(head)))
            }
            State::Length(left) if *left > 0 => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let piece = take(bytes, most);
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
                let piece = take(bytes, usize::MAX);
                Ok((!piece.is_empty()).then_some(Event::Body(piece)))
            }
            State::Over => Ok(None),
        }
    }

    /// The stream has ended: whether the response has, too.
    pub fn finish(&mut self) -> Result<(), Broken> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Head(collector) if collector.is_fresh() => Err(Broken::EmptyAnswer),
            State::Head(_) => Err(Broken::HeadCutShort),
            State::Length(left) if left > 0 => Err(Broken::BodyCutShort(Some(left))),
            State::Chunks(chunks) if !chunks.had_the_last() => Err(Broken::BodyCutShort(None)),
            _ => Ok(()),
        }
    }

    fn end<'a>(&mut self) -> Event<'a> {
        self.state = State::Over;
        Event::End
    }
}

/// Why bytes are no response; displays as a sentence without its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
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
    /// With how much of it is missing, where that is known.
    BodyCutShort(Option<u64>),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::EmptyAnswer => f.write_str("an empty answer: the server closed without a word"),
            Broken::HeadCutShort => {
                f.write_str("the head is cut short: the server closed in the middle of it")
            }
            Broken::HeadTooLong => write!(f, "the head is longer than {} KiB", HEAD_LIMIT / 1024),
            Broken::NotHttp => f.write_str("the answer is not HTTP/1: is this the right port?"),
            Broken::BadHead(error) => write!(f, "the head is broken: {error}"),
            Broken::SwitchedProtocols => f.write_str("the server switched protocols, and nobody asked it to"),
            Broken::BadLength => f.write_str("the Content-Length is not a number"),
            Broken::LengthsDiffer => f.write_str("several Content-Lengths, and they differ"),
            Broken::UnknownCoding(coding) => {
                write!(f, "the transfer coding {coding:?} was not asked for and is not known here")
            }
            Broken::BadChunk => f.write_str("a bad chunk: the body is not as its Transfer-Encoding says"),
            Broken::TrailersTooLong => write!(f, "the trailers are longer than {} KiB", HEAD_LIMIT / 1024),
            Broken::BodyCutShort(Some(left)) => write!(f, "the body is cut short: {left} bytes are missing"),
            Broken::BodyCutShort(None) => f.write_str("the body is cut short: its last chunk is missing"),
        }
    }
}

/// Takes at most so many bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    front
}
