//! The conversation as a handler: who speaks when, and when it is over.

use super::datagrams::Correspondence;
use super::expected_reply::{Awaited, Foresight, Heard};
use super::failure::TalkError;
use super::outgoing::{Saying, Speech};
use super::screen::Screen;
use super::{Conversation, Ending};
use crate::signals::Signals;
use hullo::{Address, ConnId, Net, TimerId};
use signal_hook::consts::SIGINT;
use std::io;
use std::time::{Duration, Instant};

/// Output that may wait before no more of our input is read.
pub const HIGH: usize = 64 * 1024;

/// The pause after which something that was said is taken as the whole of it. It is also how long a refused datagram
/// may take to come back.
pub const PAUSE: Duration = Duration::from_millis(50);
/// How long a server of which nothing is known may take to greet before we speak.
pub const WELCOME: Duration = Duration::from_millis(200);
/// How long an answer holds up whoever types at a terminal, and the end of our side after the last message: it may be
/// the end that the server waits for.
const HOLD: Duration = Duration::from_secs(2);

/// Timers, beside the [`STEP`](super::outgoing::STEP) of the input.
pub const PATIENCE: u64 = 1;
pub const SETTLED: u64 = 2;
pub const TICK: u64 = 3;

pub struct Talker<'a> {
    pub plan: &'a Conversation,
    pub partner: Partner,
    pub speech: Speech,
    pub foresight: Foresight,
    screen: Screen,
    pub signals: Signals,
    notice: &'a mut dyn FnMut(&str),
    pub phase: Phase,
    /// Ends the phase.
    patience: Option<TimerId>,
    /// Ends what is being said to us.
    pause: Option<TimerId>,
    /// The clock of `--every`, from the first message on.
    pub clock: Option<TimerId>,
    /// When a byte last moved, and how far our output was by then.
    pub moved: (Instant, u64),
    /// The last message should be answered, and nothing has come since.
    pub is_owed: bool,
    /// The server ended its side first. It may be reading on.
    pub has_server_ended: bool,
    /// And no farewell had asked it to.
    pub ended_unasked: bool,
    result: Option<Result<Ending, TalkError>>,
}

pub enum Partner {
    Stream(ConnId),
    Datagrams(Correspondence),
}

/// Where the conversation stands. Its timers belong to the phase, and end with it.
pub enum Phase {
    Connecting,
    /// The server may speak first.
    Welcome(Awaited),
    /// The next message may go.
    Free,
    /// A message may not go before this is heard, or two would merge into one.
    Answer(Awaited),
    /// Nor before the clock of `--every` ticks.
    Interval,
    /// All is said, to a server that had ended its side: it is still to be taken.
    Settling,
    /// All is said; what is still to come is read to the end.
    Ending,
    /// Closed by us, or soon to be.
    Leaving,
}

