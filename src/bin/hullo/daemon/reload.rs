//! The config, read again beside the loop.

use super::plan::ServePlan;
use hullo::Remote;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Makes a new plan of what is asked for now, or says why there is none. It may take its time.
pub type MakePlan = dyn Fn() -> Result<ServePlan, String> + Send + Sync;

/// Files and names may keep us waiting, which the loop must not: a thread that lives only as long as there is something
/// to read tells it of the outcome, a [`Reloaded`].
pub struct Reloader {
    make_plan: Arc<MakePlan>,
    /// Until its outcome is taken up: two at a time could end in the wrong order.
    thread: Option<JoinHandle<()>>,
    /// Something may have changed since the thread has read it.
    is_requested_again: bool,
}

/// The message that the loop is sent.
pub struct Reloaded(pub Result<ServePlan, String>);

impl Reloader {
    pub fn new(make_plan: Arc<MakePlan>) -> Reloader {
        Reloader { make_plan, thread: None, is_requested_again: false }
    }

    /// Begins to read, or notes that it is to be done once more.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub fn request(&mut self, remote: Remote) -> Result<(), String> {
        if self.thread.is_some() {
            self.is_requested_again = true;
            return Ok(());
        }
        let make_plan = self.make_plan.clone();
        let read = move || {
            let plan = catch_unwind(AssertUnwindSafe(|| make_plan()));
            let plan = plan.unwrap_or_else(|_| Err("a fault of hullo's own stopped the reading".to_owned()));
            // Where the loop is gone, nobody asks any more.
            drop(remote.message(Box::new(Reloaded(plan))));
        };
        let thread = Builder::new().name("hullo-reload".to_owned()).spawn(read);
        self.thread = Some(thread.map_err(|error| format!("there is no thread to read it: {error}"))?);
        Ok(())
    }

    /// The outcome has come. Whether it is to be read once more.
    pub fn finish(&mut self) -> bool {
        if let Some(thread) = self.thread.take() {
            // It has nothing left to do.
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

    /// The loop would wait for a second thread, which has only begun, when the first one's outcome comes.
    #[test]
    fn who_asks_between_the_reading_and_its_outcome_is_heard_after_it() {
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
