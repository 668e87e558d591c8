//! The chunked transfer coding (RFC 9112, section 7.1). Extensions and trailers are skipped.

use super::head::HEAD_LIMIT;
use super::{ResponseError, split_front};
use httparse::Status;

/// The longest line before a chunk. It has a size, and possibly extensions, which nobody uses.
const SIZE_LINE_LIMIT: usize = 4096;

/// Reads a chunked body.
#[derive(Default)]
pub struct Chunks {
    state: ChunkState,
    /// What has come of the current line.
    line: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Default)]
enum ChunkState {
    #[default]
    Size,
    /// This many bytes of the chunk are to come.
    Data(u64),
    /// The line end behind a chunk is to come.
    Behind,
    /// This many bytes of trailers have come.
    Trailers(usize),
    Over,
}

impl Chunks {
    /// Whether the chunk of size zero has come. It ends the body, even if the trailers behind it are missing.
    pub fn saw_last_chunk(&self) -> bool {
        matches!(self.state, ChunkState::Trailers(_) | ChunkState::Over)
    }

    /// Takes the next piece of the body off the front of `bytes`. At the end the piece is empty; `None` if more bytes have to come.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, ResponseError> {
        loop {
            if let ChunkState::Over = self.state {
                return Ok(Some(&[]));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            match self.state {
                ChunkState::Size => self.size(bytes)?,
                ChunkState::Data(left) => {
                    let piece = split_front(bytes, usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - piece.len() as u64;
                    self.state = if left == 0 { ChunkState::Behind } else { ChunkState::Data(left) };
                    return Ok(Some(piece));
                }
                ChunkState::Behind => self.line_end(bytes)?,
                ChunkState::Trailers(seen) => self.trailer(bytes, seen)?,
                ChunkState::Over => {}
            }
        }
    }

    fn size(&mut self, bytes: &mut &[u8]) -> Result<(), ResponseError> {
        let is_whole = self.collect(bytes);
        if self.line.len() > SIZE_LINE_LIMIT {
            return Err(ResponseError::BadChunk);
        }
        // httparse takes a line without digits for a zero, and a zero would end the body.
        if !self.line[0].is_ascii_hexdigit() {
            return Err(ResponseError::BadChunk);
        }
        // An incomplete line is parsed as well, so that what is no size is refused at once. The limit keeps that cheap.
        match httparse::parse_chunk_size(&self.line) {
            Ok(Status::Complete((used, size))) if used == self.line.len() => {
                self.line.clear();
                self.state = if size == 0 { ChunkState::Trailers(0) } else { ChunkState::Data(size) };
                Ok(())
            }
            Ok(Status::Partial) if !is_whole => Ok(()),
            _ => Err(ResponseError::BadChunk),
        }
    }

    fn line_end(&mut self, bytes: &mut &[u8]) -> Result<(), ResponseError> {
        self.line.extend_from_slice(split_front(bytes, 2 - self.line.len()));
        if !b"\r\n".starts_with(&self.line) {
            return Err(ResponseError::BadChunk);
        }
        if self.line.len() == 2 {
            self.line.clear();
            self.state = ChunkState::Size;
        }
        Ok(())
    }

    fn trailer(&mut self, bytes: &mut &[u8], seen: usize) -> Result<(), ResponseError> {
        let before = bytes.len();
        let is_whole = self.collect(bytes);
        let seen = seen + before - bytes.len();
        if seen > HEAD_LIMIT {
            return Err(ResponseError::TrailersTooLong);
        }
        let is_last = is_whole && (self.line == b"\r\n" || self.line == b"\n");
        if is_whole {
            self.line.clear();
        }
        self.state = if is_last { ChunkState::Over } else { ChunkState::Trailers(seen) };
        Ok(())
    }

    /// Adds bytes to the line, and returns whether it is complete. All of an incomplete line is taken, so that it may be longer
    /// than its limit by one read.
    fn collect(&mut self, bytes: &mut &[u8]) -> bool {
        let end = memchr::memchr(b'\n', bytes);
        self.line.extend_from_slice(split_front(bytes, end.map_or(bytes.len(), |end| end + 1)));
        end.is_some()
    }
}
