//! Files of certificates and keys.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest file that is read. Without a limit the reading of some devices would never end.
const LONGEST: u64 = 16 << 20;

/// All of a file. It blocks, and is for programs that have yet to begin their loop.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is longer than 16 MiB: name another file",
        ));
    }
    Ok(content)
}
