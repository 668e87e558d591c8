//! The encoding of the other side: text is encoded on its way to the server, and decoded on its way back.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use hullo::greeting::TextEncoding;
use std::borrow::Cow;

/// The encoding of the other side. Our own is UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Charset(TextEncoding);

impl Charset {
    /// Finds an encoding by its label, like `gbk`. With `bytes` nothing is encoded or decoded. The error is the end of a
    /// sentence that begins with the label.
    pub fn for_label(label: &str) -> Result<Charset, String> {
        TextEncoding::for_label(label).map(Charset)
    }

    /// Encodes a message for the server. If the server reads UTF-8, the message passes as it is, valid or not. The error is
    /// the end of a sentence that begins with the message.
    pub fn encode<'a>(&self, message: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        match self.encoding() {
            None => Ok(message.into()),
            Some(encoding) if encoding == UTF_8 => Ok(message.into()),
            Some(_) => {
                let name = self.0.name();
                let message = std::str::from_utf8(message).map_err(|_| {
                    format!("is not UTF-8 and cannot be written in {name}: use --encoding bytes")
                })?;
                let encoded = self.0.encode(message).map_err(|lost| {
                    format!("has the character {lost:?}, which {name} cannot write: use --encoding utf-8")
                })?;
                Ok(encoded.into_vec().into())
            }
        }
    }

    pub fn decoder(&self) -> TextDecoder {
        self.encoding().map_or(TextDecoder { decoder: None, recent: Vec::new() }, TextDecoder::of)
    }

    /// A decoder that makes text in any case: with `bytes`, what comes is read as UTF-8.
    pub fn text_decoder(&self) -> TextDecoder {
        self.encoding().map_or_else(TextDecoder::utf8, TextDecoder::of)
    }

    /// `None` for `bytes`. The name of an encoding is also one of its labels.
    fn encoding(&self) -> Option<&'static Encoding> {
        Encoding::for_label(self.0.name().as_bytes())
    }
}

/// Makes UTF-8 of what the server sends. A character may be split across reads. Bytes that are no character become `\xNN`.
pub struct TextDecoder {
    decoder: Option<Decoder>,
    /// The last bytes that were decoded. An invalid sequence may have begun in an earlier read.
    recent: Vec<u8>,
}

/// No invalid sequence is longer, together with what a decoder has read beyond it.
const LONGEST_SEQUENCE: usize = 8;

impl TextDecoder {
    fn of(encoding: &'static Encoding) -> TextDecoder {
        TextDecoder { decoder: Some(encoding.new_decoder_without_bom_handling()), recent: Vec::new() }
    }

    pub fn utf8() -> TextDecoder {
        TextDecoder::of(UTF_8)
    }

    /// With `is_last` the input is over, and an unfinished character is shown as its bytes.
    pub fn decode(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let Some(decoder) = &mut self.decoder else { return out.extend_from_slice(bytes) };
        let mut scratch = [0; 4096];
        let mut rest = bytes;
        loop {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut scratch, is_last);
            out.extend_from_slice(&scratch[..written]);
            let (taken, left) = rest.split_at(read);
            self.recent.extend_from_slice(&taken[taken.len().saturating_sub(LONGEST_SEQUENCE)..]);
            self.recent.drain(..self.recent.len().saturating_sub(LONGEST_SEQUENCE));
            rest = left;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, past) => {
                    let end = self.recent.len().saturating_sub(past.into());
                    let wrong = &self.recent[end.saturating_sub(length.into())..end];
                    out.extend(wrong.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(label: &str, reads: &[&[u8]]) -> String {
        let mut decoder = Charset::for_label(label).unwrap().decoder();
        let mut out = Vec::new();
        for bytes in reads {
            decoder.decode(bytes, false, &mut out);
        }
        decoder.decode(b"", true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_character_split_across_reads_is_one() {
        let text = "数据[😀]收到了!";
        for byte in 0..text.len() {
            let (front, back) = text.as_bytes().split_at(byte);
            assert_eq!(read("utf-8", &[front, back]), text);
        }
        assert_eq!(read("gbk", &[b"\xCA", b"\xFD\xBE", b"\xDD["]), "数据[");
    }

    #[test]
    fn what_does_not_decode_is_escaped_and_not_lost() {
        assert_eq!(read("utf-8", &[b"a\xFFb"]), r"a\xffb");
        assert_eq!(read("utf-8", &[b"a\xE6", b"\x95", b"!"]), r"a\xe6\x95!");
        assert_eq!(read("utf-8", &[b"\xF0\x9F", b"\x98"]), r"\xf0\x9f\x98");
        assert_eq!(read("gbk", &[b"\xCA", b"\n"]), "\\xca\n");
        assert_eq!(read("gbk", &[b"\x81\x30", b"\x81", b"a"]), r"\x810乤");
        assert_eq!(read("utf-8", &[&b"\xFF".repeat(5000)]), r"\xff".repeat(5000));
    }

    #[test]
    fn bytes_pass_as_they_are() {
        let mut out = Vec::new();
        Charset::for_label("bytes").unwrap().decoder().decode(b"a\xFF\x00", false, &mut out);
        assert_eq!(out, b"a\xFF\x00");
        assert_eq!(&*Charset::for_label("utf-8").unwrap().encode(b"a\xFF").unwrap(), b"a\xFF");
    }

    #[test]
    fn a_message_that_cannot_be_written_is_told_with_the_remedy() {
        let gbk = Charset::for_label("gbk").unwrap();
        assert_eq!(&*gbk.encode("数据".as_bytes()).unwrap(), b"\xCA\xFD\xBE\xDD");
        assert!(gbk.encode("é😀".as_bytes()).unwrap_err().contains("--encoding utf-8"));
        assert!(gbk.encode(b"\xFF").unwrap_err().contains("--encoding bytes"));
    }
}
