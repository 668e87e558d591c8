//! The way in from other threads.

use crate::reactor::address::Address;
use crate::reactor::dial::resolver::Resolver;
use crate::reactor::ids::{ConnId, ListenerId};
use crate::reactor::slots::Key;
use crate::reactor::sys::Waker;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A handle on a reactor for any thread: the one piece of it that is `Send` and `Clone`.
///
/// What is asked for happens in a later turn of the reactor, in the order in which each thread asked. The queue is
/// bounded ([`Limits::command_queue`](crate::Limits::command_queue)): when it is full the call fails at once and
/// hands back what it was given; no call ever waits.
#[derive(Clone)]
pub struct Remote {
    queue: Arc<Queue>,
}

/// A [`Remote`] call that was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum RemoteError<T> {
    /// The queue is full; try again later, or drop it. Holds what was given.
    Full(T),
    /// The reactor is gone. Holds what was given.
    Gone(T),
}

impl<T> fmt::Display for RemoteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RemoteError::Full(_) => "the reactor's command queue is full: try again later",
            RemoteError::Gone(_) => "the reactor is gone",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for RemoteError<T> {}

impl Remote {
    /// [`Net::send`](crate::Net::send) from another thread.
    ///
    /// # Errors
    ///
    /// The bytes, when the queue is full or the reactor gone.
    pub fn send(&self, conn: ConnId, bytes: Vec<u8>) -> Result<(), RemoteError<Vec<u8>>> {
        self.queue.push(Command::Send(conn, bytes)).map_err(|error| {
            error.map(|command| match command {
                Command::Send(_, bytes) => bytes,
                _ => Vec::new(),
            })
        })
    }

    /// Has the handler's `message` called with `message`.
    ///
    /// # Errors
    ///
    /// The message, when the queue is full or the reactor gone.
    pub fn message(&self, message: Box<dyn Any + Send>) -> Result<(), RemoteError<Box<dyn Any + Send>>> {
        self.queue.push(Command::Message(message)).map_err(|error| {
            error.map(|command| match command {
                Command::Message(message) => message,
                _ => Box::new(()),
            })
        })
    }

    /// [`Net::close`](crate::Net::close) from another thread.
    ///
    /// # Errors
    ///
    /// When the queue is full or the reactor gone.
    pub fn close(&self, conn: ConnId) -> Result<(), RemoteError<()>> {
        self.simple(Command::Close(conn))
    }

    /// [`Net::close_listener`](crate::Net::close_listener) from another thread.
    ///
    /// # Errors
    ///
    /// When the queue is full or the reactor gone.
    pub fn close_listener(&self, listener: ListenerId) -> Result<(), RemoteError<()>> {
        self.simple(Command::CloseListener(listener))
    }

    /// [`Net::drain`](crate::Net::drain) from another thread.
    ///
    /// # Errors
    ///
    /// When the queue is full or the reactor gone.
    pub fn drain(&self, timeout: Duration) -> Result<(), RemoteError<()>> {
        self.simple(Command::Drain(timeout))
    }

    /// [`Net::stop`](crate::Net::stop) from another thread.
    ///
    /// # Errors
    ///
    /// When the queue is full or the reactor gone.
    pub fn stop(&self) -> Result<(), RemoteError<()>> {
        self.simple(Command::Stop)
    }

    fn simple(&self, command: Command) -> Result<(), RemoteError<()>> {
        self.queue.push(command).map_err(|error| error.map(|_| ()))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("waiting", &self.queue.state().waiting.len()).finish()
    }
}

impl<T> RemoteError<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> RemoteError<U> {
        match self {
            RemoteError::Full(value) => RemoteError::Full(f(value)),
            RemoteError::Gone(value) => RemoteError::Gone(f(value)),
        }
    }
}

/// What another thread asks for.
pub(crate) enum Command {
    Send(ConnId, Vec<u8>),
    Message(Box<dyn Any + Send>),
    Close(ConnId),
    CloseListener(ListenerId),
    Drain(Duration),
    Stop,
    /// The reactor's own resolver has an answer for a dial.
    Resolved(Key, io::Result<Vec<Address>>),
}

pub(crate) struct Queue {
    state: Mutex<State>,
    waker: Waker,
    capacity: usize,
}

struct State {
    waiting: VecDeque<Command>,
    is_gone: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, so that a poisoned one is still sound.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn push(&self, command: Command) -> Result<(), RemoteError<Command>> {
        let state = self.state();
        if state.is_gone {
            return Err(RemoteError::Gone(command));
        }
        if state.waiting.len() >= self.capacity {
            return Err(RemoteError::Full(command));
        }
        self.put(state, command);
        Ok(())
    }

    /// The answer of the resolver; there is room for it, since there are no more of them than there are dials.
    pub(crate) fn resolved(&self, dial: Key, result: io::Result<Vec<Address>>) {
        let state = self.state();
        if !state.is_gone {
            self.put(state, Command::Resolved(dial, result));
        }
    }

    fn put(&self, mut state: MutexGuard<'_, State>, command: Command) {
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back(command);
        drop(state);
        // Push, then wake, and only for the first: the reactor takes commands until it has seen none.
        if was_empty {
            let _ = self.waker.wake();
        }
    }
}

/// The reactor's end of the queue.
pub(crate) struct Inbox {
    queue: Arc<Queue>,
}

impl Inbox {
    pub(crate) fn new(waker: Waker, capacity: usize) -> Inbox {
        let state = Mutex::new(State { waiting: VecDeque::new(), is_gone: false });
        Inbox { queue: Arc::new(Queue { state, waker, capacity }) }
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote { queue: self.queue.clone() }
    }

    pub(crate) fn resolver(&self) -> Resolver {
        Resolver::new(self.queue.clone())
    }

    /// The oldest `most` commands, and whether more wait.
    pub(crate) fn take(&self, most: usize) -> (VecDeque<Command>, bool) {
        let mut state = self.queue.state();
        if state.waiting.len() <= most {
            return (std::mem::take(&mut state.waiting), false);
        }
        (state.waiting.drain(..most).collect(), true)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.state().waiting.is_empty()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.is_gone = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting); // A message's own drop may call a Remote.
    }
}
