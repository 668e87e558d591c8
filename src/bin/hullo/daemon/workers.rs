//! The reactors beside the first, each on a thread of its own.

use super::greeter::{Greeter, SayCounters, Voice};
use super::plan::{Plan, StartError, Summary};
use super::sockets::Sockets;
use hullo::{Reactor, Remote};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// They share the first one's ports (socket(7): SO_REUSEPORT), over which the kernel spreads the clients, and do what it
/// tells them: nothing else goes between reactors.
pub struct Crew {
    hands: Vec<Hand>,
}

struct Hand {
    remote: Remote,
    thread: JoinHandle<io::Result<Summary>>,
}

impl Crew {
    /// Starts one for each reactor of the plan but the first. `plan` has the sockets that are shared, with their real
    /// ports.
    pub fn start(plan: &Plan, say: fn(&str)) -> Result<Crew, StartError> {
        let mut crew = Crew { hands: Vec::new() };
        for number in 2..=plan.reactors {
            match Hand::start(plan, Voice { say, number: Some(number) }) {
                Ok(hand) => crew.hands.push(hand),
                Err(error) => {
                    crew.stop();
                    let _ = crew.join();
                    return Err(error);
                }
            }
        }
        Ok(crew)
    }

    pub fn drain(&self, timeout: Duration) {
        // Only one that is gone does not take it.
        self.hands.iter().for_each(|hand| drop(hand.remote.drain(timeout)));
    }

    pub fn stop(&self) {
        self.hands.iter().for_each(|hand| drop(hand.remote.stop()));
    }

    /// Goes over to another plan, which the first reactor has gone over to.
    pub fn turn_to(&self, plan: &Plan) {
        self.hands.iter().for_each(|hand| drop(hand.remote.message(Box::new(plan.clone()))));
    }

    pub fn say_counters(&self) {
        self.hands.iter().for_each(|hand| drop(hand.remote.message(Box::new(SayCounters))));
    }

    /// How each ended. They have been told to.
    pub fn join(&mut self) -> io::Result<Vec<Summary>> {
        let gone = |_| Err(io::Error::other("a reactor's thread has panicked"));
        self.hands.drain(..).map(|hand| hand.thread.join().unwrap_or_else(gone)).collect()
    }
}

impl Hand {
    /// Its sockets are bound before its thread begins, so that what cannot be bound is told in time.
    fn start(plan: &Plan, voice: Voice) -> Result<Hand, StartError> {
        let mut reactor = Reactor::with_limits(plan.limits_of_one()).map_err(StartError::system)?;
        let mut sockets = Sockets::default();
        sockets.open(reactor.net(), plan)?;
        let (remote, plan) = (reactor.net().remote(), plan.clone());
        let number = voice.number.unwrap_or(1);
        let serve = move || {
            let mut greeter = Greeter::new(plan, sockets, voice, None);
            let drained = reactor.run(&mut greeter).inspect_err(|error| {
                log::error!("reactor {number} has failed, its clients are cut: {error}");
            })?;
            Ok(greeter.summary(drained, reactor.net().stats()))
        };
        let thread =
            Builder::new().name(format!("hullo-{number}")).spawn(serve).map_err(StartError::system)?;
        Ok(Hand { remote, thread })
    }
}
