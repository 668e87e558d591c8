//! One URL, from waiting for a connection to its end.

use super::destination::{BodyTarget, PartialFile};
use super::ordered_output::HeldBody;
use super::request::{Field, request};
use super::response::Response;
use super::url::Url;
use hullo::{ConnId, TimerId};
use indicatif::ProgressBar;
use std::time::Instant;

/// What is known of one URL.
pub struct Job {
    /// The URL that the user asked for.
    asked: Url,
    /// The URL that is fetched now, after the redirects so far.
    pub url: Url,
    pub target: BodyTarget,
    pub state: JobState,
    pub redirects: usize,
    pub response: Response,
    /// The status of the last response.
    pub status: u16,
    pub total: Option<u64>,
    pub received: u64,
    /// The file that the body is written to, if it goes into one.
    pub partial: Option<PartialFile>,
    pub held: HeldBody,
    pub bar: Option<ProgressBar>,
    /// The server has sent something on this connection.
    pub is_answered: bool,
    /// When the server last sent something.
    pub progressed: Instant,
    pub timer: TimerId,
    /// Its connection is not read until the bodies before it are printed.
    pub is_paused: bool,
}

/// How far a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobState {
    /// It waits for a connection.
    Waiting,
    /// It has this connection, which may not be established yet.
    Active(ConnId),
    /// It was fetched, or has failed.
    Done,
}

/// An id that names no timer.
pub const NO_TIMER: TimerId = TimerId::from_bits(0);

impl Job {
    pub fn new(url: Url, target: BodyTarget) -> Job {
        Job {
            asked: url.clone(),
            url,
            target,
            state: JobState::Waiting,
            redirects: 0,
            response: Response::new(),
            status: 0,
            total: None,
            received: 0,
            partial: None,
            held: HeldBody::default(),
            bar: None,
            is_answered: true,
            progressed: Instant::now(),
            timer: NO_TIMER,
            is_paused: false,
        }
    }

    /// The name of the job in a sentence: the URL that was asked for, and the one that it was redirected to.
    pub fn name(&self) -> String {
        match self.redirects {
            0 => self.asked.to_string(),
            _ => format!("{}: redirected to {}", self.asked, self.url),
        }
    }

    /// The request for the URL that is fetched now.
    pub fn request(&self, fields: &[Field]) -> String {
        request(&self.url, &self.asked, fields)
    }

    /// Makes the job wait for a connection again, with nothing received.
    pub fn begin_again(&mut self) {
        self.response = Response::new();
        self.state = JobState::Waiting;
    }
}
