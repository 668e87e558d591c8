//! What TLS to a server takes: whom to trust, and the name that its certificate must have.

use hullo::{Address, ConnId, Net, TlsClient};
use std::io;
use std::net::IpAddr;

/// How clients speak TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    client: TlsClient,
    /// As it was typed: the targets are the addresses that it has.
    name: String,
}

impl Tls {
    /// Every client is somebody else to the server, and so is every session of `--churn`: a handshake that goes on from an
    /// earlier one would hide what a new client costs.
    ///
    /// # Errors
    ///
    /// When that is no name that a certificate could have.
    pub fn new(client: &TlsClient, name: String) -> Result<Tls, String> {
        let client = client.without_resumption();
        client.session(&name).map_err(|error| error.to_string())?;
        Ok(Tls { client, name })
    }

    /// Connects to a target, from that address of ours if there is one.
    pub fn connect(&self, net: &mut Net, target: Address, source: Option<IpAddr>) -> io::Result<ConnId> {
        let target = match target {
            Address::Tls(host, port) => Address::Tcp(host, port),
            other => other,
        };
        let session = self.client.session(&self.name)?;
        let conn = match source {
            Some(source) => net.connect_from(source, target)?,
            None => net.connect(target)?,
        };
        net.put_layer(conn, Box::new(session));
        Ok(conn)
    }
}
