//! The messages that are to be sent: those of the command line, or the lines that are typed.

use super::input::Input;
use super::lines::Line;
use std::collections::VecDeque;
use std::io::{self, IsTerminal};

/// The key of the timer that asks for the next read of an input that never waits.
pub const INPUT_TIMER: u64 = 0;

/// The queue of messages to be sent.
pub struct Outgoing {
    source: MessageSource,
    farewell: Option<Vec<u8>>,
    /// The farewell was taken. Nothing that follows it is sent.
    pub farewell_sent: bool,
    /// Somebody types at a terminal, and must not be held up for long.
    pub is_interactive: bool,
}

/// Where the messages come from.
enum MessageSource {
    Arguments(VecDeque<Vec<u8>>),
    Typed(Box<Input>),
}

/// What is to be sent next.
#[derive(PartialEq, Debug)]
pub enum NextMessage {
    Message(Vec<u8>),
    /// A piece of a message that is too long to be kept whole.
    Part(Vec<u8>),
    /// The last piece of such a message. It is never the farewell.
    Tail(Vec<u8>),
    /// Nothing has been typed yet.
    NotYet,
    /// All is sent.
    End,
}

impl Outgoing {
    pub fn new(messages: Option<Vec<Vec<u8>>>, farewell: Option<Vec<u8>>) -> io::Result<Outgoing> {
        let is_interactive = messages.is_none() && io::stdin().is_terminal();
        let source = match messages {
            Some(messages) => MessageSource::Arguments(messages.into()),
            None => MessageSource::Typed(Box::new(Input::standard(INPUT_TIMER)?)),
        };
        Ok(Outgoing { source, farewell, farewell_sent: false, is_interactive })
    }

    /// Takes the next message.
    pub fn next(&mut self) -> NextMessage {
        if self.farewell_sent {
            return NextMessage::End;
        }
        let saying = match &mut self.source {
            MessageSource::Arguments(messages) => messages.pop_front().map(NextMessage::Message),
            MessageSource::Typed(input) => match input.next() {
                Some(Line::Whole(line)) => Some(NextMessage::Message(line)),
                Some(Line::Part(piece)) => Some(NextMessage::Part(piece)),
                Some(Line::Tail(piece)) => Some(NextMessage::Tail(piece)),
                None if !input.is_ended() => Some(NextMessage::NotYet),
                None => None,
            },
        };
        self.farewell_sent = matches!((&saying, &self.farewell), (Some(NextMessage::Message(said)), Some(farewell)) if said == farewell);
        saying.unwrap_or(NextMessage::End)
    }

    /// Whether there is a message to send now.
    pub fn has_message(&mut self) -> bool {
        !self.farewell_sent
            && match &mut self.source {
                MessageSource::Arguments(messages) => !messages.is_empty(),
                MessageSource::Typed(input) => input.has_line(),
            }
    }

    /// Whether no further message will come.
    pub fn is_exhausted(&mut self) -> bool {
        !self.has_message()
            && match &self.source {
                MessageSource::Typed(input) => self.farewell_sent || input.is_ended(),
                MessageSource::Arguments(_) => true,
            }
    }

    /// Standard input, if the messages are read from it.
    pub fn input(&mut self) -> Option<&mut Input> {
        match &mut self.source {
            MessageSource::Typed(input) => Some(input),
            MessageSource::Arguments(_) => None,
        }
    }
}
