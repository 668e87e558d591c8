//! The fetcher: it decides which URLs are under way, and what becomes of each.

use super::console::Console;
use super::destination::{BodyTarget, PartialFile};
use super::job::{Job, JobState, NO_TIMER};
use super::ordered_output::OrderedOutput;
use super::request::Field;
use super::response::{Event, Head, ResponseError};
use super::{ALPN, FetchOutcome, FetchPlan};
use crate::client::{is_out_of_descriptors, remedy_of};
use crate::signals::Signals;
use hullo::{Address, ConnId, ConnMap, Net, Roots, TimerId, TlsClient};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// The most connections at once. More would not be faster, and would be unkind to a single server.
const AT_ONCE: usize = 64;

/// The most connections at once that have no answer yet. The servers of tutorials, and Python's http.server, have a backlog of 5.
/// A burst that overflows it leaves connections half open until the kernels try again.
const BURST: usize = 4;

/// After this time one more connection is begun in any case, so that a slow server holds nothing up.
const PACE: Duration = Duration::from_millis(5);

/// The key of the timer for that. The other timers have the number of their job as key.
const PACE_KEY: u64 = u64::MAX;

/// How many redirects are followed. curl and browsers stop at a similar number, since a longer chain is a loop.
const REDIRECTS: usize = 10;

/// All jobs, and what they share. The events of the loop are handed to it by its `Handler`.
pub struct Fetcher<'a> {
    pub jobs: Vec<Job>,
    pub fields: Vec<Field>,
    tls: Option<TlsClient>,
    /// The jobs that wait for a connection. Redirected ones come first, since they had one before.
    waiting: VecDeque<usize>,
    /// How many jobs have a connection.
    active: usize,
    /// How many may be active.
    at_once: usize,
    /// How many connections have brought nothing yet.
    unanswered: usize,
    /// The timer for the next connection; [`NO_TIMER`] if none is set.
    pub pace_timer: TimerId,
    pub conns: ConnMap<usize>,
    output: OrderedOutput,
    console: Console<'a>,
    /// Signals are caught only where there are files, so that unfinished ones are removed. Without files a signal ends the process
    /// at once: a write to standard output may wait for ever, and must stay interruptible.
    pub signals: Option<Signals>,
    pub timeout: Duration,
    max_size: u64,
    failed: usize,
    /// Why everything was given up, if it was.
    pub given_up: Option<GivenUp>,
}

/// Why the whole fetch was given up.
pub enum GivenUp {
    /// A signal has come.
    Signal(i32),
    /// The stream that the bodies go to has failed.
    Stream(io::Error),
}

