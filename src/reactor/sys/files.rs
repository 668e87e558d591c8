//! Files of certificates and keys.

use std::fs;
use std::io;
use std::path::Path;

/// All of a file. It blocks, and is for programs that have yet to begin their loop.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}
