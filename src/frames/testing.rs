//! What the tests of all framings share.

use super::{FrameError, Frames, Rule};

/// The frames of a stream, and how it ended.
pub(super) type Outcome = (Vec<Vec<u8>>, Result<Option<Vec<u8>>, FrameError>);

/// Takes the reads of a stream to its end, or to its first error. In between `frames` may hold `most` bytes.
pub(super) fn read_all<F: Rule>(mut frames: Frames<F>, most: usize, reads: &[&[u8]]) -> Outcome {
    let mut found = Vec::new();
    for mut bytes in reads.iter().copied() {
        loop {
            match frames.next(&mut bytes) {
                Ok(Some(frame)) => found.push(frame.into_owned()),
                Ok(None) => break,
                Err(error) => return (found, Err(error)),
            }
        }
        assert!(bytes.is_empty());
        assert!(frames.held() <= most, "{} bytes are held", frames.held());
    }
    (found, frames.finish())
}
