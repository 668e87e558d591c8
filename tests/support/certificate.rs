//! A certificate that signs itself, and a client that trusts it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{PATIENCE, TempDir};

/// A certificate for this machine that signs itself, and its key, both in PEM.
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

/// The end of a client of rustls' own.
pub type TlsPeer = StreamOwned<ClientConnection, TcpStream>;

impl Certificate {
    pub fn new() -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Certificate { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// One that is made otherwise, for `localhost` if nothing else is said.
    pub fn with(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Certificate {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        Certificate { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// One that signs itself and says that it may sign others, as `openssl req -x509` makes them.
    pub fn of_authority() -> Certificate {
        Certificate::with(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained))
    }

    /// One that has expired.
    pub fn expired() -> Certificate {
        Certificate::with(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))
    }

    /// Written to two files, whose paths are returned; over others that are there.
    pub fn files(&self, dir: &TempDir) -> (String, String) {
        (dir.write("chain.pem", &self.chain), dir.write("key.pem", &self.key))
    }

    /// What a client of rustls' own needs to trust it. Clients that share it resume each other's sessions.
    pub fn trust(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(PemObject::from_pem_slice(self.chain.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// A client that trusts it and has shaken hands.
    #[track_caller]
    pub fn connect(&self, to: SocketAddr) -> TlsPeer {
        shake_hands(self.trust(), to).unwrap()
    }
}

/// A client that has shaken hands, or why it has not.
pub fn shake_hands(trust: Arc<ClientConfig>, to: SocketAddr) -> std::io::Result<TlsPeer> {
    let mut session = ClientConnection::new(trust, ServerName::try_from("localhost").unwrap()).unwrap();
    let mut socket = TcpStream::connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    session.complete_io(&mut socket)?;
    Ok(StreamOwned::new(session, socket))
}

/// Reads so many bytes as are expected.
#[track_caller]
pub fn hear(peer: &mut TlsPeer, expected: &str) {
    let mut heard = vec![0; expected.len()];
    peer.read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

/// Reads to the end, which must be announced: without close_notify it is an error.
#[track_caller]
pub fn hear_last(peer: &mut TlsPeer, expected: &str) {
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

/// Sends all of it.
#[track_caller]
pub fn say(peer: &mut TlsPeer, text: &str) {
    peer.write_all(text.as_bytes()).unwrap();
}
