//! From what is to be listened on to sockets with numeric addresses.

use crate::cli::config::limits_table::LimitsTable;
use crate::cli::config::listen_table::Listen;
use crate::cli::output::failure::Failure;
use crate::daemon::{SocketPlan, TlsPlan};
use hullo::greeting::Dialect;
use hullo::{Address, SocketOptions};
use std::path::{self, PathBuf};
use std::sync::Arc;

/// Looks names up: each wish becomes a socket for each of its addresses. No address may be asked for twice.
pub fn resolve(
    wishes: Vec<(&Listen, Arc<Dialect>, Option<TlsPlan>)>,
    bounds: &LimitsTable,
    reactors: usize,
) -> Result<Vec<SocketPlan>, Failure> {
    let mut sockets: Vec<SocketPlan> = Vec::new();
    for (wish, dialect, tls) in wishes {
        let addresses = wish.address.resolve().map_err(|error| {
            let sentence = format!(
                "{}: the name cannot be looked up ({error}): check its spelling, or give a numeric address",
                wish.address
            );
            Failure::failed(&wish.place, sentence)
        })?;
        for address in addresses {
            if sockets.iter().any(|other| is_same(&other.address, &address)) {
                let sentence = format!("{address} is asked for twice: take one out");
                return Err(Failure::usage(vec![wish.place.complaint(sentence)]));
            }
            // A farewell stops a single socket, and a path can be bound only once.
            let is_unshared = dialect.spec().stop_on_farewell || address.port().is_none();
            let options = SocketOptions {
                mode: wish.mode,
                nodelay: bounds.nodelay,
                reuse_address: bounds.reuse_address,
                reuse_port: reactors > 1 && !is_unshared,
            };
            let name = (address != wish.address).then(|| wish.address.clone());
            let (dialect, tls) = (Arc::clone(&dialect), tls.clone());
            sockets.push(SocketPlan { address, name, dialect, options, tls });
        }
    }
    Ok(sockets)
}

/// Whether two addresses are the same, so that the second could not be bound beside the first.
fn is_same(one: &Address, other: &Address) -> bool {
    match (file(one), file(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other && one.port() != Some(0),
    }
}

/// The file of a Unix socket as an absolute path, however it is written. An abstract name is no file, and each kind of socket
/// has names of its own.
fn file(address: &Address) -> Option<PathBuf> {
    match address {
        Address::Unix(path) | Address::Unixgram(path) | Address::Unixpacket(path) if address.has_file() => {
            path::absolute(path).ok()
        }
        _ => None,
    }
}
