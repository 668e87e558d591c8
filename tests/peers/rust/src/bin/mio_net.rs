//! Raw mio, after the example that mio ships: a map of connections by token, read until it would block, and interest in
//! writing only while something waits.
//!
//! cargo run --release --bin mio_net -- raw|line
//!
//! Read buffer: 64 KiB, shared.

use hullo_peers::{Greeter, SIZE, is_line, listen};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

const LISTENER: Token = Token(0);

struct Client {
    stream: TcpStream,
    greeter: Greeter,
    /// What the kernel has not taken yet.
    unsent: Vec<u8>,
    is_over: bool,
}

fn main() -> io::Result<()> {
    let is_line = is_line();
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::from_std(listen()?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients = HashMap::new();
    let mut next = LISTENER.0 + 1;
    let mut input = vec![0; SIZE];
    loop {
        match poll.poll(&mut events, None) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Some(client) = accept(&listener, poll.registry(), Token(next), is_line)? {
                    clients.insert(Token(next), client);
                    next += 1;
                }
                continue;
            }
            let Some(client) = clients.get_mut(&event.token()) else { continue };
            if client.serve(poll.registry(), event.token(), &mut input).unwrap_or(true) {
                let mut client = clients.remove(&event.token()).expect("it was there");
                poll.registry().deregister(&mut client.stream)?;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    registry: &Registry,
    token: Token,
    is_line: bool,
) -> io::Result<Option<Client>> {
    let mut stream = match listener.accept() {
        Ok((stream, _)) => stream,
        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(e) => return Err(e),
    };
    stream.set_nodelay(true)?;
    registry.register(&mut stream, token, Interest::READABLE)?;
    let greeter = Greeter::new(is_line);
    let _ = stream.write_all(greeter.welcome()); // who has left already is found out by the next read
    Ok(Some(Client { stream, greeter, unsent: Vec::new(), is_over: false }))
}

impl Client {
    /// Whether the client is done.
    fn serve(&mut self, registry: &Registry, token: Token, input: &mut [u8]) -> io::Result<bool> {
        let had_unsent = !self.unsent.is_empty();
        while !self.is_over {
            match self.stream.read(input) {
                Ok(0) => self.is_over = true,
                Ok(count) => self.is_over = !self.greeter.respond(&input[..count], &mut self.unsent),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let has_unsent = !self.unsent.is_empty();
        if had_unsent != has_unsent {
            let interest =
                if has_unsent { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            registry.reregister(&mut self.stream, token, interest)?;
        }
        Ok(self.is_over && !has_unsent)
    }
}
