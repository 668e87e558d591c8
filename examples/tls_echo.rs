//! cargo run --release --example tls_echo, then type a line into: openssl s_client -quiet -connect 127.0.0.1:7006
//!
//! rustls has no socket of its own either: a session sits in the handler, takes what was read and writes what is to
//! be sent. The certificate is made at the start, for this run only; a second argument is a file to write it to.

use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin, Reactor};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};
use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::Arc;

struct TlsEcho {
    config: Arc<ServerConfig>,
    sessions: ConnMap<ServerConnection>,
}

/// Takes bytes off the wire and echoes the plaintext; whether the peer has said that it is done.
fn echo(session: &mut ServerConnection, mut wire: &[u8], net: &mut Net, conn: ConnId) -> io::Result<bool> {
    while !wire.is_empty() {
        session.read_tls(&mut wire)?; // As much as it has room for.
        let processed = session.process_new_packets();
        if let Ok(state) = &processed {
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            session.reader().read_exact(&mut plain)?;
            session.writer().write_all(&plain)?;
        }
        let is_over = processed.as_ref().is_ok_and(|state| state.peer_has_closed());
        if is_over {
            session.send_close_notify();
        }
        send(session, net, conn)?; // After an error too: it is the alert that tells the peer.
        processed.map_err(io::Error::other)?;
        if is_over {
            return Ok(true);
        }
    }
    Ok(false)
}

fn send(session: &mut ServerConnection, net: &mut Net, conn: ConnId) -> io::Result<()> {
    let mut result = Ok(0);
    net.send_with(conn, |out| {
        while session.wants_write() && result.is_ok() {
            result = session.write_tls(out);
        }
    });
    result.map(|_| ())
}

impl Handler for TlsEcho {
    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        match ServerConnection::new(self.config.clone()) {
            Ok(session) => drop(self.sessions.insert(conn, session)),
            Err(_) => drop(net.abort(conn)),
        }
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        match echo(session, bytes, net, conn) {
            Ok(false) => {}
            Ok(true) => drop(net.close(conn)),
            Err(error) => {
                eprintln!("{error}");
                net.close(conn);
            }
        }
    }

    fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
        self.sessions.remove(conn);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("tcp://127.0.0.1:7006".to_owned());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    if let Some(file) = arguments.next() {
        std::fs::write(file, made.cert.der())?;
    }
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;

    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("echo behind TLS on {}", reactor.local_addr(listener)?);
    reactor.run(&mut TlsEcho { config: Arc::new(config), sessions: ConnMap::new() })?;
    Ok(())
}