impl<'a> Talker<'a> {
    pub fn new(
        plan: &'a Conversation,
        partner: Partner,
        speech: Speech,
        foresight: Foresight,
        screen: Screen,
        signals: Signals,
        notice: &'a mut dyn FnMut(&str),
    ) -> Talker<'a> {
        Talker {
            plan,
            partner,
            speech,
            foresight,
            screen,
            signals,
            notice,
            phase: Phase::Connecting,
            patience: None,
            pause: None,
            clock: None,
            moved: (Instant::now(), 0),
            is_owed: false,
            has_server_ended: false,
            ended_unasked: false,
            result: None,
        }
    }

    /// Datagrams need no connection: there the conversation begins.
    pub fn begin(&mut self, net: &mut Net) {
        if let Partner::Datagrams(_) = self.partner {
            self.announce(net);
            self.enter(net, Phase::Free, None);
            self.speak(net);
        }
    }

    /// How it ended, once the loop has.
    pub fn end(mut self) -> Result<Ending, TalkError> {
        let result = self.result.unwrap_or(Ok(Ending::Done));
        if let Ok(Ending::Stopped(SIGINT)) = result {
            self.screen.key_was_typed();
        }
        let shown = self.screen.end();
        if let Ok(Ending::Done) = result {
            shown.map(|()| Ending::Done).or_else(unread)?;
            if self.ended_unasked {
                (self.notice)(&format!("{} ended the connection", self.plan.address));
            }
        }
        result
    }

    pub fn announce(&mut self, net: &Net) {
        let address = &self.plan.address;
        let peer = match &self.partner {
            Partner::Stream(conn) => net.peer_addr(*conn).map_or(String::new(), |peer| peer.to_string()),
            Partner::Datagrams(letters) => letters.to.to_string(),
        };
        let address = address.to_string();
        // A name says little of where it led.
        let is_told = peer.is_empty() || address.ends_with(&peer);
        (self.notice)(&if is_told {
            format!("talking to {address}")
        } else {
            format!("talking to {address} ({peer})")
        });
    }

    /// Says what there is to say, as far as the phase and the output allow, and asks for more.
    pub fn speak(&mut self, net: &mut Net) {
        while matches!(self.phase, Phase::Free) && self.waiting(net) <= HIGH {
            let said = match self.speech.next() {
                Saying::Message(message) => self.say(net, &message),
                Saying::Part(piece) | Saying::Tail(piece) if self.keeps_messages_apart() => {
                    Err(TalkError::too_long(&self.plan.address, piece.len()))
                }
                Saying::Part(piece) => self.send(net, &piece, b""),
                Saying::Tail(piece) => self.say_tail(net, &piece),
                Saying::NotYet => {
                    self.await_input(net);
                    break;
                }
                Saying::Nothing => {
                    self.finish(net);
                    break;
                }
            };
            if let Err(error) = said {
                return self.fail(net, error);
            }
        }
        self.listen_to_input(net);
    }

    /// Sends one message, and enters the phase that follows from it.
    fn say(&mut self, net: &mut Net, message: &[u8]) -> Result<(), TalkError> {
        if message.is_empty() && !self.plan.framing.is_lines() {
            return Ok(()); // A stream cannot carry it, and nobody answers an empty datagram.
        }
        self.send(net, message, self.plan.framing.end())?;
        let answer = self.foresight.answer(&self.encode(message)?);
        self.await_answer(net, answer);
        Ok(())
    }

    /// Sends the end of a message whose front was sent already. What is said to such a one cannot be foretold, but
    /// whether anything is.
    fn say_tail(&mut self, net: &mut Net, tail: &[u8]) -> Result<(), TalkError> {
        self.send(net, tail, self.plan.framing.end())?;
        let answer = self.foresight.answer(tail).map(|_| Awaited::anything());
        self.await_answer(net, answer);
        Ok(())
    }

    fn await_answer(&mut self, net: &mut Net, answer: Option<Awaited>) {
        // Lines do not merge, and none waits; and whoever has ended its side answers no more.
        let answer = answer.filter(|_| match &self.partner {
            Partner::Stream(_) => !self.plan.framing.is_lines() && !self.has_server_ended,
            Partner::Datagrams(_) => true,
        });
        if let Partner::Datagrams(letters) = &mut self.partner {
            letters.owed += u64::from(answer.is_some());
        }
        // The answer to a farewell is the end, and who sends by the clock asks for none.
        self.is_owed = answer.is_some() && !self.speech.said_bye && self.plan.every.is_none();
        if let Some(every) = self.plan.every.filter(|_| !self.speech.is_over()) {
            self.clock.get_or_insert_with(|| net.set_interval(every, TICK));
            self.enter(net, Phase::Interval, None);
        } else if let Some(answer) = answer {
            let patience = self.patience_for_answer();
            self.enter(net, Phase::Answer(answer), patience);
        }
    }

    /// The clock of `--every`: the next message may go, and if there is none, the one after the next tick.
    pub fn tick(&mut self, net: &mut Net) {
        if let Phase::Interval = self.phase {
            self.go_on(net);
        }
    }

    fn send(&mut self, net: &mut Net, message: &[u8], end: &[u8]) -> Result<(), TalkError> {
        let mut bytes = self.encode(message)?;
        bytes.extend_from_slice(end);
        match &mut self.partner {
            Partner::Stream(conn) => {
                net.send(*conn, &bytes);
            }
            Partner::Datagrams(letters) => {
                letters.send(net, &bytes)?;
            }
        }
        Ok(())
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, TalkError> {
        let encoded = self.plan.charset.encode(message);
        encoded.map(|bytes| bytes.into_owned()).map_err(|problem| TalkError::message(message, &problem))
    }

    /// What is awaited was heard, or is no longer waited for.
    pub fn go_on(&mut self, net: &mut Net) {
        self.enter(net, Phase::Free, None);
        self.speak(net);
    }

    pub fn enter(&mut self, net: &mut Net, phase: Phase, patience: Option<Duration>) {
        if let Some(pause) = self.pause.take() {
            net.cancel_timer(pause);
        }
        self.phase = phase;
        self.wait(net, patience);
    }

    pub fn wait(&mut self, net: &mut Net, patience: Option<Duration>) {
        let next = patience.map(|patience| net.set_timer(patience, PATIENCE));
        if let Some(former) = std::mem::replace(&mut self.patience, next) {
            net.cancel_timer(former);
        }
    }

    /// Input is read while there is none to send and there may be some to come.
    pub fn listen_to_input(&mut self, net: &mut Net) {
        let is_talking =
            !matches!(self.phase, Phase::Connecting | Phase::Settling | Phase::Ending | Phase::Leaving);
        let is_wanted = is_talking && !self.speech.is_ready() && self.waiting(net) <= HIGH;
        let is_wanted = is_wanted && !self.speech.said_bye;
        if let Some(Err(error)) = self.speech.input().map(|input| input.want(net, is_wanted)) {
            self.fail(net, TalkError::input(error));
        }
    }

    pub fn read_input(&mut self, net: &mut Net) {
        if let Some(Err(error)) = self.speech.input().map(|input| input.read()) {
            return self.fail(net, TalkError::input(error));
        }
        if self.speech.is_live && self.speech.is_ready() {
            self.screen.line_was_typed();
        }
        // The answer that is awaited turns out to be the last.
        let is_waiting = matches!(self.phase, Phase::Answer(_));
        if is_waiting && !self.speech.is_live && self.may_stay_unanswered() {
            self.wait(net, Some(self.hold()));
        }
        self.speak(net);
    }

    fn patience_for_answer(&mut self) -> Option<Duration> {
        if self.may_stay_unanswered() { Some(self.hold()) } else { self.bounded(self.plan.timeout) }
    }

    /// Whoever types is not held up; and the last answer may come after the end of our side as well.
    pub fn may_stay_unanswered(&mut self) -> bool {
        let is_last = self.is_stream() && !self.speech.said_bye && self.speech.is_over();
        self.speech.is_live || is_last
    }

    fn is_stream(&self) -> bool {
        matches!(self.partner, Partner::Stream(_))
    }

    /// A message is what one send carries, so that none can be sent in pieces.
    fn keeps_messages_apart(&self) -> bool {
        !self.is_stream() || matches!(self.plan.address, Address::Unixpacket(_))
    }

    fn hold(&self) -> Duration {
        self.bounded(self.plan.timeout).map_or(HOLD, |timeout| timeout.min(HOLD))
    }

    pub fn bounded(&self, timeout: Duration) -> Option<Duration> {
        Some(timeout).filter(|timeout| !timeout.is_zero())
    }

    pub fn waiting(&self, net: &Net) -> usize {
        match self.partner {
            Partner::Stream(conn) => net.waiting(conn),
            Partner::Datagrams(_) => 0,
        }
    }

    /// Something was said to us. Whether the conversation goes on.
    pub fn show(&mut self, net: &mut Net, bytes: &[u8]) -> bool {
        self.moved.0 = net.now();
        self.is_owed = false;
        match self.screen.show(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.over(net, unread(error));
                false
            }
        }
    }

    pub fn hear(&mut self, net: &mut Net, bytes: &[u8]) {
        let heard = match &mut self.phase {
            Phase::Welcome(awaited) | Phase::Answer(awaited) => awaited.hear(bytes),
            // Nobody waits for it, and yet what is typed next should not stand behind it.
            _ if self.speech.is_live => Heard::Something,
            _ => return,
        };
        match heard {
            Heard::All => self.settled(net),
            Heard::Something => {
                if let Some(pause) = self.pause.replace(net.set_timer(PAUSE, SETTLED)) {
                    net.cancel_timer(pause);
                }
            }
            Heard::TooLittle => {}
        }
    }

    /// What was said to us is whole.
    pub fn settled(&mut self, net: &mut Net) {
        self.end_line(net);
        if let Phase::Welcome(_) | Phase::Answer(_) = self.phase {
            self.go_on(net);
        }
    }

    /// Whoever types begins a line.
    pub fn end_line(&mut self, net: &mut Net) {
        if self.speech.is_live
            && let Err(error) = self.screen.end_line()
        {
            self.over(net, unread(error));
        }
    }

    pub fn no_answer(&self) -> TalkError {
        let owed = match &self.partner {
            Partner::Stream(_) => 1,
            Partner::Datagrams(letters) => letters.owed,
        };
        TalkError::no_answer(&self.plan.address, owed, self.plan.timeout)
    }

    pub fn fail(&mut self, net: &mut Net, error: TalkError) {
        self.over(net, Err(error));
    }

    /// The first end counts.
    pub fn over(&mut self, net: &mut Net, result: Result<Ending, TalkError>) {
        self.result.get_or_insert(result);
        self.enter(net, Phase::Leaving, None);
        net.stop();
    }
}

/// An error of standard output. Whoever has closed it has seen enough.
fn unread(error: io::Error) -> Result<Ending, TalkError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Ending::Done),
        _ => Err(TalkError::output(error)),
    }
}
