//! Names, looked up on threads of their own: getaddrinfo(3) blocks, for many seconds if need be.

use crate::reactor::address::Address;
use crate::reactor::remote::Queue;
use crate::reactor::slots::Key;
use crate::reactor::sys;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long a thread waits for the next name before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// Helper threads, each in one look-up at a time, which answer through the reactor's command queue. One is started when a
/// name finds none that is idle, up to [`Limits::resolvers`](crate::reactor::Limits::resolvers).
///
/// Nothing stops a look-up that has begun. A thread that is in one when the reactor is dropped ends when it returns, its
/// answer goes nowhere, and nothing waits for it, not even the end of the process.
pub(crate) struct Resolver {
    desk: Arc<Desk>,
}

/// Where questions wait for a thread.
struct Desk {
    state: Mutex<State>,
    asked: Condvar,
    answers: Arc<Queue>,
}

#[derive(Default)]
struct State {
    questions: VecDeque<(Key, Address)>,
    threads: usize,
    /// How many of the threads wait for a question.
    idle: usize,
    is_closed: bool,
}

impl Resolver {
    pub(crate) fn new(answers: Arc<Queue>) -> Resolver {
        Resolver { desk: Arc::new(Desk { state: Mutex::default(), asked: Condvar::new(), answers }) }
    }

    /// Asks for the addresses of a name, on one of at most `most` threads. Fails where there is no thread at all and none
    /// can be started.
    pub(crate) fn look_up(&self, dial: Key, address: Address, most: usize) -> io::Result<()> {
        let mut state = self.desk.state();
        state.questions.push_back((dial, address));
        if state.questions.len() > state.idle && state.threads < most {
            match self.desk.start_thread() {
                Ok(()) => state.threads += 1,
                // Whoever looks up a name now goes on with this one.
                Err(error) if state.threads > 0 => log::debug!("no further thread for names: {error}"),
                Err(error) => {
                    state.questions.pop_back();
                    return Err(error);
                }
            }
        }
        drop(state);
        self.desk.asked.notify_one();
        Ok(())
    }

    /// Forgets a question whose answer nobody waits for any more, unless a thread has begun with it.
    pub(crate) fn forget(&self, dial: Key) {
        self.desk.state().questions.retain(|(key, _)| *key != dial);
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.is_closed = true;
        state.questions.clear();
        drop(state);
        self.desk.asked.notify_all();
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, so that a poisoned one is still sound.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn start_thread(self: &Arc<Desk>) -> io::Result<()> {
        let desk = self.clone();
        let work = move || {
            while let Some((dial, address)) = desk.next() {
                desk.answers.resolved(dial, address.resolve());
            }
        };
        sys::start_thread("hullo-resolver", work)
    }

    /// The next question; `None` when none has come for some time, or none will.
    fn next(&self) -> Option<(Key, Address)> {
        let mut state = self.state();
        state.idle += 1;
        let nothing_yet = |state: &mut State| state.questions.is_empty() && !state.is_closed;
        state = self
            .asked
            .wait_timeout_while(state, PATIENCE, nothing_yet)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        state.idle -= 1;
        let question = state.questions.pop_front();
        if question.is_none() {
            state.threads -= 1;
        }
        question
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::remote::Inbox;
    use crate::reactor::sys::Poller;
    use std::time::Instant;

    fn resolver() -> (Inbox, Resolver, Poller) {
        let poller = Poller::new().unwrap();
        let inbox = Inbox::new(poller.waker().unwrap(), 1);
        let resolver = inbox.resolver();
        (inbox, resolver, poller)
    }

    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            std::thread::yield_now();
        }
    }

    fn name(number: u64) -> (Key, Address) {
        (Key(number), "tcp://localhost:1".parse().unwrap())
    }

    #[test]
    fn threads_are_started_as_they_are_needed_and_answer_every_question() {
        let (inbox, resolver, _poller) = resolver();
        assert_eq!(resolver.desk.state().threads, 0);
        for round in 0..5 {
            let (dial, address) = name(round);
            resolver.look_up(dial, address, 3).unwrap();
            until("it is answered", || inbox.take(1).0.len() == 1);
            until("its thread rests", || resolver.desk.state().idle == 1);
            assert_eq!(resolver.desk.state().threads, 1, "one that is idle takes the next name");
        }
        let mut left = 50;
        for number in 0..left {
            let (dial, address) = name(number);
            resolver.look_up(dial, address, 3).unwrap();
            assert!(resolver.desk.state().threads <= 3);
        }
        until("all are answered", || {
            left -= inbox.take(100).0.len() as u64;
            left == 0
        });
    }

    #[test]
    fn a_question_that_nobody_waits_for_leaves_the_queue() {
        let (_inbox, resolver, _poller) = resolver();
        let mut state = resolver.desk.state();
        state.threads = 1; // which is in a look-up that does not return
        drop(state);
        for number in 1..=3 {
            let (dial, address) = name(number);
            resolver.look_up(dial, address, 1).unwrap();
        }
        resolver.forget(Key(2));
        let waiting: Vec<Key> = resolver.desk.state().questions.iter().map(|(key, _)| *key).collect();
        assert_eq!(waiting, [Key(1), Key(3)]);
    }

    #[test]
    fn threads_end_with_the_resolver() {
        let (_inbox, resolver, _poller) = resolver();
        let (dial, address) = name(1);
        resolver.look_up(dial, address, 1).unwrap();
        let desk = resolver.desk.clone();
        drop(resolver);
        until("its thread is gone", || desk.state().threads == 0);
    }
}
