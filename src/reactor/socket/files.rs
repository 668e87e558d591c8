//! The file of a Unix socket: made by a bind, given its mode, removed by the one who owns it.

use crate::reactor::address::Address;
use crate::reactor::sys;
use socket2::{Domain, SockAddr, Socket, Type};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A Unix socket that has its name. The socket goes before its file, which asks whether somebody else has it still.
pub(crate) struct BoundUnix {
    pub(crate) socket: Socket,
    /// `None` where the name is an abstract one.
    pub(crate) file: Option<SocketFile>,
}

/// Owns the file of a bound Unix socket. Dropped, after the socket itself, it removes the file, unless another one is in
/// its place by now, or somebody else has the socket as well (a clone of its descriptor, for one).
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and number. As long as the socket lives the system gives the number to no other file.
    inode: (u64, u64),
    is_ours: bool,
}

/// Binds a Unix socket. A stale file, of which nobody has the socket any more, is replaced, a live one is "in use", and
/// anything else is left alone. Of several who bind to one path at once, one wins and the others are told "in use".
pub(crate) fn bind(address: &Address, path: &Path, mode: Option<u32>) -> io::Result<BoundUnix> {
    let socket = Socket::new(Domain::UNIX, unix_type(address).nonblocking(), None)?;
    let name = sys::unix_address(path)?;
    if address.path().is_none() {
        socket.bind(&name)?;
        return Ok(BoundUnix { socket, file: None });
    }
    is_stale(path)?; // Most of what is wrong is seen without a lock, which leaves no trace and needs no rights.
    let lock = Lock::beside(path)?;
    if is_stale(path)? {
        fs::remove_file(path)?;
    }
    if let Some(mode) = mode {
        // The file has it from the first moment, so that it is never open to more than it should.
        sys::set_socket_mode(socket.try_clone()?.into(), mode)?;
    }
    socket.bind(&name)?;
    let bound = BoundUnix { socket, file: Some(SocketFile::claim(path)?) };
    drop(lock);
    if let (Some(file), Some(mode)) = (&bound.file, mode) {
        file.set_mode(mode)?; // The umask has taken from it.
    }
    Ok(bound)
}

fn unix_type(address: &Address) -> Type {
    match address {
        Address::Unixgram(_) => Type::DGRAM,
        Address::Unixpacket(_) => Type::SEQPACKET,
        _ => Type::STREAM,
    }
}

impl SocketFile {
    /// Takes charge of the file that a bind has just made.
    fn claim(path: &Path) -> io::Result<SocketFile> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.file_type().is_socket() {
            return Err(usurped(path));
        }
        Ok(SocketFile { path: path.to_path_buf(), inode: inode(&metadata), is_ours: true })
    }

    /// Changes the mode of this file and of no other, whatever is in its place.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let pinned = sys::pin(&self.path)?; // Nothing can take its place between the look and the change.
        let metadata = pinned.metadata()?;
        if inode(&metadata) != self.inode {
            return Err(usurped(&self.path));
        }
        if metadata.mode() & 0o7777 == mode & 0o7777 {
            return Ok(());
        }
        sys::set_mode(&pinned, mode)
    }

    /// Leaves the file to whoever has the socket from now on.
    pub(crate) fn leave(mut self) {
        self.is_ours = false;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        let _lock = match Lock::beside(&self.path) {
            // Somebody is about to bind here, and clears the way.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return,
            lock => lock,
        };
        let is_there =
            |metadata: Metadata| metadata.file_type().is_socket() && inode(&metadata) == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(is_there) && !is_alive(&self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file is in the way that nobody needs.
fn is_stale(path: &Path) -> io::Result<bool> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if !metadata.file_type().is_socket() {
        let what = "the path exists and is no socket: it is left alone";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    if is_alive(path)? { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(true) }
}

/// Whether anybody has the socket of this file, be it that it does not listen yet. No connection reaches the owner: a
/// datagram socket has none, and to one of another type it cannot be connected (EPROTOTYPE).
fn is_alive(path: &Path) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(false),
        Err(e) if sys::forbid_permissions(&e) => Err(e),
        _ => Ok(true),
    }
}

fn usurped(path: &Path) -> io::Error {
    let what = format!("{} is another file than the socket's own by now", path.display());
    io::Error::other(what)
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The right to bind to a path or to clear it, among all who ask for it this way: a locked file beside it, which is gone
/// when the lock is.
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// How often a lock is tried that its holder has removed in the meantime.
    const TRIES: usize = 16;

    /// Takes the lock without waiting: what somebody else is binding to is in use.
    fn beside(socket: &Path) -> io::Result<Lock> {
        let path = PathBuf::from([socket.as_os_str(), ".lock".as_ref()].into_iter().collect::<OsString>());
        let in_the_way =
            |why| io::Error::other(format!("{} is in the way: it {why}, remove it", path.display()));
        for _ in 0..Lock::TRIES {
            let file = sys::open_lock_file(&path).map_err(|error| match error {
                error if sys::is_no_plain_file(&error) => in_the_way("is no lock file"),
                error if sys::forbid_permissions(&error) && fs::symlink_metadata(&path).is_ok() => {
                    in_the_way("is another user's")
                }
                error => error,
            })?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(in_the_way("is no lock file"));
            }
            match sys::lock(&file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            if fs::symlink_metadata(&path).is_ok_and(|there| inode(&there) == inode(&metadata)) {
                return Ok(Lock { path, file });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One with something in it is not of our making.
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
