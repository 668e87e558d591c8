//! The certificates of `tls://` addresses, from files.

use super::flags::Serve;
use crate::cli::config::listen_table::{IdentityFiles, Listen};
use crate::cli::output::failure::{Complaint, Failure, Place};
use crate::daemon::TlsPlan;
use hullo::{Address, Printable, TlsIdentity, TlsServer, TlsTickets};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;

/// Reads a certificate and its key. The error is a sentence that names the file.
pub type ReadIdentity = fn(&IdentityFiles) -> Result<TlsIdentity, String>;

/// One set of keys for the whole process: reactors that share a port take each other's tickets, and a reload keeps them.
static TICKETS: LazyLock<TlsTickets> = LazyLock::new(TlsTickets::new);

/// Reads an identity.
pub fn load(files: &IdentityFiles) -> Result<TlsIdentity, String> {
    TlsIdentity::from_files(&files.cert, &files.key).map_err(|error| error.to_string())
}

/// Reads an identity that was read before. A pipe has nothing left to give, and would be waited for.
pub fn reload(files: &IdentityFiles) -> Result<TlsIdentity, String> {
    for path in [&files.cert, &files.key] {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let name = Printable(path.as_os_str().as_bytes());
            return Err(format!("{name} is no regular file, and only that can be read again"));
        }
    }
    load(files)
}

/// Refuses flags that no socket has a use for.
pub fn check_flags(serve: &Serve, listen: &[Listen]) -> Result<(), Failure> {
    if serve.cert.is_none() || listen.iter().any(is_tls) {
        return Ok(());
    }
    let sentence = "--cert and --key are for tls:// addresses, and there is none: add one, or leave them out";
    Err(Failure::usage(vec![Place::default().complaint(sentence)]))
}

/// What the clients of one socket are shown, if it is one of TLS: what the flags say, or else its table.
pub fn tls(serve: &Serve, wish: &Listen, read: ReadIdentity) -> Result<Option<TlsPlan>, Complaint> {
    if !is_tls(wish) {
        return Ok(None);
    }
    let by_flags = serve.cert.clone().zip(serve.key.clone());
    let place = if by_flags.is_some() { Place::default() } else { wish.place.clone() };
    let by_flags = by_flags.map(|(cert, key)| IdentityFiles { cert, key });
    let Some(files) = by_flags.or_else(|| wish.identity.clone()) else {
        return Err(place.complaint(format!(
            "{} needs a certificate and its key: add --cert FILE and --key FILE, or cert and key to its [[listen]]",
            wish.address
        )));
    };
    let identity = read(&files).map_err(|error| place.complaint(format!("{}: {error}", wish.address)))?;
    let server = TlsServer::options(identity).tickets(&TICKETS).build();
    Ok(Some(TlsPlan { cert: files.cert, key: files.key, server }))
}

fn is_tls(wish: &Listen) -> bool {
    matches!(wish.address, Address::Tls(..))
}
