//! cargo run --release --example tls_echo --features tls, then type a line into: openssl s_client -quiet -connect 127.0.0.1:7006
//!
//! The handler of `examples/echo.rs`, behind TLS. The certificate is made at the start, for this run only; a second argument
//! is a file to write it to.

use hullo::{ConnId, Handler, Net, Reactor, TlsIdentity, TlsServer};
use std::error::Error;

struct Echo;

impl Handler for Echo {
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        net.send(conn, bytes);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("tcp://127.0.0.1:7006".to_owned());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    if let Some(file) = arguments.next() {
        std::fs::write(file, made.cert.der())?;
    }
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = TlsServer::new(TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes())?);

    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    reactor.net().put_layers(listener, move || Ok(Box::new(tls.session()?)));
    println!("echo behind TLS on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Echo)?;
    Ok(())
}
