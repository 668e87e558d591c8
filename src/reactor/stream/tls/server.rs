//! What a listener shows to its clients.

use super::identity::{TlsError, TlsIdentity, roots_of};
use super::provider;
use super::session::TlsSession;
use rustls::crypto::ring::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier};
use rustls::server::{ServerConfig, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The server's side of TLS 1.2 and 1.3, shared by all connections of a listener, and by several listeners and reactors where
/// it is cloned.
#[derive(Clone)]
pub struct TlsServer(Arc<ServerConfig>);

impl TlsServer {
    /// Shows one identity to everybody, whatever name they ask for.
    pub fn new(identity: TlsIdentity) -> TlsServer {
        TlsServer::options(identity).build()
    }

    /// Begins with an identity that is shown to whoever asks for no name, or for one that nobody has.
    pub fn options(identity: TlsIdentity) -> TlsServerOptions {
        TlsServerOptions {
            names: Names { default: identity.0, named: HashMap::new() },
            alpn: Vec::new(),
            clients: None,
            tickets: None,
        }
    }

    /// A connection that a client begins.
    ///
    /// # Errors
    ///
    /// When the configuration cannot serve anybody.
    pub fn session(&self) -> Result<TlsSession, TlsError> {
        let connection = UnbufferedServerConnection::new(self.0.clone());
        connection.map(TlsSession::of_server).map_err(|error| TlsError(error.to_string()))
    }
}

/// A configuration of rustls' own, for what is not offered here. It ties a program to the version of rustls that this library
/// stands on.
impl From<Arc<ServerConfig>> for TlsServer {
    fn from(config: Arc<ServerConfig>) -> TlsServer {
        TlsServer(config)
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

/// What else a server may be told.
pub struct TlsServerOptions {
    names: Names,
    alpn: Vec<Vec<u8>>,
    clients: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
    tickets: Option<TlsTickets>,
}

impl TlsServerOptions {
    /// Shows another identity to those who ask for `name` by SNI (RFC 6066).
    pub fn identity_for(mut self, name: &str, identity: TlsIdentity) -> TlsServerOptions {
        self.names.named.insert(name.to_ascii_lowercase(), identity.0);
        self
    }

    /// The protocols that are spoken here, the preferred one first (ALPN, RFC 7301). A client who offers others alone is
    /// refused; one who offers none is served.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> TlsServerOptions {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Lets in only clients with a certificate that one of these signed: a text in PEM.
    ///
    /// # Errors
    ///
    /// When the text holds no certificate that can sign others.
    pub fn require_clients_signed_by(mut self, authorities: &[u8]) -> Result<TlsServerOptions, TlsError> {
        let roots = roots_of(authorities, "the authorities of clients")?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        self.clients = Some(verifier.build().map_err(|error| TlsError(error.to_string()))?);
        Ok(self)
    }

    /// Lets clients go on from earlier connections, without a new check of certificates, by these keys: the same for all
    /// reactors that serve one port, and kept over a change of the configuration. Without them a server has keys of its own.
    pub fn tickets(mut self, tickets: &TlsTickets) -> TlsServerOptions {
        self.tickets = Some(tickets.clone());
        self
    }

    /// The server.
    pub fn build(self) -> TlsServer {
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let versions = versions.expect("the cryptography has the default versions");
        let clients = self.clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let mut config = versions.with_client_cert_verifier(clients).with_cert_resolver(Arc::new(self.names));
        config.alpn_protocols = self.alpn;
        // Tickets carry the session, so that nothing is kept here for clients who may never come back.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = self.tickets.unwrap_or_default().0;
        TlsServer(Arc::new(config))
    }
}

/// The keys that resumption tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1); they change by themselves every six
/// hours, and the last ones count for as long again.
#[derive(Clone)]
pub struct TlsTickets(Arc<dyn ProducesTickets>);

impl TlsTickets {
    /// New keys.
    ///
    /// # Panics
    ///
    /// Where the system has no randomness to give.
    pub fn new() -> TlsTickets {
        TlsTickets(Ticketer::new().expect("the system has randomness"))
    }
}

impl Default for TlsTickets {
    fn default() -> TlsTickets {
        TlsTickets::new()
    }
}

impl fmt::Debug for TlsTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTickets").finish_non_exhaustive()
    }
}

/// Which identity is shown to whom.
#[derive(Debug)]
struct Names {
    default: Arc<CertifiedKey>,
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = client.server_name().and_then(|name| self.named.get(&name.to_ascii_lowercase()));
        Some(named.unwrap_or(&self.default).clone())
    }
}
