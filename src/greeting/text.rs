//! The encoding of a dialect: for its own texts, for `strict`, and for logs.

use std::borrow::Cow;
use std::fmt::Write;

use encoding_rs::{DecoderResult, Encoding, UTF_8};

/// How a dialect's bytes are read as text: in an encoding that agrees with ASCII on 0x00 to 0x7F, or not at all.
///
/// ```
/// use hullo::greeting::TextEncoding;
///
/// let gbk = TextEncoding::for_label("gb2312")?;
/// assert_eq!(gbk.name(), "GBK");
/// assert_eq!(gbk.encode("数据").as_deref(), Ok(&b"\xCA\xFD\xBE\xDD"[..]));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TextEncoding(Kind);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// 8-bit clean: nothing is ever decoded.
    Bytes,
    In(&'static Encoding),
}

/// What `strict` finds out about some bytes.
#[derive(PartialEq, Debug)]
pub(super) enum Check {
    /// Whole characters only.
    Whole,
    /// Whole characters up to here, then the front of one more.
    Cut(usize),
    /// Not text, whatever may follow.
    Broken,
}

impl TextEncoding {
    /// Bytes that are no text: nothing is ever decoded.
    pub const BYTES: TextEncoding = TextEncoding(Kind::Bytes);

    /// Finds the encoding by its label in the [WHATWG Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels),
    /// or [`BYTES`](Self::BYTES) by `bytes`.
    ///
    /// # Errors
    ///
    /// When the label is unknown, or its encoding writes ASCII in another way. The error is the rest of a sentence that
    /// begins with `encoding`.
    pub fn for_label(label: &str) -> Result<TextEncoding, String> {
        if label.eq_ignore_ascii_case("bytes") {
            return Ok(TextEncoding::BYTES);
        }
        match Encoding::for_label_no_replacement(label.as_bytes()) {
            // Line ends and `{message}` are looked for as ASCII bytes, so ASCII has to mean ASCII.
            Some(encoding) if !encoding.is_ascii_compatible() => Err(format!(
                "{label:?} writes ASCII in another way, which no line end survives: use \"utf-8\", \"gbk\" or \"bytes\""
            )),
            Some(encoding) => Ok(TextEncoding(Kind::In(encoding))),
            None => Err(format!(
                "{label:?} is unknown: use \"utf-8\", \"gbk\", \"bytes\" or another label of the WHATWG Encoding Standard"
            )),
        }
    }

