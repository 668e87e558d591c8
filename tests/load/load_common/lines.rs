//! A server of lines that misbehaves by intent, and keeps count of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A server of lines over TCP with a thread for each client. What it does with a message is the test's affair.
pub struct Lines {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What a server has seen so far.
#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    messages: AtomicU64,
    lies: AtomicU64,
    /// Who came, and when.
    peers: Mutex<Vec<(SocketAddr, Instant)>>,
}

/// The client whose message is to be answered.
pub struct Client {
    stream: TcpStream,
    /// Counted from 0 in the order of their arrival.
    pub number: usize,
    /// Of this client, counted from 0: the message that is to be answered, or how many there were.
    pub nth: u64,
    /// Of all clients together, counted from 1: the message that is to be answered.
    pub order: u64,
    is_leaving: bool,
    shared: Arc<Shared>,
}

impl Lines {
    /// Serves with a welcome, which is one more line, and what `answer` does with each message.
    pub fn serve(welcome: &str, answer: impl Fn(&mut Client, &str) + Send + Sync + 'static) -> Lines {
        let welcome = welcome.to_owned();
        Lines::serve_clients(move |client| {
            if !welcome.is_empty() {
                client.say(&format!("{welcome}\n"));
            }
            client.each_line(|client, line| answer(client, line));
        })
    }

    /// As the dialect `hello` has it, farewell included, where every message is answered by `answer`.
    pub fn hello(answer: impl Fn(&mut Client, &str) + Send + Sync + 'static) -> Lines {
        Lines::serve("Welcome!", move |client, message| match message {
            "exit" => client.leave(),
            message => answer(client, message),
        })
    }

    /// As the dialect `hello` has it.
    pub fn greeting() -> Lines {
        Lines::hello(|client, message| client.greet(message))
    }

    /// Does with each client what the test wants.
    pub fn serve_clients(serve: impl Fn(&mut Client) + Send + Sync + 'static) -> Lines {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<Shared> = Arc::default();
        let serve = Arc::new(serve);
        let theirs = shared.clone();
        let acceptor = std::thread::spawn(move || accept(listener, &theirs, &serve));
        Lines { address, shared, acceptor: Some(acceptor) }
    }

    pub fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// How many messages it has read.
    pub fn messages(&self) -> u64 {
        self.shared.messages.load(Ordering::SeqCst)
    }

    /// How many lies its clients were told.
    pub fn lies(&self) -> u64 {
        self.shared.lies.load(Ordering::SeqCst)
    }

    /// Who came, and when.
    pub fn peers(&self) -> Vec<(SocketAddr, Instant)> {
        self.shared.peers.lock().unwrap().clone()
    }

    /// Listens no more; its clients are served on.
    pub fn stop_listening(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().unwrap();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

fn accept<S: Fn(&mut Client) + Send + Sync + 'static>(
    listener: TcpListener,
    shared: &Arc<Shared>,
    serve: &Arc<S>,
) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { return };
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let _ = stream.set_nodelay(true);
        let Ok(peer) = stream.peer_addr() else { continue };
        shared.peers.lock().unwrap().push((peer, Instant::now()));
        let mut client =
            Client { stream, number, nth: 0, order: 0, is_leaving: false, shared: shared.clone() };
        let serve = serve.clone();
        std::thread::spawn(move || serve(&mut client));
    }
}

impl Client {
    /// Writes; whether the client is still there to hear it is not its affair.
    pub fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Answers as `hello` does.
    pub fn greet(&mut self, message: &str) {
        self.say(&format!("Hello, {message}!\n"));
    }

    /// Counts a lie and tells it.
    pub fn lie(&mut self, text: &str) {
        self.count_lies(1);
        self.say(text);
    }

    pub fn count_lies(&self, lies: u64) {
        self.shared.lies.fetch_add(lies, Ordering::SeqCst);
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Ends the connection when the message is dealt with.
    pub fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Ends the connection with a reset when the message is dealt with.
    pub fn reset(&mut self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.leave();
    }

    /// Waits for lines until either side leaves.
    pub fn each_line(&mut self, mut each: impl FnMut(&mut Client, &str)) {
        let Ok(reading) = self.stream.try_clone() else { return };
        let mut reader = BufReader::new(reading);
        let mut line = Vec::new();
        while !self.is_leaving && reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            self.order = self.shared.messages.fetch_add(1, Ordering::SeqCst) + 1;
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
            each(self, &text);
            self.nth += 1;
            line.clear();
        }
    }
}
