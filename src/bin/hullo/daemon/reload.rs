//! SIGHUP: the config is read again on a thread beside the loop.

use super::message::DaemonMessage;
use super::plan::ServePlan;
use hullo::Remote;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Makes a new plan from the config as it is now, or says why there is none. It may block.
pub type MakePlan = dyn Fn() -> Result<ServePlan, String> + Send + Sync;

/// Reading files and looking names up may block, and the loop must not. So a thread does both, tells the loop the outcome
/// ([`DaemonMessage::Reloaded`]), and ends.
pub struct Reloader {
    make_plan: Arc<MakePlan>,
    /// It is kept until the loop has its outcome: of two threads at a time the older plan could arrive last.
    thread: Option<JoinHandle<()>>,
    /// The config may have changed since the thread read it.
    is_requested_again: bool,
}

impl Reloader {
    pub fn new(make_plan: Arc<MakePlan>) -> Reloader {
        Reloader { make_plan, thread: None, is_requested_again: false }
    }

    /// Begins to read the config. Where a thread is reading it already, it is read once more after that.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn request(&mut self, remote: Remote) -> Result<(), String> {
        if self.thread.is_some() {
            self.is_requested_again = true;
            return Ok(());
        }
        let make_plan = self.make_plan.clone();
        let read = move || {
            let plan = catch_unwind(AssertUnwindSafe(|| make_plan()));
            let plan = plan.unwrap_or_else(|_| Err("a fault of hullo's own stopped the reading".to_owned()));
            // It is refused only when the loop has ended, and then nobody wants the plan.
            drop(remote.message(Box::new(DaemonMessage::Reloaded(plan))));
        };
        let thread = Builder::new().name("hullo-reload".to_owned()).spawn(read);
        self.thread = Some(thread.map_err(|error| format!("there is no thread to read it: {error}"))?);
        Ok(())
    }

    /// Takes the thread back once its outcome has come. Returns whether the config is to be read once more.
    pub fn finish(&mut self) -> bool {
        if let Some(thread) = self.thread.take() {
            // The outcome was the last thing it did, so that this does not wait.
            let _ = thread.join();
        }
        std::mem::take(&mut self.is_requested_again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hullo::Reactor;
    use std::thread;
    use std::time::{Duration, Instant};

    /// With a second thread, the loop would wait for one that has only begun when the outcome of the first one comes.
    #[test]
    fn a_request_between_the_reading_and_its_outcome_is_honoured_after_it() {
        let mut reload = Reloader::new(Arc::new(|| Err("no config".to_owned())));
        let mut reactor = Reactor::new().unwrap();
        reload.request(reactor.net().remote()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !reload.thread.as_ref().unwrap().is_finished() {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
        let first = reload.thread.as_ref().unwrap().thread().id();
        reload.request(reactor.net().remote()).unwrap();
        assert_eq!(reload.thread.as_ref().unwrap().thread().id(), first);
        assert!(reload.finish(), "the second question is forgotten");
        assert!(reload.thread.is_none());
        assert!(!reload.finish());
    }
}