impl<'a> Fetcher<'a> {
    pub fn new(
        plan: &FetchPlan,
        targets: Vec<BodyTarget>,
        output: OrderedOutput,
        console: Console<'a>,
        signals: Option<Signals>,
    ) -> Fetcher<'a> {
        let jobs =
            plan.urls.iter().cloned().zip(targets).map(|(url, target)| Job::new(url, target)).collect();
        Fetcher {
            jobs,
            fields: plan.fields.clone(),
            tls: plan.tls.clone(),
            waiting: (0..plan.urls.len()).collect(),
            active: 0,
            at_once: plan.at_once.clamp(1, AT_ONCE),
            unanswered: 0,
            pace_timer: NO_TIMER,
            conns: ConnMap::new(),
            output,
            console,
            signals,
            timeout: plan.timeout,
            max_size: plan.max_size,
            failed: 0,
            given_up: None,
        }
    }

    /// Begins connections, as many as may be under way and as many as the pace allows.
    pub fn start(&mut self, net: &mut Net) {
        while self.unanswered < BURST && self.start_one(net) {}
        self.schedule_next(net);
    }

    fn schedule_next(&mut self, net: &mut Net) {
        if !self.waiting.is_empty() && self.active < self.at_once && self.pace_timer == NO_TIMER {
            self.pace_timer = net.set_timer(PACE, PACE_KEY);
        }
    }

    pub fn start_one(&mut self, net: &mut Net) -> bool {
        if self.active >= self.at_once || self.given_up.is_some() {
            return false;
        }
        let Some(number) = self.waiting.pop_front() else { return false };
        self.active += 1;
        self.unanswered += 1;
        self.jobs[number].is_answered = false;
        self.connect(net, number);
        true
    }

    pub fn is_over(&self) -> bool {
        self.given_up.is_some() || (self.active == 0 && self.waiting.is_empty())
    }

    /// How the fetch went. A reader that has closed the other end of standard output has seen enough, which is no failure.
    pub fn outcome(self) -> io::Result<FetchOutcome> {
        match self.given_up {
            Some(GivenUp::Stream(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Some(GivenUp::Signal(signal)) => Ok(FetchOutcome { failed: self.failed, signal: Some(signal) }),
            _ => Ok(FetchOutcome { failed: self.failed, signal: None }),
        }
    }

    fn connect(&mut self, net: &mut Net, number: usize) {
        let address = self.jobs[number].url.address();
        let called = match &address {
            Address::Tls(..) => self.tls().and_then(|tls| net.connect_tls(&address, tls)),
            _ => net.connect(&address),
        };
        let job = &mut self.jobs[number];
        match called {
            Ok(conn) => {
                job.state = JobState::Active(conn);
                self.conns.insert(conn, number);
            }
            Err(error) => {
                let sentence = format!("cannot connect to {address}: {error}; {}", remedy_of(&error));
                self.fail(net, number, &sentence);
            }
        }
    }

    /// What speaks TLS. Where no URL has asked for it before, a redirect does, and the system's certificates count.
    fn tls(&mut self) -> io::Result<&TlsClient> {
        match &mut self.tls {
            Some(tls) => Ok(tls),
            none => {
                let tls = TlsClient::with(&Roots::Native, None, ALPN);
                Ok(none.insert(tls.map_err(|error| io::Error::other(format!("{error} with --cacert FILE")))?))
            }
        }
    }

    /// Takes the events of a response out of `bytes`, for as long as the connection belongs to a job.
    pub fn process(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) {
        while let Some(&number) = self.conns.get(conn) {
            match self.jobs[number].response.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(Event::Head(head))) => self.head(net, number, &head),
                Ok(Some(Event::Body(piece))) => self.body(net, conn, number, piece),
                Ok(Some(Event::End)) => self.body_complete(net, number),
                Err(broken) => self.fail(net, number, &broken.to_string()),
            }
        }
    }

    fn head(&mut self, net: &mut Net, number: usize, head: &Head) {
        let job = &mut self.jobs[number];
        self.console.head(&job.url, head);
        if let (301 | 302 | 303 | 307 | 308, Some(location)) = (head.status, &head.location) {
            return self.redirect(net, number, location);
        }
        (job.status, job.total) = (head.status, head.length());
        if self.max_size > 0 && head.length().is_some_and(|length| length > self.max_size) {
            return self.reject_long_body(net, number);
        }
        match PartialFile::create(&job.target) {
            Ok(partial) => job.partial = partial,
            Err(error) if is_out_of_descriptors(&error) && self.requeue(net, number) => {}
            Err(error) => self.cannot_write(net, number, &error),
        }
    }

    fn redirect(&mut self, net: &mut Net, number: usize, location: &[u8]) {
        let job = &mut self.jobs[number];
        let url = match job.url.join(location) {
            Ok(url) => url,
            Err(error) => {
                let location = String::from_utf8_lossy(location);
                return self.fail(net, number, &format!("redirected to {location:?}: {error}"));
            }
        };
        if job.redirects == REDIRECTS {
            let sentence = format!("redirected more than {REDIRECTS} times, the last time to {url}");
            return self.fail(net, number, &sentence);
        }
        job.redirects += 1;
        job.url = url;
        self.release(net, number);
        self.jobs[number].begin_again();
        self.waiting.push_front(number);
        self.start(net);
    }

    /// Puts a job back into the queue, since there was no descriptor for it. From now on fewer jobs are under way at once. Returns
    /// whether waiting makes sense: other connections must hold descriptors that they will give back.
    pub fn requeue(&mut self, net: &mut Net, number: usize) -> bool {
        let own = match self.jobs[number].state {
            JobState::Active(conn) => self.conns.remove(conn).map(|_| conn),
            _ => None,
        };
        if self.active == 1 && net.connections().all(|conn| Some(conn) == own) {
            return false;
        }
        if let Some(conn) = own {
            net.abort(conn); // An orderly close would keep the descriptor for a while.
        }
        self.release(net, number);
        self.at_once = self.active.max(1);
        self.jobs[number].begin_again();
        self.waiting.push_front(number);
        self.schedule_next(net);
        true
    }

    fn body(&mut self, net: &mut Net, conn: ConnId, number: usize, piece: &[u8]) {
        let job = &mut self.jobs[number];
        job.received += piece.len() as u64;
        if self.max_size > 0 && job.received > self.max_size {
            return self.reject_long_body(net, number);
        }
        self.console.progress(&mut job.bar, &job.url, job.received, job.total);
        if let Some(partial) = &mut job.partial {
            if let Err(error) = partial.write(piece) {
                self.cannot_write(net, number, &error);
            }
            return;
        }
        match self.output.write(number, &mut job.held, piece) {
            Ok(false) => {}
            Ok(true) => {
                job.is_paused = true;
                net.pause_reading(conn);
            }
            Err(error) => self.given_up = Some(GivenUp::Stream(error)),
        }
    }

    /// The connection has ended, and the response with it, or too early.
    pub fn finished(&mut self, net: &mut Net, number: usize, finished: Result<(), ResponseError>) {
        match finished {
            Ok(()) => self.body_complete(net, number),
            Err(broken) => self.fail(net, number, &broken.to_string()),
        }
    }

    /// The body is complete.
    fn body_complete(&mut self, net: &mut Net, number: usize) {
        let job = &mut self.jobs[number];
        if let Some(partial) = job.partial.take() {
            match partial.keep(&job.target) {
                Ok(path) => self.console.saved(&job.name(), &path, job.received),
                Err(error) => return self.cannot_write(net, number, &error),
            }
        }
        let status = job.status;
        if status >= 400 {
            self.complain(number, &format!("the server answered with an error, {status}"));
        }
        self.end(net, number);
    }

    fn reject_long_body(&mut self, net: &mut Net, number: usize) {
        let sentence = format!("the body is longer than {} bytes: raise --max-size", self.max_size);
        self.fail(net, number, &sentence);
    }

    fn cannot_write(&mut self, net: &mut Net, number: usize, error: &io::Error) {
        let path = match &self.jobs[number].target {
            BodyTarget::Stream => "standard output".to_owned(),
            BodyTarget::File(path) => path.display().to_string(),
            BodyTarget::Folder(folder, name) => folder.join(name).display().to_string(),
        };
        self.fail(net, number, &format!("cannot write {path}: {error}"));
    }

    /// Ends a job with an error. What has come of the body is thrown away, unless it was printed before.
    pub fn fail(&mut self, net: &mut Net, number: usize, sentence: &str) {
        self.complain(number, sentence);
        let job = &mut self.jobs[number];
        job.partial = None;
        job.held.discard();
        if let JobState::Active(conn) = job.state {
            // The connection is reset: the server may have gigabytes to send, and a polite close would read them.
            self.conns.remove(conn);
            net.abort(conn);
        }
        self.end(net, number);
    }

    fn complain(&mut self, number: usize, sentence: &str) {
        self.failed += 1;
        self.console.error(&format!("{}: {sentence}", self.jobs[number].name()));
    }

    fn end(&mut self, net: &mut Net, number: usize) {
        self.release(net, number);
        let job = &mut self.jobs[number];
        job.state = JobState::Done;
        self.console.end_of_progress(job.bar.take());
        self.console.end_of_page(self.failed);
        self.advance_output(net);
        self.start(net);
    }

    /// Parts a job from its connection, and closes the connection.
    fn release(&mut self, net: &mut Net, number: usize) {
        self.active -= 1;
        self.answered(number);
        let job = &mut self.jobs[number];
        net.cancel_timer(std::mem::replace(&mut job.timer, NO_TIMER));
        if let JobState::Active(conn) = job.state
            && self.conns.remove(conn).is_some()
        {
            net.close(conn);
        }
    }

    /// Notes that the answer to a job has begun, or that none will come.
    pub fn answered(&mut self, number: usize) {
        self.unanswered -= usize::from(!std::mem::replace(&mut self.jobs[number].is_answered, true));
    }

    fn advance_output(&mut self, net: &mut Net) {
        while self.jobs.get(self.output.current()).is_some_and(|job| job.state == JobState::Done) {
            let next = self.output.current() + 1;
            if let Err(error) = self.output.advance(self.jobs.get_mut(next).map(|job| &mut job.held)) {
                self.given_up = Some(GivenUp::Stream(error));
            }
            let Some(job) = self.jobs.get_mut(next) else { return };
            if let JobState::Active(conn) = job.state
                && std::mem::take(&mut job.is_paused)
            {
                job.progressed = net.now();
                net.resume_reading(conn);
            }
        }
    }
}
