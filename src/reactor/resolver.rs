//! Names, looked up on a thread of their own: getaddrinfo(3) blocks, for many seconds if need be.

use super::address::Address;
use super::remote::Queue;
use super::slots::Key;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// One helper thread, started for the first name, which answers through the reactor's command queue. It ends with the
/// reactor, or when the look-up that it is in returns.
///
/// Known cost: names are looked up one after the other, so that a slow one keeps the next waiting, within the time that
/// each dial has.
pub(crate) struct Resolver {
    questions: Sender<(Key, Address)>,
}

impl Resolver {
    pub(crate) fn new(answers: Arc<Queue>) -> Resolver {
        let (questions, asked) = channel::<(Key, Address)>();
        let thread = thread::Builder::new().name("hullo-resolver".into());
        let spawned = thread.spawn({
            let answers = answers.clone();
            move || asked.iter().for_each(|(dial, address)| answers.resolved(dial, address.resolve()))
        });
        if let Err(error) = spawned {
            log::warn!("no name can be looked up: no thread for it: {error}");
        }
        Resolver { questions }
    }

    /// Whether the question was taken: without a thread it is not.
    pub(crate) fn look_up(&self, dial: Key, address: Address) -> io::Result<()> {
        self.questions
            .send((dial, address))
            .map_err(|_| io::Error::other("there is no thread to look names up"))
    }
}
