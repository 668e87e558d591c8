//! A certificate with its key, and what may be wrong with such things.

use super::provider;
use crate::reactor::address::printable::Printable;
use crate::reactor::sys;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A certificate chain and its private key: what one side of TLS shows to the other.
#[derive(Clone, Debug)]
pub struct TlsIdentity(pub(super) Arc<CertifiedKey>);

impl TlsIdentity {
    /// From PEM texts: the chain with the certificate itself first, and the key in PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// When one of them is no such text, or the two do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<TlsIdentity, TlsError> {
        TlsIdentity::new(chain, key, "the certificate chain", "the private key")
    }

    /// From two files, which may be the same one.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](TlsIdentity::from_pem), and when a file cannot be read.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<TlsIdentity, TlsError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        TlsIdentity::new(&read(chain)?, &read(key)?, &name(chain), &name(key))
    }

    fn new(chain: &[u8], key: &[u8], chain_name: &str, key_name: &str) -> Result<TlsIdentity, TlsError> {
        let chain = certificates(chain, chain_name)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            TlsError(match error {
                pem::Error::NoItemsFound => {
                    format!("{key_name} holds no private key in PEM: it has a line BEGIN PRIVATE KEY")
                }
                error => format!("{key_name} is no private key in PEM: {error}"),
            })
        })?;
        let identity = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
            TlsError(match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("{key_name} is not the key of the certificate in {chain_name}")
                }
                error => format!("{chain_name} and {key_name} cannot be used: {error}"),
            })
        })?;
        Ok(TlsIdentity(Arc::new(identity)))
    }
}

/// Why certificates or keys are of no use: a sentence that names the thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError(pub(super) String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Every certificate of a PEM text; at least one.
pub(super) fn certificates(text: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(TlsError(format!("{name} holds no certificate in PEM: it has a line BEGIN CERTIFICATE")))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError(format!("{name} is no certificate in PEM: {error}"))),
    }
}

/// Certificates that sign others.
pub(super) fn roots_of(text: &[u8], name: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text, name)? {
        roots.add(certificate).map_err(|error| TlsError(format!("{name} cannot sign others: {error}")))?;
    }
    Ok(roots)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    sys::read_file(path).map_err(|error| TlsError(format!("cannot read {}: {error}", name(path))))
}

/// A path as a sentence names it, so that it steers no terminal.
fn name(path: &Path) -> String {
    Printable(path.as_os_str().as_encoded_bytes()).to_string()
}
