//! What can be known to be too much, or not to be there, before the first packet.

use crate::load::plan::Plan;
use hullo::{Address, Datagram};
use std::net::{IpAddr, UdpSocket};

/// Descriptors that are not for clients: the standard streams, the loop's own, the signals, the report's files.
const RESERVE: u64 = 24;

/// Whether the system has room for all clients and for what they say; a sentence with the remedy if not. `descriptors` is
/// the limit of the process.
pub fn check(plan: &Plan, descriptors: u64) -> Result<(), String> {
    sizes(plan)?;
    room(plan, descriptors)?;
    sources(plan)
}

/// How many clients there is room for in so many descriptors.
pub fn room_in(descriptors: u64) -> u64 {
    descriptors.saturating_sub(RESERVE)
}

fn room(plan: &Plan, descriptors: u64) -> Result<(), String> {
    let clients = plan.clients as u64;
    let fits = room_in(descriptors);
    if clients > fits {
        return Err(format!(
            "{clients} connections need {} descriptors and this process may have {descriptors}: \
             -c {fits} fits, or raise the limit (ulimit -n)",
            clients + RESERVE
        ));
    }
    let is_ip = plan.targets.iter().all(|target| target.ip().is_some());
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

/// Whether each source that is used is an address of this machine. Only a bind can tell: whole blocks may be, without an
/// address of their own anywhere (AnyIP).
fn sources(plan: &Plan) -> Result<(), String> {
    let Some(sources) = plan.sources else { return Ok(()) };
    for client in 0..sources.count().min(plan.clients as u64) {
        let source = sources.of(client);
        UdpSocket::bind((source, 0)).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrNotAvailable => format!(
                "--source {source} is no address of this machine: choose one that `ip address` lists, or add it there"
            ),
            _ => format!("--source {source} cannot be used ({error}): choose another address"),
        })?;
    }
    Ok(())
}

/// Whether each message, and each reply, fits into one datagram or record, whatever its placeholders become.
fn sizes(plan: &Plan) -> Result<(), String> {
    let script = &plan.script;
    for (what, template) in [("message", &script.request), ("reply that is due", &script.reply)] {
        let length = template.longest();
        for target in &plan.targets {
            let Some((kind, most)) = most(target).filter(|(_, most)| length > *most) else { continue };
            return Err(format!(
                "the longest {what} has {length} bytes, and {kind} holds at most {most} bytes: choose a smaller --size, \
                 or a shorter text"
            ));
        }
    }
    Ok(())
}

/// The kind of message that goes to a target, and the most bytes of one: what 65,535 bytes leave beside the headers, or what
/// we receive. Streams have no such bound.
fn most(target: &Address) -> Option<(&'static str, usize)> {
    match (target, target.ip().map(|ip| ip.to_canonical())) {
        (Address::Udp(..), Some(IpAddr::V6(_))) => Some(("a UDP datagram over IPv6", 65_527)),
        (Address::Udp(..), _) => Some(("a UDP datagram", 65_507)),
        (Address::Unixgram(_), _) => Some(("a datagram here", Datagram::LONGEST)),
        (Address::Unixpacket(_), _) => Some(("a record here", Datagram::LONGEST)),
        _ => None,
    }
}
