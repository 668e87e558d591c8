//! Templates: what a client says and what it must hear, with holes for what differs from request to request.

use crate::load::text::buffer::{Buffer, Literal};
use crate::load::text::request::RequestId;
use std::fmt::Write as _;

/// Text with holes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Template(Vec<Piece>);

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    Text(Literal),
    /// The client's number.
    Client,
    /// Which of the client's requests it is.
    Sequence,
    /// Sixteen hexadecimal digits, another sixteen each time, and the same again when the reply is expected.
    Random,
    /// Eight hexadecimal digits that are this run's alone.
    Run,
    /// Up to so many bytes from the beginning of the message: what is there is cut, what is missing is filled up. A range
    /// is drawn from anew each time.
    Size(u32, u32),
}

/// How the text of a request becomes that of the client's next request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Both are the same.
    Same,
    /// The number that stands there, from its first digit to its last, grows by one.
    Number(u32, u32),
    /// The next one has to be written.
    Anew,
}

/// What `{rand}`, sizes and the mark of the run are drawn from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(pub u64);

impl Template {
    /// The placeholders of a message: `{conn}`, `{seq}`, `{rand}`. Other braces are text.
    pub fn message(text: &[u8]) -> Template {
        let names: [(&[u8], Piece); 3] =
            [(b"{conn}", Piece::Client), (b"{seq}", Piece::Sequence), (b"{rand}", Piece::Random)];
        let mut template = Template::default();
        let mut rest = text;
        'text: while let Some(&byte) = rest.first() {
            for (name, piece) in &names {
                if let Some(after) = rest.strip_prefix(*name) {
                    template.0.push(piece.clone());
                    rest = after;
                    continue 'text;
                }
            }
            template.push_text(&[byte]);
            rest = &rest[1..];
        }
        template
    }

    /// Text in which `{message}` stands for a message.
    pub fn around(text: &[u8], message: &Template) -> Template {
        let mut template = Template::default();
        let mut rest = text;
        while let Some(at) = memchr::memmem::find(rest, b"{message}") {
            template.append(&Template::message(&rest[..at]));
            template.append(message);
            rest = &rest[at + b"{message}".len()..];
        }
        template.append(&Template::message(rest));
        template
    }

    pub fn append(&mut self, other: &Template) {
        for piece in &other.0 {
            match piece {
                Piece::Text(text) => self.push_text(text),
                piece => self.0.push(piece.clone()),
            }
        }
    }

    pub fn push(&mut self, piece: Piece) {
        self.0.push(piece);
    }

    pub fn push_text(&mut self, more: &[u8]) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => *text = Literal::new(&[text, more].concat()),
            _ => self.0.push(Piece::Text(Literal::new(more))),
        }
    }

    /// The most bytes that it can become.
    pub fn longest(&self) -> usize {
        let (mut sum, mut start) = (0, 0);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sum += text.len(),
                Piece::Client => sum += 10,
                Piece::Sequence => sum += 20,
                Piece::Random => sum += 16,
                Piece::Run => sum += 8,
                Piece::Size(0, 0) => start = sum,
                Piece::Size(_, most) => sum = start + *most as usize,
            }
        }
        sum
    }

    /// How many line ends it has.
    pub fn lines(&self) -> usize {
        let ends = |piece: &Piece| match piece {
            Piece::Text(text) => memchr::memchr_iter(b'\n', text).count(),
            _ => 0,
        };
        self.0.iter().map(ends).sum()
    }

    /// Whether the texts of two requests that follow each other differ, if at all, in one number.
    pub fn is_steady(&self) -> bool {
        let is_steady = |piece: &Piece| match piece {
            Piece::Size(least, most) => least == most,
            piece => *piece != Piece::Random,
        };
        self.0.iter().all(is_steady) && self.0.iter().filter(|piece| **piece == Piece::Sequence).count() < 2
    }

    /// Writes the text of a request behind what is there. Says how that of the next one differs, if the template
    /// [is steady](Template::is_steady).
    #[inline]
    pub fn write(&self, request: RequestId, seed: Seed, out: &mut Buffer) -> Change {
        let mut start = out.len();
        let mut change = Change::Same;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_literal(text),
                Piece::Client => out.push_decimal(u64::from(request.client.number())),
                Piece::Sequence => {
                    let first = out.len();
                    out.push_decimal(request.sequence);
                    change = Change::Number(first as u32, out.len() as u32 - 1);
                }
                Piece::Size(0, 0) => start = out.len(),
                piece => {
                    piece.write_rare(start, request, seed, out);
                    if matches!(change, Change::Number(_, last) if last as usize >= out.len()) {
                        change = Change::Anew; // The end of the number is cut off; what stands before may still change.
                    }
                }
            }
        }
        change
    }

    /// A message of a certain size: it begins with `ident` and is cut or filled up.
    pub fn sized(ident: &Template, least: u32, most: u32) -> Template {
        // An empty size marks where the message begins.
        let mut template = Template(vec![Piece::Size(0, 0)]);
        template.append(ident);
        template.push(Piece::Size(least, most));
        template
    }
}

