//! Conversations, byte for byte, in virtual time.

mod builtin;
mod datagrams;
mod delays;
mod ends;
mod framings;
mod strict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;

/// One end of a conversation with a session.
struct Client {
    session: Session,
    now: Instant,
    out: Vec<u8>,
}

impl Client {
    fn new(spec: DialectSpec) -> Client {
        let dialect = Arc::new(Dialect::new("test", spec).unwrap());
        Client { session: Session::new(dialect), now: Instant::now(), out: Vec::new() }
    }

    /// Connects, and checks the welcome.
    fn of(name: &str, welcome: &[u8]) -> Client {
        let mut client = Client::new(spec(name));
        client.session.open(&mut client.out);
        client.heard(welcome);
        client
    }

    fn sends(&mut self, bytes: &[u8]) -> Next {
        self.session.receive(bytes, self.now, &mut self.out)
    }

    fn ends(&mut self) -> Next {
        self.session.peer_eof(self.now, &mut self.out)
    }

    /// Lets time pass, then lets the session look at the clock.
    fn waits(&mut self, time: Duration) -> Next {
        self.now += time;
        self.session.timeout(self.now, &mut self.out)
    }

    /// Checks all that was said since the last check.
    #[track_caller]
    fn heard(&mut self, bytes: &[u8]) {
        let out = std::mem::take(&mut self.out);
        assert!(
            out == bytes,
            "heard {:?}\n instead of {:?}",
            out.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }
}

/// The spec of a built-in stream dialect.
fn spec(name: &str) -> DialectSpec {
    Dialect::builtin(name, Transport::Stream).unwrap().spec().clone()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
