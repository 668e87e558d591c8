//! Where bodies go: one stream for all of them, or a file for each of them.
//!
//! A write to a file or to standard output may block, and every connection waits meanwhile. The system has no readiness for
//! files, and standard output is shared with whoever started us, so that it must not be made non-blocking. Only the servers of
//! this fetch are kept waiting, and what they send waits in the buffers of the kernel.

use super::url::Url;
use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the user wants the bodies.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The bodies go to standard output, each of them whole, in the order in which they were asked for.
    Stdout,
    /// The only body goes into this file.
    File(PathBuf),
    /// Each body goes into this folder, under a name from its URL. Files that are there are kept.
    Folder(PathBuf),
}

/// Where a single body goes.
#[derive(Debug)]
pub enum BodyTarget {
    /// It goes to the stream that all bodies share.
    Stream,
    /// It goes into this file, and replaces what is there.
    File(PathBuf),
    /// It goes into this folder under this name. If the name is taken, a number is added to it.
    Folder(PathBuf, String),
}

impl Destination {
    /// The target of each body, and the stream for those that share one.
    pub fn targets(&self, urls: &[Url], stdout: File) -> io::Result<(Vec<BodyTarget>, File)> {
        match self {
            Destination::Stdout => Ok((urls.iter().map(|_| BodyTarget::Stream).collect(), stdout)),
            Destination::File(path) => match fs::metadata(path) {
                Ok(there) if there.is_dir() => {
                    Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder: use --output-dir"))
                }
                // A terminal, a pipe or /dev/null is written to, and never replaced.
                Ok(there) if !there.is_file() => {
                    Ok((vec![BodyTarget::Stream], OpenOptions::new().write(true).open(path)?))
                }
                // A symbolic link stays, and the file that it leads to is replaced.
                Ok(_) => Ok((vec![BodyTarget::File(path.canonicalize()?)], stdout)),
                Err(_) => Ok((vec![BodyTarget::File(path.clone())], stdout)),
            },
            Destination::Folder(folder) => {
                fs::create_dir_all(folder)?;
                let mut names = HashSet::new();
                let target = |url| BodyTarget::Folder(folder.clone(), free_name(url, folder, &mut names));
                Ok((urls.iter().map(target).collect(), stdout))
            }
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Stdout => f.write_str("stdout"),
            Destination::File(path) | Destination::Folder(path) => path.display().fmt(f),
        }
    }
}

/// How many random names we try. If all of them are taken, it is no accident.
const TRIES: usize = 10;

/// A file that a body is being written to. It has a temporary name in the folder of the target until the body is whole. It is
/// removed unless it is kept.
pub struct PartialFile {
    file: File,
    temporary: PathBuf,
}

impl PartialFile {
    pub fn create(target: &BodyTarget) -> io::Result<Option<PartialFile>> {
        let (folder, replaced) = match target {
            BodyTarget::Stream => return Ok(None),
            BodyTarget::File(path) => (path.parent().unwrap_or(Path::new("")), Some(path)),
            BodyTarget::Folder(folder, _) => (folder.as_path(), None),
        };
        let partial = PartialFile::in_folder(folder)?;
        if let Some(permissions) = replaced.and_then(|path| permissions(path)) {
            partial.file.set_permissions(permissions)?;
        }
        Ok(Some(partial))
    }