    /// The name in the standard, or `bytes`: `UTF-8`, `GBK`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Bytes => "bytes",
            Kind::In(encoding) => encoding.name(),
        }
    }

    /// The bytes of a text.
    ///
    /// # Errors
    ///
    /// The first character that the encoding has no bytes for.
    pub fn encode(self, text: &str) -> Result<Box<[u8]>, char> {
        let Kind::In(encoding) = self.0 else { return Ok(text.as_bytes().into()) };
        let (bytes, _, unmappable) = encoding.encode(text);
        if unmappable {
            let lost = |c: &char| encoding.encode(c.encode_utf8(&mut [0; 4])).2;
            return Err(text.chars().find(lost).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(bytes.into())
    }

    /// Judges bytes as the beginning of a text.
    pub(super) fn check(self, bytes: &[u8]) -> Check {
        match self.0 {
            Kind::Bytes => Check::Whole,
            Kind::In(encoding) if encoding == UTF_8 => match std::str::from_utf8(bytes) {
                Ok(_) => Check::Whole,
                Err(error) if error.error_len().is_none() => Check::Cut(error.valid_up_to()),
                Err(_) => Check::Broken,
            },
            Kind::In(_) if bytes.is_ascii() => Check::Whole,
            Kind::In(encoding) if decodes(encoding, bytes, true) => Check::Whole,
            Kind::In(encoding) if !decodes(encoding, bytes, false) => Check::Broken,
            // The decoder does not tell how much it holds back. No character is over four bytes long,
            // so the last place where nothing is held back is at most three bytes from the end.
            Kind::In(encoding) => (1..=3.min(bytes.len()))
                .map(|back| bytes.len() - back)
                .find(|&end| decodes(encoding, &bytes[..end], true))
                .map_or(Check::Broken, Check::Cut),
        }
    }

    /// The bytes as one line of a log: decoded, with everything escaped that could end the line,
    /// steer a terminal or reorder the text around it.
    pub(super) fn display(self, bytes: &[u8]) -> String {
        let text = match self.0 {
            Kind::Bytes => {
                let printable = |b: &u8| b.is_ascii_graphic() && *b != b'\\' || *b == b' ';
                let mut line = String::with_capacity(bytes.len());
                for byte in bytes {
                    match printable(byte) {
                        true => line.push(char::from(*byte)),
                        false => line.extend(byte.escape_ascii().map(char::from)),
                    }
                }
                return line;
            }
            Kind::In(encoding) => encoding.decode_without_bom_handling(bytes).0,
        };
        escape(text)
    }
}

/// Whether all of it decodes; with `last`, an unfinished character at the end does not.
fn decodes(encoding: &'static Encoding, mut bytes: &[u8], last: bool) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut scratch = [0; 512];
    loop {
        match decoder.decode_to_utf8_without_replacement(bytes, &mut scratch, last) {
            (DecoderResult::InputEmpty, ..) => return true,
            (DecoderResult::OutputFull, read, _) => bytes = &bytes[read..],
            (DecoderResult::Malformed(..), ..) => return false,
        }
    }
}

fn escape(text: Cow<'_, str>) -> String {
    let harmful = |c: char| c == '\\' || c.is_control() || is_format(c);
    if !text.contains(harmful) {
        return text.into_owned();
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match harmful(c) {
            true => write!(line, "{}", c.escape_default()).expect("a string takes any text"),
            false => line.push(c),
        }
    }
    line
}

/// Invisible characters that break lines or change the direction of text.
fn is_format(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gbk() -> TextEncoding {
        TextEncoding::for_label("gbk").unwrap()
    }

    #[test]
    fn labels_are_found_whatever_their_case() {
        assert_eq!(TextEncoding::for_label("UTF8").unwrap().name(), "UTF-8");
        assert_eq!(TextEncoding::for_label("GB2312").unwrap().name(), "GBK");
        assert_eq!(TextEncoding::for_label("Bytes").unwrap().name(), "bytes");
        assert_eq!(TextEncoding::for_label("latin1").unwrap().name(), "windows-1252");
    }

    #[test]
    fn a_text_becomes_the_bytes_of_its_encoding() {
        assert_eq!(&*gbk().encode("数据").unwrap(), b"\xCA\xFD\xBE\xDD");
        assert_eq!(&*TextEncoding::BYTES.encode("数").unwrap(), b"\xE6\x95\xB0");
        assert_eq!(TextEncoding::for_label("latin1").unwrap().encode("é, 数据"), Err('数'));
    }

    #[test]
    fn a_utf8_character_cut_anywhere_is_cut_and_not_broken() {
        let utf8 = TextEncoding(Kind::In(UTF_8));
        let text = "a是😀".as_bytes();
        for (end, whole) in [(1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4), (7, 4), (8, 8)] {
            let expected = if end == whole { Check::Whole } else { Check::Cut(whole) };
            assert_eq!(utf8.check(&text[..end]), expected, "after {end} bytes");
        }
        assert_eq!(utf8.check(b"a\xFFb"), Check::Broken);
        assert_eq!(utf8.check(b"\xE6\x95!"), Check::Broken);
    }

    #[test]
    fn a_gbk_character_of_two_or_four_bytes_cut_anywhere_is_cut_and_not_broken() {
        let text = b"a\xCA\xFD\x81\x30\x81\x30";
        for (end, whole) in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 3), (7, 7)] {
            let expected = if end == whole { Check::Whole } else { Check::Cut(whole) };
            assert_eq!(gbk().check(&text[..end]), expected, "after {end} bytes");
        }
        assert_eq!(gbk().check(b"\xFF\xFF"), Check::Broken);
        assert_eq!(gbk().check(b"\xCA\n"), Check::Broken);
    }

    #[test]
    fn text_longer_than_the_decoders_scratch_is_checked_to_its_end() {
        let mut text = b"\xCA\xFD".repeat(2000);
        assert_eq!(gbk().check(&text), Check::Whole);
        text.push(0xCA);
        assert_eq!(gbk().check(&text), Check::Cut(4000));
        text.extend_from_slice(b"\xFD\xFF!");
        assert_eq!(gbk().check(&text), Check::Broken);
    }

    #[test]
    fn bytes_are_text_whatever_they_are() {
        assert_eq!(TextEncoding::BYTES.check(b"\xFF\x00\xE6"), Check::Whole);
    }

    #[test]
    fn a_logged_message_cannot_forge_a_line_or_steer_a_terminal() {
        let utf8 = TextEncoding(Kind::In(UTF_8));
        assert_eq!(utf8.display("Zoë 是".as_bytes()), "Zoë 是");
        assert_eq!(utf8.display(b"a\r\nERROR b\x1b[2J\0\\n"), r"a\r\nERROR b\u{1b}[2J\u{0}\\n");
        assert_eq!(utf8.display("\u{202e}a\u{2028}b\u{9b}".as_bytes()), r"\u{202e}a\u{2028}b\u{9b}");
        assert_eq!(utf8.display(b"\xFF"), "\u{fffd}");
        assert_eq!(gbk().display(b"\xCA\xFD\n"), r"数\n");
        assert_eq!(TextEncoding::BYTES.display(b"it's \xFF\n\\"), r"it's \xff\n\\");
    }
}
