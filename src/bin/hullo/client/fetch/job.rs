//! One URL on its way.

use super::destination::{BodyTarget, PartialFile};
use super::ordered_output::HeldBody;
use super::request::{Field, request};
use super::response::Response;
use super::url::Url;
use hullo::{ConnId, TimerId};
use indicatif::ProgressBar;
use std::time::Instant;

pub struct Job {
    /// What was asked for.
    asked: Url,
    /// Where it is by now: redirects lead on.
    pub url: Url,
    pub target: BodyTarget,
    pub state: JobState,
    pub redirects: usize,
    pub response: Response,
    /// Set by the head of the response that is the last.
    pub status: u16,
    pub total: Option<u64>,
    pub received: u64,
    /// The file it goes into, if that is where it goes.
    pub partial: Option<PartialFile>,
    pub held: HeldBody,
    pub bar: Option<ProgressBar>,
    /// Its server has brought something on this connection.
    pub is_answered: bool,
    /// When the server last brought something.
    pub progressed: Instant,
    pub timer: TimerId,
    /// Not read: it has to wait for its turn.
    pub is_paused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobState {
    Waiting,
    /// On this connection, which may still be in the making.
    Active(ConnId),
    Done,
}

/// Names no timer.
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

    /// How a sentence names it: as it was asked for, and where that has led.
    pub fn name(&self) -> String {
        match self.redirects {
            0 => self.asked.to_string(),
            _ => format!("{}: redirected to {}", self.asked, self.url),
        }
    }

    /// What is asked of the server.
    pub fn request(&self, fields: &[Field]) -> String {
        request(&self.url, &self.asked, fields)
    }

    /// Nothing has come yet: as it was at the first, or after a redirect.
    pub fn begin_again(&mut self) {
        self.response = Response::new();
        self.state = JobState::Waiting;
    }
}
