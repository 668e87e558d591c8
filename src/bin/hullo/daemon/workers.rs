//! The reactors beside the first, each on a thread of its own.

use super::greeter::{Greeter, PrintCounters, Reporter};
use super::plan::{ServePlan, StartError, Summary};
use super::sockets::Sockets;
use hullo::{Reactor, Remote};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// They share the first one's ports (socket(7): SO_REUSEPORT), over which the kernel spreads the clients, and do what it
/// tells them: nothing else goes between reactors.
pub struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    remote: Remote,
    thread: JoinHandle<io::Result<Summary>>,
}

impl Workers {
    /// Starts one for each reactor of the plan but the first. `plan` has the sockets that are shared, with their real
    /// ports.
    pub fn start(plan: &ServePlan, print: fn(&str)) -> Result<Workers, StartError> {
        let mut workers = Workers { workers: Vec::new() };
        for number in 2..=plan.reactors {
            match Worker::start(plan, Reporter { print, number: Some(number) }) {
                Ok(worker) => workers.workers.push(worker),
                Err(error) => {
                    workers.stop();
                    let _ = workers.join();
                    return Err(error);
                }
            }
        }
        Ok(workers)
    }

    pub fn drain(&self, timeout: Duration) {
        // Only one that is gone does not take it.
        self.workers.iter().for_each(|worker| drop(worker.remote.drain(timeout)));
    }

    pub fn stop(&self) {
        self.workers.iter().for_each(|worker| drop(worker.remote.stop()));
    }

    /// Goes over to another plan, which the first reactor has gone over to.
    pub fn switch_to(&self, plan: &ServePlan) {
        self.workers.iter().for_each(|worker| drop(worker.remote.message(Box::new(plan.clone()))));
    }

    pub fn print_counters(&self) {
        self.workers.iter().for_each(|worker| drop(worker.remote.message(Box::new(PrintCounters))));
    }

    /// How each ended. They have been told to.
    pub fn join(&mut self) -> io::Result<Vec<Summary>> {
        let gone = |_| Err(io::Error::other("a reactor's thread has panicked"));
        self.workers.drain(..).map(|worker| worker.thread.join().unwrap_or_else(gone)).collect()
    }
}

impl Worker {
    /// Its sockets are bound before its thread begins, so that what cannot be bound is told in time.
    fn start(plan: &ServePlan, reporter: Reporter) -> Result<Worker, StartError> {
        let mut reactor = Reactor::with_limits(plan.limits_per_reactor()).map_err(StartError::system)?;
        let mut sockets = Sockets::default();
        sockets.open(reactor.net(), plan)?;
        let (remote, plan) = (reactor.net().remote(), plan.clone());
        let number = reporter.number.unwrap_or(1);
        let serve = move || {
            let mut greeter = Greeter::new(plan, sockets, reporter, None);
            let drained = reactor.run(&mut greeter).inspect_err(|error| {
                log::error!("reactor {number} has failed, its clients are cut: {error}");
            })?;
            Ok(greeter.summary(drained, reactor.net().stats()))
        };
        let thread =
            Builder::new().name(format!("hullo-{number}")).spawn(serve).map_err(StartError::system)?;
        Ok(Worker { remote, thread })
    }
}
