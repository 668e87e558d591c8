//! The file that a bound Unix socket leaves in the file system.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Owns the file of a bound Unix socket and removes it when dropped, unless somebody has put another in its place.
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    /// Clears the way for a bind: a stale socket file (nobody answers) is removed, a live one is "in use", and
    /// anything else is left alone.
    pub(crate) fn make_room(path: &Path, kind: Type) -> io::Result<()> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        if !metadata.file_type().is_socket() {
            let what = "the path exists and is no socket: it is left alone";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        let probe = Socket::new(Domain::UNIX, kind.nonblocking(), None)?;
        match probe.connect(&SockAddr::unix(path)?) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(e),
            // Accepted, a full backlog (EAGAIN), or a socket of the other type (EPROTOTYPE): it lives.
            _ => Err(io::ErrorKind::AddrInUse.into()),
        }
    }

    /// Takes charge of the file that a bind has just made, and gives it `mode` if one is asked for.
    pub(crate) fn claim(path: &Path, mode: Option<u32>) -> io::Result<SocketFile> {
        let metadata = fs::symlink_metadata(path)?;
        let file = SocketFile { path: path.to_path_buf(), inode: (metadata.dev(), metadata.ino()) };
        if let Some(mode) = mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
