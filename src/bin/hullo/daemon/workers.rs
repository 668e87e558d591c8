//! The reactors beside the first one, each on a thread of its own.

use super::counters::Reporter;
use super::greeter::Greeter;
use super::message::DaemonMessage;
use super::plan::ServePlan;
use super::sockets::Sockets;
use super::start_error::StartError;
use super::summary::Summary;
use hullo::{Reactor, Remote};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Reactors that share the ports of the first one (socket(7): SO_REUSEPORT). The kernel spreads the clients over them. They
/// do what the first one tells them, and share nothing else.
pub struct Workers {
    workers: Vec<Worker>,
}

/// A reactor on its thread, and the way to tell it something.
struct Worker {
    remote: Remote,
    thread: JoinHandle<io::Result<Summary>>,
}

impl Workers {
    /// Starts a worker for each reactor of the plan but the first. `plan` holds the sockets that are shared, with their
    /// real ports.
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
        self.tell(|remote| remote.drain(timeout));
    }

    pub fn stop(&self) {
        self.tell(Remote::stop);
    }

    /// Makes every worker go over to the plan of the first reactor.
    pub fn switch_to(&self, plan: &ServePlan) {
        self.tell(|remote| remote.message(Box::new(DaemonMessage::SwitchTo(plan.clone()))));
    }

    pub fn print_counters(&self) {
        self.tell(|remote| remote.message(Box::new(DaemonMessage::PrintCounters)));
    }

    /// Waits for every worker, and says how each one ended. They must have been told to end before.
    pub fn join(&mut self) -> io::Result<Vec<Summary>> {
        let has_panicked = |_| Err(io::Error::other("a reactor's thread has panicked"));
        self.workers.drain(..).map(|worker| worker.thread.join().unwrap_or_else(has_panicked)).collect()
    }

    /// Only a worker that has ended refuses what it is told, and then there is nothing left to do.
    fn tell<E>(&self, command: impl Fn(&Remote) -> Result<(), E>) {
        self.workers.iter().for_each(|worker| drop(command(&worker.remote)));
    }
}

impl Worker {
    /// Its sockets are bound before its thread begins, so that an error ends the start of the daemon.
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
