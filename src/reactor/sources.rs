//! What the rooms of the reactor share: sources taken in, found, put on the ready list.

use crate::reactor::net::{Net, Source};
use crate::reactor::slots::Key;
use crate::reactor::stream::Connection;
use crate::reactor::stream::flags::QUEUED;
use crate::reactor::sys::Interest;
use std::io;
use std::os::fd::OwnedFd;

impl Net {
    /// Takes a source in and registers it.
    pub(super) fn insert_source(&mut self, source: Source) -> io::Result<Key> {
        let key = self.sources.insert(source).ok_or_else(no_room)?;
        self.register_source(key).inspect_err(|_| drop(self.sources.remove(key)))?;
        Ok(key)
    }

    /// Does the same; what is not taken in comes back.
    #[cold]
    pub(super) fn try_insert_source(&mut self, source: Source) -> Result<Key, (Source, io::Error)> {
        if self.sources.is_full() {
            return Err((source, no_room()));
        }
        let key = self.sources.insert(source).expect("there is room");
        if let Err(error) = self.register_source(key)
            && let Some(source) = self.sources.remove(key)
        {
            return Err((source, error));
        }
        Ok(key)
    }

    #[inline(always)] // into `insert_source`, which each client passes
    fn register_source(&mut self, key: Key) -> io::Result<()> {
        let poller = &self.poller;
        match self.sources.get_mut(key) {
            Some(Source::Stream(conn)) => {
                let interest = conn.socket.interest(false);
                poller.register(&mut conn.socket, key.0, interest)?;
            }
            Some(Source::Listener(listener)) => {
                poller.register(&mut listener.socket, key.0, Interest::READABLE)?;
                self.listeners += 1;
            }
            Some(Source::Datagrams(datagrams)) => {
                poller.register(&mut datagrams.socket, key.0, Interest::READABLE)?;
                self.datagram_sockets += 1;
            }
            Some(Source::Watched(watched)) => {
                poller.register(&mut watched.fd, key.0, watched.interest)?;
            }
            Some(Source::Dial(_)) | None => {}
        }
        self.stats.registrations += 1;
        if self.is_draining() {
            self.enqueue_source(key); // What opens during a drain is served once, and closed.
        }
        Ok(())
    }

    /// Puts a source on the ready list, once.
    pub(super) fn enqueue_source(&mut self, key: Key) {
        let raise = |queued: &mut bool| !std::mem::replace(queued, true);
        let is_new = match self.sources.get_mut(key) {
            Some(Source::Stream(conn)) => conn.state.flags.raise(QUEUED),
            Some(Source::Listener(listener)) => raise(&mut listener.queued),
            Some(Source::Datagrams(datagrams)) => raise(&mut datagrams.queued),
            Some(Source::Dial(dial)) => raise(&mut dial.queued),
            Some(Source::Watched(_)) | None => false,
        };
        if is_new {
            self.ready_list.push_back(key);
        }
    }

    #[inline]
    pub(super) fn stream_mut(&mut self, key: Key) -> Option<&mut Connection> {
        match self.sources.get_mut(key) {
            Some(Source::Stream(conn)) => Some(conn),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn stream(&self, key: Key) -> Option<&Connection> {
        match self.sources.get(key) {
            Some(Source::Stream(conn)) => Some(conn),
            _ => None,
        }
    }

    /// Finds a stream for the call of a user, so that a dead id is counted.
    pub(super) fn live_stream(&mut self, key: Key) -> Option<&mut Connection> {
        if self.stream(key).is_none() {
            self.stats.dead_ids += 1;
            return None;
        }
        self.stream_mut(key)
    }

    pub(super) fn count_dead_id(&mut self, is_live: bool) -> bool {
        self.stats.dead_ids += !is_live as u64;
        is_live
    }
}

impl Source {
    /// The descriptor that it was made from.
    pub(super) fn into_fd(self) -> OwnedFd {
        match self {
            Source::Stream(conn) => conn.socket.into_fd(),
            Source::Listener(listener) => listener.socket.into_fd(),
            Source::Datagrams(datagrams) => datagrams.socket.into_fd(),
            Source::Watched(watched) => watched.fd.0,
            Source::Dial(_) => unreachable!("a dial is made from an address"),
        }
    }
}

fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, "the reactor holds 16.7 million sources")
}
