//! What an error of the system means, where `io::ErrorKind` says too little.

use std::io;

/// Neither this process nor the system has a descriptor left.
pub(crate) fn lacks_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// The system has no memory left for another socket.
pub(crate) fn lacks_memory(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

/// The connect has begun, and an event will tell how it ends (connect(2): EINPROGRESS).
pub(crate) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// This host has no such addresses: it has no IPv6.
pub(crate) fn lacks_addresses(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// The file permissions forbid it. EPERM is of the same kind, and means another thing: the Unix datagram socket that was to
/// be connected to has another peer.
pub(crate) fn forbid_permissions(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EACCES)
}

/// What was to be opened is a link, a folder or a FIFO that nobody reads.
pub(crate) fn is_no_plain_file(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EISDIR | libc::ENXIO))
}
