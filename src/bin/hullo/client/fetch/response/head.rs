//! The head of a response: collected up to its empty line, and what it says of the body.

use super::{ResponseError, split_front};

/// The longest head, together with the interim ones (1xx) before it: no server has the memory of its client.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// Twice what servers of good will send; more is an error of httparse's.
const MAX_FIELDS: usize = 256;

/// What every answer begins with, of whichever minor version.
const PREFIX: &[u8] = b"HTTP/1.";

/// The head of a final response.
#[derive(PartialEq, Eq, Debug)]
pub struct Head {
    pub status: u16,
    /// As it came, with the empty line at its end.
    pub text: Vec<u8>,
    pub location: Option<Vec<u8>>,
    pub framing: BodyFraming,
}

/// Where the body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFraming {
    Nothing,
    Length(u64),
    Chunked,
    ToClose,
}

impl Head {
    /// How long the body will be, where the head knows.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            BodyFraming::Nothing => Some(0),
            BodyFraming::Length(length) => Some(length),
            BodyFraming::Chunked | BodyFraming::ToClose => None,
        }
    }

    /// `None` for an interim response.
    fn parse(text: Vec<u8>) -> Result<Option<Head>, ResponseError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let mut parser = httparse::ParserConfig::default();
        // A field that goes on in the next line is obsolete, but not broken (RFC 9112, section 5.2).
        parser.allow_obsolete_multiline_headers_in_responses(true);
        match parser.parse_response(&mut response, &text) {
            Ok(httparse::Status::Complete(_)) => {}
            // It ends in an empty line, so nothing that is well-formed is missing.
            Ok(httparse::Status::Partial) => return Err(ResponseError::BadHead(httparse::Error::Token)),
            Err(error) => return Err(ResponseError::BadHead(error)),
        }
        let status = response.code.unwrap_or_default();
        match status {
            101 => return Err(ResponseError::SwitchedProtocols),
            100..=199 => return Ok(None),
            _ => {}
        }
        let framing = framing(status, response.headers)?;
        let location = values(response.headers, "Location").next().map(<[u8]>::to_vec);
        Ok(Some(Head { status, location, framing, text }))
    }
}

/// Collects bytes up to an empty line. They are parsed then and only then, so that a head that comes byte by byte costs
/// no more than one that comes whole.
#[derive(Default)]
pub struct HeadCollector {
    text: Vec<u8>,
    /// Where the line begins that is not whole yet.
    line: usize,
    /// Bytes of the interim heads before.
    interim: usize,
}

impl HeadCollector {
    /// Nothing has come yet.
    pub fn is_fresh(&self) -> bool {
        self.text.is_empty() && self.interim == 0
    }

    /// The head, once it is whole; `bytes` then begins behind it.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Head>, ResponseError> {
        loop {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.collect(bytes, bytes.len())?;
                return Ok(None);
            };
            self.collect(bytes, end + 1)?;
            let line = &self.text[self.line..];
            let is_last = line == b"\r\n" || line == b"\n";
            self.line = self.text.len();
            if is_last {
                let interim = self.interim + self.text.len();
                if let Some(head) = Head::parse(std::mem::take(&mut self.text))? {
                    return Ok(Some(head));
                }
                *self = HeadCollector { interim, ..HeadCollector::default() };
            }
        }
    }

    fn collect(&mut self, bytes: &mut &[u8], count: usize) -> Result<(), ResponseError> {
        if self.interim + self.text.len() + count > HEAD_LIMIT {
            return Err(ResponseError::HeadTooLong);
        }
        self.text.extend_from_slice(split_front(bytes, count));
        // Told at once: whoever speaks another protocol may be waiting for us, and the end of a line may never come.
        let seen = self.text.len().min(PREFIX.len());
        if self.text[..seen] != PREFIX[..seen] { Err(ResponseError::NotHttp) } else { Ok(()) }
    }
}

fn framing(status: u16, fields: &[httparse::Header<'_>]) -> Result<BodyFraming, ResponseError> {
    if status == 204 || status == 304 {
        return Ok(BodyFraming::Nothing);
    }
    let mut codings = list(fields, "Transfer-Encoding").filter(|coding| !coding.is_empty()).peekable();
    if codings.peek().is_some() {
        // It overrides any Content-Length. Nothing but chunked may be sent to whoever did not ask for it, and once.
        let mut is_chunked = false;
        for coding in codings {
            if is_chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(ResponseError::UnknownCoding(String::from_utf8_lossy(coding).into_owned()));
            }
            is_chunked = true;
        }
        return Ok(BodyFraming::Chunked);
    }
    let mut length = None;
    for text in list(fields, "Content-Length") {
        let one = number(text).ok_or(ResponseError::BadLength)?;
        if length.is_some_and(|other| other != one) {
            return Err(ResponseError::LengthsDiffer);
        }
        length = Some(one);
    }
    Ok(length.map_or(BodyFraming::ToClose, BodyFraming::Length))
}

fn values<'a>(fields: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value.trim_ascii())
}

/// The members of a comma-separated field, which may be spread over several lines.
fn list<'a>(fields: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    values(fields, name).flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}

/// Digits and nothing else: a sign, which the standard library would take, is not a length.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}
