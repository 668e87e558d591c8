//! How a socket is opened.

/// How [`Net::listen_with`](crate::Net::listen_with) and [`Net::bind_with`](crate::Net::bind_with) open a socket.
///
/// ```
/// # use hullo::SocketOptions;
/// let options = SocketOptions::default().mode(0o660).nodelay(false);
/// assert_eq!(options, SocketOptions { mode: Some(0o660), nodelay: false, ..SocketOptions::default() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Permission bits of a Unix socket's file, which it has before anybody can reach it; absent: as the umask leaves
    /// them. `InvalidInput` for an address that has no file.
    pub mode: Option<u32>,
    /// TCP_NODELAY on every accepted stream: an answer leaves at once. Default on.
    pub nodelay: bool,
    /// SO_REUSEADDR on a TCP listener: it can be bound again while connections of its predecessor are in TIME_WAIT.
    /// Default on.
    pub reuse_address: bool,
    /// SO_REUSEPORT: others that have it as well, and the same user, may bind the same port; the kernel spreads clients
    /// and datagrams over them (socket(7)). Default off.
    pub reuse_port: bool,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions { mode: None, nodelay: true, reuse_address: true, reuse_port: false }
    }
}

impl SocketOptions {
    /// With these permission bits of a Unix socket's file.
    pub fn mode(mut self, mode: u32) -> SocketOptions {
        self.mode = Some(mode);
        self
    }

    /// With or without TCP_NODELAY.
    pub fn nodelay(mut self, on: bool) -> SocketOptions {
        self.nodelay = on;
        self
    }

    /// With or without SO_REUSEADDR.
    pub fn reuse_address(mut self, on: bool) -> SocketOptions {
        self.reuse_address = on;
        self
    }

    /// With or without SO_REUSEPORT.
    pub fn reuse_port(mut self, on: bool) -> SocketOptions {
        self.reuse_port = on;
        self
    }
}
