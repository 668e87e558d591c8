//! TLS by its address: `tls://HOST:PORT`, listened on with an identity and connected to with somebody to trust.

use crate::reactor::address::Address;
use std::io;

#[cfg(feature = "tls")]
mod opening {
    use super::refused;
    use crate::reactor::address::parse::IntoAddress;
    use crate::reactor::address::{Address, Host};
    use crate::reactor::ids::{ConnId, ListenerId};
    use crate::reactor::net::{Net, Source};
    use crate::reactor::socket::options::SocketOptions;
    use crate::reactor::stream::tls::{TlsClient, TlsServer};
    use std::io;

    impl Net {
        /// Listens on `tls://HOST:PORT`, as text or as an [`Address`]; an IP address and port will do as well. Every client goes
        /// through TLS: [`opened`](crate::Handler::opened) is told after the handshake, and bytes are plaintext.
        /// [`local_addr`](Net::local_addr) says `tls://`. [`put_layers`](Net::put_layers) gives the clients to come another
        /// identity, and TLS to a listener of another kind.
        ///
        /// ```no_run
        /// # use hullo::{Net, SocketOptions, TlsIdentity, TlsServer};
        /// # fn example(net: &mut Net) -> Result<(), Box<dyn std::error::Error>> {
        /// let tls = TlsServer::new(TlsIdentity::from_files("chain.pem", "key.pem")?);
        /// net.listen_tls("tls://127.0.0.1:4433", &SocketOptions::default(), &tls)?;
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Errors
        ///
        /// As [`listen`](Net::listen), and `InvalidInput` for an address of another kind.
        pub fn listen_tls(
            &mut self,
            address: impl IntoAddress,
            options: &SocketOptions,
            tls: &TlsServer,
        ) -> io::Result<ListenerId> {
            let address = of_tls(address.into_stream_address()?)?;
            let listener = self.listen_on(&address, options)?;
            if let Some(Source::Listener(opened)) = self.sources.get_mut(listener.0) {
                opened.is_tls = true;
            }
            let tls = tls.clone();
            self.put_layers(listener, move || Ok(Box::new(tls.session()?)));
            Ok(listener)
        }

        /// Connects to `tls://HOST:PORT`, as text or as an [`Address`]; an IP address and port will do as well. The host is the
        /// name, or the numeric address, that the server's certificate must have. Otherwise it is as
        /// [`connect`](Net::connect): what is sent at once leaves when the handshake is over, and
        /// [`connect_failed`](crate::Handler::connect_failed) tells of one that came to nothing.
        ///
        /// ```no_run
        /// # use hullo::{ConnId, Net, Roots, TlsClient};
        /// # fn example(net: &mut Net) -> Result<(), Box<dyn std::error::Error>> {
        /// let tls = TlsClient::new(&Roots::Native)?; // one for all connections
        /// let conn = net.connect_tls("tls://localhost:443", &tls)?;
        /// net.send(conn, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Errors
        ///
        /// As [`connect`](Net::connect), and `InvalidInput` for an address of another kind and a host that no certificate
        /// could be for.
        pub fn connect_tls(&mut self, address: impl IntoAddress, tls: &TlsClient) -> io::Result<ConnId> {
            let address = of_tls(address.into_stream_address()?)?;
            let name = match (address.host(), address.ip()) {
                (Some(Host::Name(name)), _) => name.clone(),
                (_, Some(ip)) => ip.to_string(),
                _ => return self.dial(address, None), // which refuses `*`
            };
            let session = tls.session(&name)?;
            let conn = self.dial(address, None)?;
            self.put_layer(conn, Box::new(session));
            Ok(conn)
        }
    }

    fn of_tls(address: Address) -> io::Result<Address> {
        match address {
            Address::Tcp(host, port) | Address::Tls(host, port) => Ok(Address::Tls(host, port)),
            other => Err(refused(format!(
                "{other} is no address of TLS: write it as tls://HOST:PORT, or put the layer there yourself"
            ))),
        }
    }
}

/// Refuses an address of TLS where nothing is given to do it with.
pub(super) fn refuse_bare(address: &Address, what_takes_it: &str) -> io::Result<()> {
    match address {
        Address::Tls(..) if cfg!(feature = "tls") => {
            Err(refused(format!("{address} needs more than an address: {what_takes_it}")))
        }
        Address::Tls(..) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{address} cannot be spoken here: build hullo with its feature tls"),
        )),
        _ => Ok(()),
    }
}

fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Reactor;

    #[test]
    fn a_bare_address_is_refused_with_what_it_lacks_the_feature_for_one() {
        let mut reactor = Reactor::new().unwrap();
        let net = reactor.net();
        let ours = [127, 0, 0, 1].into();
        let errors = [
            net.listen("tls://127.0.0.1:0").unwrap_err(),
            net.connect("tls://localhost:443").unwrap_err(),
            net.connect_from(ours, "tls://127.0.0.1:443").unwrap_err(),
        ];
        for error in errors {
            let (kind, remedy) = match cfg!(feature = "tls") {
                true => (io::ErrorKind::InvalidInput, "needs more than an address: "),
                false => (io::ErrorKind::Unsupported, "build hullo with its feature tls"),
            };
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
}
