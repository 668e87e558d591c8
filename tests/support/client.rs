//! The client's end of a socket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{PATIENCE, TempDir};

/// The client's end of a stream, TCP or Unix. Blocking; no call waits longer than [`PATIENCE`].
pub enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Peer {
    /// Connects to `tcp://ADDRESS:PORT` or `unix:PATH`.
    #[track_caller]
    pub fn connect(address: &str) -> Peer {
        Peer::try_connect(address).unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    pub fn try_connect(address: &str) -> io::Result<Peer> {
        let peer = match (address.strip_prefix("tcp://"), address.strip_prefix("unix:")) {
            (Some(address), _) => {
                let stream = TcpStream::connect(address.parse::<SocketAddr>().unwrap())?;
                stream.set_nodelay(true)?;
                Peer::Tcp(stream)
            }
            (_, Some(path)) => Peer::Unix(UnixStream::connect(path)?),
            _ => panic!("not a stream: {address}"),
        };
        peer.read_within(PATIENCE);
        peer.write_within(PATIENCE);
        Ok(peer)
    }

    /// Sets how long a read waits.
    pub fn read_within(&self, limit: Duration) {
        match self {
            Peer::Tcp(stream) => stream.set_read_timeout(Some(limit)),
            Peer::Unix(stream) => stream.set_read_timeout(Some(limit)),
        }
        .unwrap();
    }

    /// Sets how long a write waits.
    pub fn write_within(&self, limit: Duration) {
        match self {
            Peer::Tcp(stream) => stream.set_write_timeout(Some(limit)),
            Peer::Unix(stream) => stream.set_write_timeout(Some(limit)),
        }
        .unwrap();
    }

    pub fn socket(&self) -> socket2::SockRef<'_> {
        socket2::SockRef::from(self)
    }

    pub fn try_clone(&self) -> Peer {
        match self {
            Peer::Tcp(stream) => Peer::Tcp(stream.try_clone().unwrap()),
            Peer::Unix(stream) => Peer::Unix(stream.try_clone().unwrap()),
        }
    }

    /// Says that nothing more will be sent.
    pub fn end(&self) {
        match self {
            Peer::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Peer::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
        .unwrap();
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads as many bytes as are expected, and compares them.
    #[track_caller]
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let expected = bytes.as_ref();
        let mut got = vec![0; expected.len()];
        let mut filled = 0;
        while filled < got.len() {
            match self.read(&mut got[filled..]) {
                Ok(0) => panic!("{:?} and EOF, not {:?}", text(&got[..filled]), text(expected)),
                Ok(n) => filled += n,
                Err(error) => panic!("{:?} and {error}, not {:?}", text(&got[..filled]), text(expected)),
            }
        }
        assert!(got == expected, "{:?}, not {:?}", text(&got), text(expected));
    }

    /// Reads to the end, which must be an EOF and no reset, and compares all of it.
    #[track_caller]
    pub fn expect_last(&mut self, bytes: impl AsRef<[u8]>) {
        let expected = bytes.as_ref();
        let mut got = Vec::new();
        if let Err(error) = self.read_to_end(&mut got) {
            panic!("{error} after {} bytes of {}, not EOF", got.len(), expected.len());
        }
        assert!(got == expected, "{:?}, not {:?}", text(&got), text(expected));
    }

    /// Sends a message of its own and waits for its answer, in `line` framing and `hello`.
    #[track_caller]
    pub fn ping(&mut self, nonce: impl std::fmt::Display) {
        self.send(format!("{nonce}\n"));
        self.expect(format!("Hello, {nonce}!\n"));
    }

    /// Nothing is there to be read, nor does it come within `wait`, nor an end.
    #[track_caller]
    pub fn expect_silence(&mut self, wait: Duration) {
        self.read_within(wait);
        let mut byte = [0];
        match self.read(&mut byte) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            result => panic!("not silence: {result:?} {byte:?}"),
        }
        self.read_within(PATIENCE);
    }
}

/// Short enough for the message of a failed test.
fn text(bytes: &[u8]) -> String {
    let end = bytes.len().min(400);
    let more = if end < bytes.len() { format!(" (of {} bytes)", bytes.len()) } else { String::new() };
    format!("{}{more}", bytes[..end].escape_ascii())
}

/// Calls again when the call was interrupted. With children that end all the time it happens, and a call with a time
/// limit is not restarted by the kernel (signal(7)).
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Peer::Tcp(stream) => uninterrupted(|| stream.read(buffer)),
            Peer::Unix(stream) => uninterrupted(|| stream.read(buffer)),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Peer::Tcp(stream) => uninterrupted(|| stream.write(bytes)),
            Peer::Unix(stream) => uninterrupted(|| stream.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Peer::Tcp(stream) => stream.as_fd(),
            Peer::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Whether somebody listens on the Unix socket of that name.
pub fn is_open(dir: &TempDir, name: &str) -> bool {
    Peer::try_connect(&dir.unix(name)).is_ok()
}

/// A UDP socket of the same family, connected to `to`. No receive waits longer than [`PATIENCE`].
#[track_caller]
pub fn udp(to: SocketAddr) -> UdpSocket {
    let local = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Raises this process's own descriptor limit; false, and why is printed, if `needed` is more than it may have.
pub fn raise_descriptor_limit(needed: u64) -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < needed {
        super::skip(&format!("{needed} descriptors are needed, the hard limit is {hard}"));
        return false;
    }
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    }
    true
}