    /// Creates a file under a name that is free. Another fetch may be writing to this folder, and one that was killed may have
    /// left its file there.
    fn in_folder(folder: &Path) -> io::Result<PartialFile> {
        let mut tries = 0..TRIES;
        loop {
            let random = RandomState::new().build_hasher().finish();
            let temporary = folder.join(format!(".hullo-fetch-{random:016x}.part"));
            // With `create_new`, a link under this name cannot lead the body elsewhere.
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(PartialFile { file, temporary }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries.next().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file of a whole body its name, and returns the path.
    pub fn keep(self, target: &BodyTarget) -> io::Result<PathBuf> {
        match target {
            BodyTarget::Stream => Ok(self.temporary.clone()),
            BodyTarget::File(path) => fs::rename(&self.temporary, path).map(|()| path.clone()),
            BodyTarget::Folder(folder, name) => self.keep_beside_others(folder, name),
        }
    }

    /// Another process may have taken the name meanwhile. So the file is linked and not renamed, since a link replaces nothing.
    fn keep_beside_others(self, folder: &Path, name: &str) -> io::Result<PathBuf> {
        let mut path = folder.join(name);
        for number in 1.. {
            match fs::hard_link(&self.temporary, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // The file system has no hard links. Known cost: a file that takes the name at this moment is replaced.
                Err(_) if !path.exists() => return fs::rename(&self.temporary, &path).map(|()| path),
                Err(_) => {}
                Ok(()) => return Ok(path),
            }
            path = folder.join(numbered(name, number));
        }
        Ok(path)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

fn permissions(path: &Path) -> Option<Permissions> {
    fs::metadata(path).ok().map(|there| there.permissions())
}

/// The file name for a URL. A number is added if a file or an earlier URL has the name already.
fn free_name(url: &Url, folder: &Path, taken: &mut HashSet<String>) -> String {
    let name = file_name(url);
    let mut free = name.clone();
    let mut number = 0;
    while taken.contains(&free) || folder.join(&free).symlink_metadata().is_ok() {
        number += 1;
        free = numbered(&name, number);
    }
    taken.insert(free.clone());
    free
}

/// File systems take names of 255 bytes. The rest is left for a number.
const LONGEST_NAME: usize = 200;

/// The last segment of the path as a file name that stays in its folder: it has no slash and no control characters, and does
/// not begin with a dot, so that it is neither `.` nor `..` nor hidden.
fn file_name(url: &Url) -> String {
    let segment = url.last_segment();
    // A segment that does not decode to text stays encoded.
    let decoded = String::from_utf8(percent_decoded(segment)).unwrap_or_else(|_| segment.to_owned());
    let is_unfit = |c: char| c.is_control() || c == '/' || c == '\\';
    let mut name: String = decoded.chars().map(|c| if is_unfit(c) { '_' } else { c }).collect();
    while name.len() > LONGEST_NAME {
        name.pop();
    }
    if name.is_empty() {
        return "index.html".to_owned();
    }
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    name
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        let hex = |digit: u8| char::from(digit).to_digit(16);
        match (first, rest) {
            (b'%', [high, low, rest @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let value = hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0);
                decoded.push(value as u8);
                bytes = rest;
            }
            _ => decoded.push(*first),
        }
    }
    decoded
}

/// Puts a number before the extension: `page.html` becomes `page-1.html`.
fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem}-{number}.{extension}"),
        _ => format!("{name}-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_url_stays_in_its_folder() {
        for (path, name) in [
            ("", "index.html"),
            ("a/", "index.html"),
            ("a/page.html?x=/etc/passwd#f", "page.html"),
            ("a%20b%C3%A4", "a bä"),
            ("..", "index.html"),
            ("%2e%2e", "_."),
            ("%2E", "_"),
            ("..%2f..%2fetc%2fpasswd", "_._.._etc_passwd"),
            ("%2fetc", "_etc"),
            ("%5c", "_"),
            (".bashrc", "_bashrc"),
            ("%00%1b[2J%7f", "__[2J_"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%ff", "%ff"),
            ("%+1", "%+1"),
        ] {
            let url: Url = format!("http://h/{path}").parse().unwrap();
            assert_eq!(file_name(&url), name, "{path}");
        }
        let long: Url = format!("http://h/{}", "ä".repeat(300)).parse().unwrap();
        assert_eq!(file_name(&long), "ä".repeat(LONGEST_NAME / 2));
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        assert_eq!(numbered("page.html", 1), "page-1.html");
        assert_eq!(numbered("page", 12), "page-12");
        assert_eq!(numbered("a.", 1), "a-1.");
    }
}
