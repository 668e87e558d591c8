//! TLS under a stream, by rustls: what a server shows, what a client trusts, and one connection as a [`Layer`].
//!
//! [`Layer`]: crate::Layer

mod client;
mod identity;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use client::{Roots, TlsClient};
pub use identity::{TlsError, TlsIdentity};
pub use server::{TlsServer, TlsServerOptions, TlsTickets};
pub use session::TlsSession;

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, OnceLock};

/// The cryptography, made once. A provider that the process has installed for rustls is not asked for: this library goes by
/// nothing that is global.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}
