//! cargo run --release --example blocking_greeter, then type your name into: nc 127.0.0.1 7009
//!
//! The greeting protocol is a state machine without I/O. Here it runs the way of the tutorials, on a thread for each
//! client with blocking reads, and without the reactor. A second argument names another dialect: patient, plain, ...

use hullo::greeting::{Dialect, Farewell, Next, Session, Transport};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

fn greet(mut stream: TcpStream, dialect: Arc<Dialect>) -> io::Result<Farewell> {
    let mut session = Session::new(dialect);
    let (mut input, mut out) = ([0; 1024], Vec::new());
    session.open(&mut out);
    let mut next = Next::Read;
    loop {
        stream.write_all(&out)?;
        out.clear();
        next = match next {
            Next::Read => match stream.read(&mut input)? {
                0 => session.peer_eof(Instant::now(), &mut out),
                n => session.receive(&input[..n], Instant::now(), &mut out),
            },
            // A delay holds up nobody but this client: that is what its thread is for.
            Next::Wait(until) => {
                thread::sleep(until.saturating_duration_since(Instant::now()));
                session.timeout(Instant::now(), &mut out)
            }
            Next::Close(farewell) => return Ok(farewell),
        };
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("tcp://127.0.0.1:7009".to_owned());
    let dialect = arguments.next().unwrap_or("hello".to_owned());
    let Some(dialect) = Dialect::builtin(&dialect, Transport::Stream).map(Arc::new) else {
        return Err(io::Error::other(format!("no dialect of streams is called {dialect:?}")));
    };
    let listener = TcpListener::bind(address.strip_prefix("tcp://").unwrap_or(&address))?;
    println!("{} on tcp://{}", dialect.name(), listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, dialect) = (stream?, dialect.clone());
        thread::spawn(move || match greet(stream, dialect) {
            Ok(farewell) => eprintln!("a client left: {farewell}"),
            Err(error) => eprintln!("a client left: {error}"),
        });
    }
    Ok(())
}
