//! What we trust when we connect.

use super::identity::{TlsError, TlsIdentity, certificates, read, roots_of};
use super::provider;
use super::session::TlsSession;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientConfig, Resumption, UnbufferedClientConnection, WebPkiServerVerifier, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The client's side of TLS 1.2 and 1.3, shared by all connections that are made with it: the second one to a server goes on
/// from the first.
#[derive(Clone)]
pub struct TlsClient(Arc<ClientConfig>);

/// Whose signatures a client goes by.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those that this system trusts.
    Native,
    /// Those of a PEM text, which may also hold the server's own certificate.
    Pem(Vec<u8>),
    /// Nobody's: any certificate will do, and so anybody in between can read along. For tests.
    Insecure,
}

impl Roots {
    /// Those of a file in PEM.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Roots, TlsError> {
        Ok(Roots::Pem(read(path.as_ref())?))
    }
}

impl TlsClient {
    /// A client that shows no certificate of its own and offers no protocols.
    ///
    /// # Errors
    ///
    /// When there are no roots: the text holds none, or the system has none.
    pub fn new(roots: &Roots) -> Result<TlsClient, TlsError> {
        TlsClient::with(roots, None, Vec::<Vec<u8>>::new())
    }

    /// A client with an identity, and protocols that it offers (ALPN, RFC 7301), the preferred one first.
    ///
    /// # Errors
    ///
    /// As [`new`](TlsClient::new).
    pub fn with<P: Into<Vec<u8>>>(
        roots: &Roots,
        identity: Option<TlsIdentity>,
        alpn: impl IntoIterator<Item = P>,
    ) -> Result<TlsClient, TlsError> {
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let versions = versions.expect("the cryptography has the default versions");
        let verified = versions.dangerous().with_custom_certificate_verifier(verifier(roots)?);
        let mut config = match identity {
            Some(identity) => {
                verified.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.0)))
            }
            None => verified.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.into_iter().map(Into::into).collect();
        Ok(TlsClient(Arc::new(config)))
    }

    /// The same, where no connection goes on from an earlier one: each handshake is a whole one, as of a client that the server
    /// has never met.
    #[must_use]
    pub fn without_resumption(&self) -> TlsClient {
        let mut config = (*self.0).clone();
        config.resumption = Resumption::disabled();
        TlsClient(Arc::new(config))
    }

    /// A connection to a server of this name, or numeric address, which its certificate must have.
    ///
    /// # Errors
    ///
    /// When it is no name that a certificate could have.
    pub fn session(&self, server: &str) -> Result<TlsSession, TlsError> {
        let name = ServerName::try_from(server.to_owned());
        let name =
            name.map_err(|_| TlsError(format!("{server:?} is no name that a certificate could have")))?;
        let connection = UnbufferedClientConnection::new(self.0.clone(), name);
        connection.map(TlsSession::of_client).map_err(|error| TlsError(error.to_string()))
    }
}

/// A configuration of rustls' own, for what is not offered here. It ties a program to the version of rustls that this library
/// stands on.
impl From<Arc<ClientConfig>> for TlsClient {
    fn from(config: Arc<ClientConfig>) -> TlsClient {
        TlsClient(config)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

fn verifier(roots: &Roots) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    const TEXT: &str = "the text of the trusted certificates";
    let (roots, named) = match roots {
        Roots::Native => (native()?, Vec::new()),
        Roots::Pem(text) => (roots_of(text, TEXT)?, certificates(text, TEXT)?),
        Roots::Insecure => return Ok(Arc::new(Anybody(provider()))),
    };
    let signed = WebPkiServerVerifier::builder_with_provider(roots.into(), provider()).build();
    let signed = signed.map_err(|error| TlsError(error.to_string()))?;
    Ok(Arc::new(SignedOrNamed { signed, named }))
}

fn native() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's store has certificates that are too old to be read among those that are not.
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    match taken {
        0 => Err(TlsError(
            "this system trusts nobody: install its certificates (ca-certificates), or name a file of them"
                .into(),
        )),
        _ => Ok(roots),
    }
}

/// Goes by signatures, and takes a server's own certificate where that is among the trusted ones itself. One that signs itself
/// mostly says that it may sign others (`openssl req -x509` has it so), which no certificate of a server's may that was signed
/// by somebody.
#[derive(Debug)]
struct SignedOrNamed {
    signed: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for SignedOrNamed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.signed.verify_server_cert(certificate, chain, name, ocsp, now) {
            // The time was looked at before, and the name would be looked at behind that.
            Err(error) if may_sign_others(&error) && self.named.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Whether a certificate was refused since it may sign others. rustls has no word of its own for that.
fn may_sign_others(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other)) if other.to_string() == "CaUsedAsEndEntity")
}

/// Takes any certificate. That the server has the key to it is seen all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
