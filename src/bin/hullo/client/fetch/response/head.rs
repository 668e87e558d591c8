//! The head of a response: it is collected up to its empty line, and says where the body ends.

use super::{ResponseError, split_front};

/// The longest head, together with the interim heads (1xx) before it. Without a limit a server could use up our memory.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// The most fields in a head, twice what well-meaning servers send. httparse returns an error for more.
const MAX_FIELDS: usize = 256;

/// The beginning of every response, whatever the minor version.
const PREFIX: &[u8] = b"HTTP/1.";

/// The head of a final response.
#[derive(PartialEq, Eq, Debug)]
pub struct Head {
    pub status: u16,
    /// The head as it came, with the empty line at its end.
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
    /// The length of the body, if the head says it.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            BodyFraming::Nothing => Some(0),
            BodyFraming::Length(length) => Some(length),
            BodyFraming::Chunked | BodyFraming::ToClose => None,
        }
    }

    /// Parses a whole head; `None` if it is the head of an interim response.
    fn parse(text: Vec<u8>) -> Result<Option<Head>, ResponseError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let mut parser = httparse::ParserConfig::default();
        // A field that goes on in the next line is obsolete, but not broken (RFC 9112, section 5.2).
        parser.allow_obsolete_multiline_headers_in_responses(true);
        match parser.parse_response(&mut response, &text) {
            Ok(httparse::Status::Complete(_)) => {}
            // The text ends in an empty line, so that a well-formed head is never incomplete here.
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

/// Collects bytes up to an empty line. They are parsed only then, so that a head that comes byte by byte costs no more than one
/// that comes whole.
#[derive(Default)]
pub struct HeadCollector {
    text: Vec<u8>,
    /// The index at which the line begins that is not complete yet.
    line: usize,
    /// How many bytes the interim heads had.
    interim: usize,
}

impl HeadCollector {
    /// Whether nothing has come yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.interim == 0
    }

    /// Returns the head once it is complete; `bytes` then begins behind it.
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
        // Another protocol is refused at once: its server may be waiting for us, and the end of the line may never come.
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
        // Transfer-Encoding overrides Content-Length. We ask for no other coding than chunked, which may be applied once.
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

/// The members of a comma-separated field. The field may occur several times.
fn list<'a>(fields: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    values(fields, name).flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}

/// Parses digits, and nothing else: the standard library would also take a sign.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}
