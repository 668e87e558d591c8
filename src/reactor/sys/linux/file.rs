//! Files: the one of a Unix socket, the locked one beside it, and one to have a descriptor of.

use super::check;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A file that is held by a descriptor which only names it, no link followed: whatever takes its place at the path, this
/// is still the same one.
pub(crate) fn pin(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path)
}

/// Changes the mode of a pinned file. Its descriptor takes no fchmod(2), but proc(5) names the file by it.
pub(crate) fn set_mode(pinned: &File, mode: u32) -> io::Result<()> {
    fs::set_permissions(format!("/proc/self/fd/{}", pinned.as_raw_fd()), Permissions::from_mode(mode))
}

/// Gives a socket a mode. A bind makes its file with this mode less the umask.
pub(crate) fn set_socket_mode(socket: OwnedFd, mode: u32) -> io::Result<()> {
    File::from(socket).set_permissions(Permissions::from_mode(mode))
}

/// Opens a file to be locked, and makes it where there is none. Neither a link nor a FIFO leads anywhere else.
pub(crate) fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// Locks a file against all others who ask, until its last descriptor is closed (flock(2)); `WouldBlock` while another
/// has it. std has it since Rust 1.89.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // SAFETY: the call takes no memory, and the descriptor is open.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) })?;
    Ok(())
}

/// A descriptor that serves nothing but to be given up for another.
pub(crate) fn spare_descriptor() -> io::Result<OwnedFd> {
    File::open("/dev/null").map(OwnedFd::from)
}
