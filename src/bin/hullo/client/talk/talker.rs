//! The conversation on the loop: what is sent when, and what is waited for.

use super::datagrams::DatagramExchange;
use super::error::TalkError;
use super::expected_reply::{ExpectedReply, Predictor};
use super::outgoing::{NextMessage, Outgoing};
use super::receiving::output_failure;
use super::screen::Screen;
use super::{Conversation, TalkOutcome};
use crate::signals::Signals;
use hullo::{Address, ConnId, Net, TimerId};
use signal_hook::consts::SIGINT;
use std::time::{Duration, Instant};

/// How much output may wait to be sent before we stop reading our input.
pub const OUTPUT_HIGH: usize = 64 * 1024;

/// The pause after which what has come is taken for a whole reply. It is also how long the refusal of a datagram may take to
/// come back.
pub const REPLY_PAUSE: Duration = Duration::from_millis(50);
/// How long we wait for the welcome of a server of which nothing is known.
pub const WELCOME_WAIT: Duration = Duration::from_millis(200);
/// How long a missing answer may hold up somebody who types at a terminal. It is also how long the answer to the last message
/// may hold up the end of our side, since the server may wait for that end before it answers.
const INTERACTIVE_WAIT: Duration = Duration::from_secs(2);

/// The keys of the timers, beside the [`INPUT_TIMER`](super::outgoing::INPUT_TIMER) of the input.
pub const PHASE_TIMER: u64 = 1;
pub const PAUSE_TIMER: u64 = 2;
pub const INTERVAL_TIMER: u64 = 3;

/// One conversation. The events of the loop are handed to it by its `Handler`.
pub struct Talker<'a> {
    pub plan: &'a Conversation,
    pub peer: Peer,
    pub outgoing: Outgoing,
    pub predictor: Predictor,
    pub screen: Screen,
    pub signals: Signals,
    notice: &'a mut dyn FnMut(&str),
    pub phase: TalkPhase,
    /// The phase lasts until this timer fires, unless something else ends it.
    phase_timer: Option<TimerId>,
    /// When this timer fires, nothing has come for [`REPLY_PAUSE`]: what the server said is whole.
    pub pause_timer: Option<TimerId>,
    /// The clock of `--every`. It runs from the first message on.
    pub interval_timer: Option<TimerId>,
    pub activity: Activity,
    /// The last message should have an answer, and nothing has come since it was sent.
    pub is_answer_due: bool,
    /// The server ended its side first. It may still be reading.
    pub has_server_ended: bool,
    /// The server ended its side although no farewell had asked it to.
    pub server_ended_unasked: bool,
    result: Option<Result<TalkOutcome, TalkError>>,
}

/// When a byte last moved in either direction, and how far our output was at that moment.
pub struct Activity {
    pub at: Instant,
    pub output_mark: u64,
}

/// How the server is reached.
pub enum Peer {
    Stream(ConnId),
    Datagrams(DatagramExchange),
}

/// Where the conversation stands. The phase timer and the pause timer belong to a phase, and end with it.
pub enum TalkPhase {
    Connecting,
    /// The server may speak first.
    AwaitingWelcome(ExpectedReply),
    /// The next message may be sent.
    Sending,
    /// The next message must wait for this answer, or the server would read two messages as one.
    AwaitingAnswer(ExpectedReply),
    /// The next message must wait until the clock of `--every` ticks.
    AwaitingInterval,
    /// All is sent to a server that had ended its side. Its system has yet to acknowledge the last of it.
    Flushing,
    /// All is sent and our side is ended. What the server still says is read to its end.
    AwaitingEnd,
    /// We have closed the connection, or are about to.
    Closing,
}

