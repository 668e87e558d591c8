//! The seam to the system, and the one room with `unsafe`. Whatever the reactor asks of the operating system it asks for
//! here, or of a socket by way of `socket/`.
//!
//! What mio, socket2 and std give on every system stands beside this file:
//!
//! | file | what |
//! |---|---|
//! | `poller.rs` | [`Poller`], which tells what is ready, when its timer rings and that another thread calls |
//! | `clock.rs` | [`Clock`], the monotonic one |
//! | `names.rs` | [`look_up`] of a host's name, and [`start_thread`] to do it on |
//! | `datagrams.rs` | what batches of datagrams speak of |
//! | `files.rs` | files of certificates and keys |
//!
//! The rest each system must give itself, under the names that are taken over from it below:
//!
//! | what | names |
//! |---|---|
//! | the clock in nanoseconds | [`monotonic`] |
//! | a timer that the poller can wait for | [`PollerTimer`]: `new`, `arm`, `clear`, `fd` |
//! | datagrams in batches, with the address that each arrived at | [`ReceiveBatch`], [`SendBatch`] |
//! | clients out of a backlog, non-blocking and closed on exec | [`accept`] |
//! | writing to a stream without a signal when its peer is gone | [`send`], [`send_vectored`] |
//! | one record of a connection of records | [`receive_record`] |
//! | byte counts: arrived and unread, not yet sent, not yet taken by the peer | [`unread`], [`unsent`], [`untaken`] |
//! | counts of a socket: clients in its backlog, datagrams that it dropped | [`waiting`], [`receive_drops`] |
//! | options that socket2 lacks | [`ask_for_destination`], [`take_bundles`], [`sends_bundles`], [`bind_without_port`], [`has_upper_layer`] |
//! | the file of a Unix socket, held and given its mode, and the mode that it is made with | [`pin`], [`set_mode`], [`set_socket_mode`] |
//! | the lock beside it | [`open_lock_file`], [`lock`] |
//! | names of Unix sockets | [`unix_address`], [`unix_path`], [`unix_name`], [`abstract_name`], [`any_unix_name`] |
//! | network interfaces | [`interface_name`], [`interface_number`] |
//! | a descriptor to be given up for another | [`spare_descriptor`] |
//! | what an error means | [`lacks_descriptors`], [`lacks_memory`], [`lacks_addresses`], [`is_under_way`], [`forbid_permissions`], [`is_no_plain_file`] |
#![allow(unsafe_code)]

mod clock;
mod datagrams;
#[cfg(feature = "tls")]
mod files;
mod linux;
mod names;
mod poller;

pub(crate) use clock::Clock;
pub(crate) use datagrams::{Arrival, BATCH, DATAGRAM};
#[cfg(feature = "tls")]
pub(crate) use files::read_file;
pub(crate) use linux::{
    PollerTimer, ReceiveBatch, SendBatch, abstract_name, accept, any_unix_name, ask_for_destination,
    bind_without_port, forbid_permissions, has_upper_layer, interface_name, interface_number,
    is_no_plain_file, is_under_way, lacks_addresses, lacks_descriptors, lacks_memory, lock, monotonic,
    open_lock_file, pin, receive_drops, receive_record, send, send_vectored, sends_bundles, set_mode,
    set_socket_mode, spare_descriptor, take_bundles, unix_address, unix_name, unix_path, unread, unsent,
    untaken, waiting,
};
pub(crate) use names::{look_up, start_thread};
pub use poller::Interest;
pub(crate) use poller::{EDGE_TRIGGERED, Events, ForeignFd, Poller, Waker};
/// The address of a socket as the system writes it.
pub(crate) use socket2::SockAddr;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("hullo runs on Linux; a port to another system begins in src/reactor/sys");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("hullo needs a 64-bit target: ids carry 64 bits through the poller's token");
