//! The names of Unix sockets: a path, or a name in the abstract namespace of unix(7), which is written with an `@` before it.

use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a path that stands for an abstract name has behind its `@`.
pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// The socket address of a path, or of an abstract name, which begins with a NUL.
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    match abstract_name(path) {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => SockAddr::unix(path),
    }
}

/// Bound to this address, a socket is given an abstract name by the system (unix(7): autobind).
pub(crate) fn any_unix_name() -> io::Result<SockAddr> {
    SockAddr::unix("")
}

/// The path, or `@` and the abstract name, of a bound Unix socket; empty for an unnamed one.
pub(crate) fn unix_path(address: &SockAddr) -> PathBuf {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.to_path_buf(),
        (None, Some(name)) => OsStr::from_bytes(&[b"@", name].concat()).into(),
        (None, None) => PathBuf::new(),
    }
}

/// The bytes of a path or of an abstract name; `None` for an unnamed socket, and for IP.
pub(crate) fn unix_name(address: &SockAddr) -> Option<&[u8]> {
    let path = address.as_pathname().map(|path| path.as_os_str().as_bytes());
    path.or_else(|| address.as_abstract_namespace())
}