impl Piece {
    /// This is apart, or the optimizer computes what is random before the first piece, for every message that has none.
    #[cold]
    #[inline(never)]
    fn write_rare(&self, start: usize, request: RequestId, seed: Seed, out: &mut Buffer) {
        match self {
            Piece::Random => out.push_hexadecimal(seed.draw(request), 16),
            Piece::Run => out.push_hexadecimal(seed.mark(), 8),
            Piece::Size(least, most) => out.fill(start, size(*least, *most, request, seed)),
            Piece::Text(_) | Piece::Client | Piece::Sequence => {}
        }
    }
}

impl Seed {
    /// Sixteen random digits for one request: a bijective mix, so that no two requests draw the same.
    fn draw(self, request: RequestId) -> u64 {
        mix(self.0 ^ mix(u64::from(request.client.number()) << 40 ^ request.sequence))
    }

    /// The mark of a run.
    pub fn mark(self) -> u64 {
        mix(self.0) >> 32
    }
}

/// The finalizer of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

fn size(least: u32, most: u32, request: RequestId, seed: Seed) -> usize {
    let spread = u64::from(most.saturating_sub(least)) + 1;
    least as usize + (seed.draw(request) % spread) as usize
}

/// The bytes that a template on the command line stands for: `\r \n \t \0 \\` and `\xNN`.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let mut digit = || rest.next().and_then(|c| c.to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                    _ => return Err(r"has \x without two hexadecimal digits: write \x0d".to_owned()),
                }
            }
            other => {
                let mut what = String::from("\\");
                let _ = other.map(|c| what.write_char(c));
                return Err(format!(r"has the escape {what}: there are \r \n \t \0 \\ and \xNN"));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::text::request::ClientId;

    fn written(template: &Template, client: u32, sequence: u64) -> Vec<u8> {
        let mut out = Buffer::default();
        template.write(RequestId { client: ClientId::new(client), sequence }, Seed(7), &mut out);
        out.to_vec()
    }

    #[test]
    fn a_message_says_whose_it_is() {
        let message = Template::message(b"c{conn}-{seq}{else}");
        assert_eq!(written(&message, 12, 0), b"c12-0{else}");
        assert_eq!(written(&message, 0, u64::MAX), b"c0-18446744073709551615{else}");
        let reply = Template::around(b"{message}, hello {message}\n", &message);
        assert_eq!(written(&reply, 1, 2), b"c1-2{else}, hello c1-2{else}\n");
    }

    #[test]
    fn what_is_random_is_the_same_when_it_is_expected() {
        let message = Template::message(b"{rand}");
        let reply = Template::around(b"<{message}>", &message);
        let random = written(&message, 3, 4);
        assert_eq!(written(&reply, 3, 4), [b"<", random.as_slice(), b">"].concat());
        assert_ne!(random, written(&message, 3, 5));
        assert_eq!(random.len(), 16);
    }

    #[test]
    fn a_size_is_that_of_the_message_and_not_of_what_stands_around_it() {
        let message = Template::sized(&Template::message(b"c{conn}-{seq}-"), 12, 12);
        assert_eq!(written(&message, 1, 2), b"c1-2-abcdefg");
        assert_eq!(written(&Template::around(b"Hello, {message}!", &message), 1, 2), b"Hello, c1-2-abcdefg!");
        assert_eq!(written(&Template::sized(&Template::message(b"c{conn}-{seq}"), 1, 1), 1, 2), b"c");
        let range = Template::sized(&Template::message(b"c{conn}-{seq}-"), 10, 20);
        let sizes: Vec<usize> = (0..200).map(|sequence| written(&range, 0, sequence).len()).collect();
        assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&10), Some(&20)));
        assert_eq!(range.longest(), 20);
    }

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(unescape(r"PING\r\n\x00\xfF\\\t\0").unwrap(), b"PING\r\n\x00\xff\\\t\0");
        assert_eq!(unescape("ä").unwrap(), "ä".as_bytes());
        assert!(unescape(r"\x1").unwrap_err().contains("two hexadecimal digits"));
        assert!(unescape(r"\q").unwrap_err().contains(r"the escape \q"));
        assert!(unescape("\\").is_err());
    }
}
