//! Text of a server on its way to a terminal: nothing that the terminal would obey gets through.

use super::charset::TextDecoder;

/// Whether a character could steer a terminal or deceive its reader: the control characters of ASCII and of Latin-1 (an eight-bit
/// terminal obeys those as well), and the marks that change the direction of writing.
pub fn is_terminal_control(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\t')
}

/// Makes text for a terminal of the bytes of a server, however they are split into reads. Bytes that do not decode are shown as
/// `\xNN`, and control characters as `\xNN` or `\u{N}`. Lines may end in CRLF.
pub struct TerminalSanitizer {
    decoder: TextDecoder,
    text: Vec<u8>,
    /// A carriage return came last. Only with a line feed behind it is it the end of a line; otherwise it is escaped.
    is_at_return: bool,
}

impl TerminalSanitizer {
    pub fn new(decoder: TextDecoder) -> TerminalSanitizer {
        TerminalSanitizer { decoder, text: Vec::new(), is_at_return: false }
    }

    /// With `is_last` the input is over, and what is unfinished is shown as its bytes.
    pub fn sanitize(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        self.decoder.decode(bytes, is_last, &mut self.text);
        for c in String::from_utf8_lossy(&self.text).chars() {
            if std::mem::take(&mut self.is_at_return) && c != '\n' {
                out.extend_from_slice(br"\x0d");
            }
            match c {
                '\r' => self.is_at_return = true,
                c if is_terminal_control(c) && c.is_ascii() => {
                    out.extend(format!("\\x{:02x}", u32::from(c)).bytes())
                }
                c if is_terminal_control(c) => out.extend(c.escape_unicode().to_string().bytes()),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.text.clear();
        if is_last && std::mem::take(&mut self.is_at_return) {
            out.extend_from_slice(br"\x0d");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::charset::Charset;

    fn read(label: &str, reads: &[&[u8]]) -> String {
        let mut sanitizer = TerminalSanitizer::new(Charset::for_label(label).unwrap().text_decoder());
        let mut out = Vec::new();
        for bytes in reads {
            sanitizer.sanitize(bytes, false, &mut out);
        }
        sanitizer.sanitize(b"", true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_with_its_tabs_and_line_ends_is_shown_as_it_is() {
        let text = "Hello, 世界!\tß\n\n\u{feff}😀";
        assert_eq!(read("utf-8", &[text.as_bytes()]), text);
        assert_eq!(read("utf-8", &[b"a\r\nb\r", b"\nc"]), "a\nb\nc");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_sent() {
        for (bytes, shown) in [
            (&b"\x1b]52;c;aGk=\x07"[..], r"\x1b]52;c;aGk=\x07"),
            (b"\x1b]0;title\x1b\\", r"\x1b]0;title\x1b\"),
            (b"\x1b[2J\x1b[6n", r"\x1b[2J\x1b[6n"),
            (b"\xc2\x9b2J\xc2\x9d0;x\xc2\x9c", r"\u{9b}2J\u{9d}0;x\u{9c}"),
            (b"\x9b2J", r"\x9b2J"),
            (b"a\x08\x7f\x00\x0b\x0c\x0e", r"a\x08\x7f\x00\x0b\x0c\x0e"),
            (b"good\rbad", r"good\x0dbad"),
            (b"\r\r\n\r", "\\x0d\n\\x0d"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}".as_bytes(), r"a\u{202e}b\u{2066}c\u{200f}d\u{61c}"),
        ] {
            assert_eq!(read("utf-8", &[bytes]), shown);
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read("utf-8", &one_by_one), shown, "byte by byte");
            assert!(!read("gbk", &[bytes]).chars().any(is_terminal_control));
            assert_eq!(read("bytes", &[bytes]), shown, "a terminal is given text in any case");
        }
    }
}
