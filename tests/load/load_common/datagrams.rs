//! A server of datagrams that misbehaves by intent, and keeps count of it.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server of datagrams on one thread. What it does with a message is the test's affair.
pub struct Datagrams {
    address: SocketAddr,
    shared: Arc<Shared>,
    socket: UdpSocket,
    server: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    lies: AtomicU64,
    messages: AtomicU64,
    peers: Mutex<Vec<SocketAddr>>,
}

/// The client whose message is to be answered.
pub struct UdpClient<'a> {
    socket: &'a UdpSocket,
    pub from: SocketAddr,
    /// Of this client, counted from 0. The first proves the flow alive and is in no book: who lies, spares it.
    pub nth: u64,
    lies: &'a AtomicU64,
}

impl Datagrams {
    /// Serves until the test lets go of it.
    pub fn serve(mut answer: impl FnMut(&mut UdpClient, &str) + Send + 'static) -> Datagrams {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Room for what comes while this thread is not scheduled; a loss here would look like a lie.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let address = socket.local_addr().unwrap();
        let shared: Arc<Shared> = Arc::default();
        let theirs = shared.clone();
        let ours = socket.try_clone().unwrap();
        let server = std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            let mut counts: HashMap<SocketAddr, u64> = HashMap::new();
            while !theirs.is_over.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let count = counts.entry(from).or_default();
                let mut client = UdpClient { socket: &socket, from, nth: *count, lies: &theirs.lies };
                *count += 1;
                theirs.messages.fetch_add(1, Ordering::SeqCst);
                if client.nth == 0 {
                    theirs.peers.lock().unwrap().push(from);
                }
                answer(&mut client, &String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Datagrams { address, shared, socket: ours, server: Some(server) }
    }

    pub fn url(&self) -> String {
        format!("udp://{}", self.address)
    }

    /// How many messages it has read.
    pub fn messages(&self) -> u64 {
        self.shared.messages.load(Ordering::SeqCst)
    }

    /// Who came, in that order.
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.shared.peers.lock().unwrap().clone()
    }

    /// Says what nobody has asked for.
    pub fn say_to(&self, peer: SocketAddr, text: &str) {
        let _ = self.socket.send_to(text.as_bytes(), peer);
    }

    /// How many lies its clients were told.
    pub fn lies(&self) -> u64 {
        self.shared.lies.load(Ordering::SeqCst)
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

impl UdpClient<'_> {
    pub fn say(&self, text: &str) {
        self.say_to(self.from, text);
    }

    pub fn say_to(&self, to: SocketAddr, text: &str) {
        let _ = self.socket.send_to(text.as_bytes(), to);
    }

    /// Answers as `hello` does.
    pub fn greet(&self, message: &str) {
        self.say(&format!("Hello, {message}!"));
    }

    pub fn count_lies(&self, lies: u64) {
        self.lies.fetch_add(lies, Ordering::SeqCst);
    }

    /// Another socket of the server, to answer when it wants.
    pub fn socket(&self) -> UdpSocket {
        self.socket.try_clone().unwrap()
    }
}
