//! Whom a client trusts over TLS: two flags, which `talk`, `fetch` and `load` share.

use clap::Args;
use hullo::{Address, Printable, Roots, TlsClient};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct Trust {
    /// Trust the certificates of this PEM file over TLS, and not the system's
    ///
    /// Either those that have signed the server's, or the server's own.
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Take any certificate over TLS, so that anybody in between can read along
    #[arg(long, conflicts_with = "cacert")]
    pub insecure: bool,
}

impl Trust {
    /// What speaks TLS with an address; `None` for one of another kind, to which the flags mean nothing. The error is a
    /// sentence.
    pub fn client_for(&self, address: &Address) -> Result<Option<TlsClient>, String> {
        match (address, self.flag()) {
            (Address::Tls(..), _) => self.client(&[]).map(Some),
            (_, None) => Ok(None),
            (_, Some(flag)) => Err(format!(
                "{flag} is for tls:// addresses, and {address} is none: leave it out, or write tls://"
            )),
        }
    }

    /// What speaks TLS, and offers these protocols (ALPN). The error is a sentence.
    pub fn client(&self, alpn: &[&str]) -> Result<TlsClient, String> {
        let made = |roots: &Roots| TlsClient::with(roots, None, alpn.iter().copied());
        match &self.cacert {
            _ if self.insecure => made(&Roots::Insecure).map_err(|error| error.to_string()),
            None => made(&Roots::Native).map_err(|error| format!("{error} with --cacert FILE")),
            Some(file) => {
                let roots = Roots::from_file(file).map_err(|error| format!("--cacert: {error}"))?;
                let name = Printable(file.as_os_str().as_bytes());
                made(&roots).map_err(|error| format!("--cacert {name}: {error}"))
            }
        }
    }

    /// The flag that was given, if one was.
    pub fn flag(&self) -> Option<&'static str> {
        match &self.cacert {
            Some(_) => Some("--cacert"),
            None => self.insecure.then_some("--insecure"),
        }
    }
}
