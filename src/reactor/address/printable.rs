//! Bytes of somebody else's, made fit to be shown.

use std::fmt;
use std::fmt::Write;

/// Bytes as they may be shown in a log or on a terminal: text stays as it is, and every byte of what is no text, or
/// would steer the reader's terminal or the order of its letters, is written as `\xNN`.
///
/// A peer chooses the path of its own Unix socket, and what it sends: a newline in it would begin a log line of its own,
/// and an escape sequence would be obeyed.
///
/// ```
/// use hullo::Printable;
/// assert_eq!(Printable("/run/数据\n\x1b[2J".as_bytes()).to_string(), r"/run/数据\x0a\x1b[2J");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_plain(character) {
                    f.write_char(character)?;
                } else {
                    hexadecimal(f, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            }
            hexadecimal(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn hexadecimal(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Neither a control character, nor one of Unicode's own: line and paragraph separators, marks that turn the direction
/// of writing, and what has no width.
fn is_plain(character: char) -> bool {
    let is_steering = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !is_steering && !character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_what_steers_a_terminal_or_ends_a_line_is_written_out() {
        for (bytes, shown) in [
            (&b"plain/path with spaces"[..], "plain/path with spaces"),
            ("Grüße, 是的 🦀".as_bytes(), "Grüße, 是的 🦀"),
            (b"a\nb\rc\td\0e\x7f", r"a\x0ab\x0dc\x09d\x00e\x7f"),
            (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("\u{85}\u{9b}2J".as_bytes(), r"\xc2\x85\xc2\x9b2J"),
            ("\u{2028}\u{2029}\u{202e}".as_bytes(), r"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae"),
            (b"\xff\xc3(\xe6\x95", r"\xff\xc3(\xe6\x95"),
            (b"", ""),
        ] {
            assert_eq!(Printable(bytes).to_string(), shown);
        }
    }
}
