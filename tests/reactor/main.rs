//! The reactor, as a program that links the library sees it.

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/mod.rs"]
mod support;

mod adopting;
mod backpressure;
mod changing_limits;
mod closing;
mod connecting;
mod contained;
mod controls;
mod datagram_bundles;
mod datagrams;
mod descriptors;
mod draining;
mod fairness;
mod handshakes;
mod held_up;
mod layers;
mod memory_bound;
mod packets;
mod remote;
mod return_paths;
mod sending;
mod slow_names;
mod stream_ends;
mod streams;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_addresses;
#[cfg(feature = "tls")]
mod tls_pauses;
#[cfg(feature = "tls")]
mod tls_torture;
mod torture;
mod turns;
mod unix_files;
mod unix_peers;
mod watching;