impl<'a> Talker<'a> {
    pub fn new(
        plan: &'a Conversation,
        peer: Peer,
        outgoing: Outgoing,
        predictor: Predictor,
        screen: Screen,
        signals: Signals,
        notice: &'a mut dyn FnMut(&str),
    ) -> Talker<'a> {
        Talker {
            plan,
            peer,
            outgoing,
            predictor,
            screen,
            signals,
            notice,
            phase: TalkPhase::Connecting,
            phase_timer: None,
            pause_timer: None,
            interval_timer: None,
            activity: Activity { at: Instant::now(), output_mark: 0 },
            is_answer_due: false,
            has_server_ended: false,
            server_ended_unasked: false,
            result: None,
        }
    }

    /// Begins a conversation by datagrams, which need no connection.
    pub fn begin(&mut self, net: &mut Net) {
        if let Peer::Datagrams(_) = self.peer {
            self.announce(net);
            self.enter(net, TalkPhase::Sending, None);
            self.send_messages(net);
        }
    }

    /// How the conversation ended. It is called when the loop has ended.
    pub fn end(mut self) -> Result<TalkOutcome, TalkError> {
        let result = self.result.unwrap_or(Ok(TalkOutcome::Done));
        if let Ok(TalkOutcome::Stopped(SIGINT)) = result {
            self.screen.key_was_typed();
        }
        let shown = self.screen.end();
        if let Ok(TalkOutcome::Done) = result {
            shown.map(|()| TalkOutcome::Done).or_else(output_failure)?;
            if self.server_ended_unasked {
                (self.notice)(&format!("{} ended the connection", self.plan.address));
            }
        }
        result
    }

    pub fn announce(&mut self, net: &Net) {
        let address = &self.plan.address;
        let peer = match &self.peer {
            Peer::Stream(conn) => net.peer_addr(*conn).map_or(String::new(), |peer| peer.to_string()),
            Peer::Datagrams(exchange) => exchange.peer.to_string(),
        };
        let address = address.to_string();
        // A name says little about the address that was reached.
        let is_told = peer.is_empty() || address.ends_with(&peer);
        (self.notice)(&if is_told {
            format!("talking to {address}")
        } else {
            format!("talking to {address} ({peer})")
        });
    }

    /// Sends messages as far as the phase and the output allow, and asks for more input.
    pub fn send_messages(&mut self, net: &mut Net) {
        while matches!(self.phase, TalkPhase::Sending) && self.queued_output(net) <= OUTPUT_HIGH {
            let said = match self.outgoing.next() {
                NextMessage::Message(message) => self.send_message(net, &message),
                NextMessage::Part(piece) | NextMessage::Tail(piece) if self.keeps_messages_apart() => {
                    Err(TalkError::too_long(&self.plan.address, piece.len()))
                }
                NextMessage::Part(piece) => self.send(net, &piece, b""),
                NextMessage::Tail(piece) => self.send_tail(net, &piece),
                NextMessage::NotYet => {
                    self.await_input(net);
                    break;
                }
                NextMessage::End => {
                    self.end_our_side(net);
                    break;
                }
            };
            if let Err(error) = said {
                return self.fail(net, error);
            }
        }
        self.update_input_watch(net);
    }

    /// Sends one message, and enters the phase that follows.
    fn send_message(&mut self, net: &mut Net, message: &[u8]) -> Result<(), TalkError> {
        if message.is_empty() && !self.plan.framing.is_lines() {
            return Ok(()); // A stream cannot carry an empty message, and nobody answers an empty datagram.
        }
        self.send(net, message, self.plan.framing.end())?;
        let answer = self.predictor.answer(&self.encode(message)?);
        self.await_answer(net, answer);
        Ok(())
    }

    /// Sends the end of a message whose front was sent before. Its answer cannot be predicted, but whether there is one can.
    fn send_tail(&mut self, net: &mut Net, tail: &[u8]) -> Result<(), TalkError> {
        self.send(net, tail, self.plan.framing.end())?;
        let answer = self.predictor.answer(tail).map(|_| ExpectedReply::anything());
        self.await_answer(net, answer);
        Ok(())
    }

    fn await_answer(&mut self, net: &mut Net, answer: Option<ExpectedReply>) {
        // The server tells lines apart, so that none has to wait. A server that has ended its side answers no more.
        let answer = answer.filter(|_| match &self.peer {
            Peer::Stream(_) => !self.plan.framing.is_lines() && !self.has_server_ended,
            Peer::Datagrams(_) => true,
        });
        if let Peer::Datagrams(exchange) = &mut self.peer {
            exchange.unanswered += u64::from(answer.is_some());
        }
        // A farewell is answered by the end, and whoever sends by the clock waits for no answer.
        self.is_answer_due = answer.is_some() && !self.outgoing.farewell_sent && self.plan.every.is_none();
        if let Some(every) = self.plan.every.filter(|_| !self.outgoing.is_exhausted()) {
            self.interval_timer.get_or_insert_with(|| net.set_interval(every, INTERVAL_TIMER));
            self.enter(net, TalkPhase::AwaitingInterval, None);
        } else if let Some(answer) = answer {
            let patience = self.patience_for_answer();
            self.enter(net, TalkPhase::AwaitingAnswer(answer), patience);
        }
    }

    /// The clock of `--every` has ticked: the next message may be sent. If there is none, it waits for the next tick.
    pub fn on_interval(&mut self, net: &mut Net) {
        if let TalkPhase::AwaitingInterval = self.phase {
            self.continue_sending(net);
        }
    }

    fn send(&mut self, net: &mut Net, message: &[u8], end: &[u8]) -> Result<(), TalkError> {
        let mut bytes = self.encode(message)?;
        bytes.extend_from_slice(end);
        match &mut self.peer {
            Peer::Stream(conn) => {
                net.send(*conn, &bytes);
            }
            Peer::Datagrams(exchange) => {
                exchange.send(net, &bytes)?;
            }
        }
        Ok(())
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, TalkError> {
        let encoded = self.plan.charset.encode(message);
        encoded.map(|bytes| bytes.into_owned()).map_err(|problem| TalkError::message(message, &problem))
    }

    /// What was waited for has come, or is no longer waited for.
    pub fn continue_sending(&mut self, net: &mut Net) {
        self.enter(net, TalkPhase::Sending, None);
        self.send_messages(net);
    }

    pub fn enter(&mut self, net: &mut Net, phase: TalkPhase, patience: Option<Duration>) {
        if let Some(pause) = self.pause_timer.take() {
            net.cancel_timer(pause);
        }
        self.phase = phase;
        self.set_phase_timer(net, patience);
    }

    pub fn set_phase_timer(&mut self, net: &mut Net, patience: Option<Duration>) {
        let next = patience.map(|patience| net.set_timer(patience, PHASE_TIMER));
        if let Some(former) = std::mem::replace(&mut self.phase_timer, next) {
            net.cancel_timer(former);
        }
    }

    /// Waits for input while there is no message to send and more may come.
    pub fn update_input_watch(&mut self, net: &mut Net) {
        let is_talking = !matches!(
            self.phase,
            TalkPhase::Connecting | TalkPhase::Flushing | TalkPhase::AwaitingEnd | TalkPhase::Closing
        );
        let is_wanted = is_talking && !self.outgoing.has_message() && self.queued_output(net) <= OUTPUT_HIGH;
        let is_wanted = is_wanted && !self.outgoing.farewell_sent;
        if let Some(Err(error)) = self.outgoing.input().map(|input| input.want(net, is_wanted)) {
            self.fail(net, TalkError::input(error));
        }
    }

    pub fn read_input(&mut self, net: &mut Net) {
        if let Some(Err(error)) = self.outgoing.input().map(|input| input.read()) {
            return self.fail(net, TalkError::input(error));
        }
        if self.outgoing.is_interactive && self.outgoing.has_message() {
            self.screen.line_was_typed();
        }
        // The input has ended, so that the answer we wait for turns out to be the last.
        let is_waiting = matches!(self.phase, TalkPhase::AwaitingAnswer(_));
        if is_waiting && !self.outgoing.is_interactive && self.may_stay_unanswered() {
            self.set_phase_timer(net, Some(self.interactive_wait()));
        }
        self.send_messages(net);
    }

    fn patience_for_answer(&mut self) -> Option<Duration> {
        if self.may_stay_unanswered() {
            Some(self.interactive_wait())
        } else {
            self.unless_zero(self.plan.timeout)
        }
    }

    /// Whether we go on without an answer after a while: somebody types, or it is the answer to the last message, which may come
    /// after the end of our side.
    pub fn may_stay_unanswered(&mut self) -> bool {
        let is_last = self.is_stream() && !self.outgoing.farewell_sent && self.outgoing.is_exhausted();
        self.outgoing.is_interactive || is_last
    }

    fn is_stream(&self) -> bool {
        matches!(self.peer, Peer::Stream(_))
    }

    /// Whether each send is a message of its own, so that no message can be sent in pieces.
    fn keeps_messages_apart(&self) -> bool {
        !self.is_stream() || matches!(self.plan.address, Address::Unixpacket(_))
    }

    fn interactive_wait(&self) -> Duration {
        self.unless_zero(self.plan.timeout).map_or(INTERACTIVE_WAIT, |timeout| timeout.min(INTERACTIVE_WAIT))
    }

    pub fn unless_zero(&self, timeout: Duration) -> Option<Duration> {
        Some(timeout).filter(|timeout| !timeout.is_zero())
    }

    pub fn queued_output(&self, net: &Net) -> usize {
        match self.peer {
            Peer::Stream(conn) => net.waiting(conn),
            Peer::Datagrams(_) => 0,
        }
    }

    pub fn fail(&mut self, net: &mut Net, error: TalkError) {
        self.stop_with(net, Err(error));
    }

    /// Ends the conversation with this result, unless it has one.
    pub fn stop_with(&mut self, net: &mut Net, result: Result<TalkOutcome, TalkError>) {
        self.result.get_or_insert(result);
        self.enter(net, TalkPhase::Closing, None);
        net.stop();
    }
}
