//! What the server says: it is shown, and compared with the reply that is waited for.

use super::TalkOutcome;
use super::error::TalkError;
use super::expected_reply::ReplyStatus;
use super::talker::{PAUSE_TIMER, Peer, REPLY_PAUSE, TalkPhase, Talker};
use hullo::Net;
use std::io;

impl Talker<'_> {
    /// Shows what the server has said. Returns whether the conversation goes on.
    pub fn show(&mut self, net: &mut Net, bytes: &[u8]) -> bool {
        self.activity.at = net.now();
        self.is_answer_due = false;
        match self.screen.show(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.stop_with(net, output_failure(error));
                false
            }
        }
    }

    pub fn check_reply(&mut self, net: &mut Net, bytes: &[u8]) {
        let heard = match &mut self.phase {
            TalkPhase::AwaitingWelcome(expected) | TalkPhase::AwaitingAnswer(expected) => {
                expected.receive(bytes)
            }
            // Nobody waits for it, but what is typed next should begin on a new line.
            _ if self.outgoing.is_interactive => ReplyStatus::Uncertain,
            _ => return,
        };
        match heard {
            ReplyStatus::Complete => self.on_reply_complete(net),
            ReplyStatus::Uncertain => {
                if let Some(pause) = self.pause_timer.replace(net.set_timer(REPLY_PAUSE, PAUSE_TIMER)) {
                    net.cancel_timer(pause);
                }
            }
            ReplyStatus::Incomplete => {}
        }
    }

    /// The reply is whole.
    pub fn on_reply_complete(&mut self, net: &mut Net) {
        self.end_line(net);
        if let TalkPhase::AwaitingWelcome(_) | TalkPhase::AwaitingAnswer(_) = self.phase {
            self.continue_sending(net);
        }
    }

    /// Lets whoever types begin on a new line.
    pub fn end_line(&mut self, net: &mut Net) {
        if self.outgoing.is_interactive
            && let Err(error) = self.screen.end_line()
        {
            self.stop_with(net, output_failure(error));
        }
    }

    pub fn no_answer(&self) -> TalkError {
        let unanswered = match &self.peer {
            Peer::Stream(_) => 1,
            Peer::Datagrams(exchange) => exchange.unanswered,
        };
        TalkError::no_answer(&self.plan.address, unanswered, self.plan.timeout)
    }
}

/// What an error of standard output means. A reader that has closed it has seen enough.
pub fn output_failure(error: io::Error) -> Result<TalkOutcome, TalkError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(TalkOutcome::Done),
        _ => Err(TalkError::output(error)),
    }
}
