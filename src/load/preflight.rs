//! What can be known to be too much before the first packet.

use super::plan::Plan;
use crate::{Address, Host};

/// Descriptors that are not for clients: the standard streams, the loop's own, the signals, the report's files.
const RESERVE: u64 = 24;

/// Whether the system has room for all clients; a sentence with the remedy if not. `descriptors` is the limit of the
/// process.
pub fn check(plan: &Plan, descriptors: u64) -> Result<(), String> {
    let clients = plan.clients as u64;
    let fits = descriptors.saturating_sub(RESERVE);
    if clients > fits {
        return Err(format!(
            "{clients} connections need {} descriptors and this process may have {descriptors}: \
             -c {fits} fits, or raise the limit (ulimit -n)",
            clients + RESERVE
        ));
    }
    let is_ip = matches!(plan.target, Address::Tcp(Host::Ip(_), _) | Address::Udp(Host::Ip(_), _));
    let Some(ports) = ports().filter(|_| is_ip) else { return Ok(()) };
    let sources = plan.sources.map_or(1, |sources| sources.count());
    let fits = ports.saturating_mul(sources);
    if clients > fits {
        return Err(format!(
            "{clients} connections from {sources} address{} find {ports} ports each: -c {fits} fits, or give more \
             addresses with --source ADDR/LEN, or widen net.ipv4.ip_local_port_range",
            if sources == 1 { "" } else { "es" }
        ));
    }
    Ok(())
}

/// Ports that one source address has for one target.
fn ports() -> Option<u64> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    Some(last.checked_sub(first)? + 1)
}
