//! What we have to say: the messages of the command line, or the lines that are typed.

use super::input::{Input, Line};
use std::collections::VecDeque;
use std::io::{self, IsTerminal};

/// The timer that asks for the next step of an input that never waits.
pub const STEP: u64 = 0;

pub struct Speech {
    source: Source,
    bye: Option<Vec<u8>>,
    /// The farewell was said: whatever follows it is not.
    pub said_bye: bool,
    /// Whoever types does so at a terminal, and cannot be held up for long.
    pub is_live: bool,
}

enum Source {
    Script(VecDeque<Vec<u8>>),
    Typed(Box<Input>),
}

/// What comes next.
#[derive(PartialEq, Debug)]
pub enum Saying {
    Message(Vec<u8>),
    /// A piece of a message that is too long to be kept.
    Part(Vec<u8>),
    /// The end of such a message, which is never the farewell.
    Tail(Vec<u8>),
    /// Nothing yet: it has not been typed.
    NotYet,
    Nothing,
}

impl Speech {
    pub fn new(messages: Option<Vec<Vec<u8>>>, bye: Option<Vec<u8>>) -> io::Result<Speech> {
        let is_live = messages.is_none() && io::stdin().is_terminal();
        let source = match messages {
            Some(messages) => Source::Script(messages.into()),
            None => Source::Typed(Box::new(Input::standard(STEP)?)),
        };
        Ok(Speech { source, bye, said_bye: false, is_live })
    }

    pub fn next(&mut self) -> Saying {
        if self.said_bye {
            return Saying::Nothing;
        }
        let saying = match &mut self.source {
            Source::Script(messages) => messages.pop_front().map(Saying::Message),
            Source::Typed(input) => match input.next() {
                Some(Line::Whole(line)) => Some(Saying::Message(line)),
                Some(Line::Part(piece)) => Some(Saying::Part(piece)),
                Some(Line::Tail(piece)) => Some(Saying::Tail(piece)),
                None if !input.is_ended() => Some(Saying::NotYet),
                None => None,
            },
        };
        self.said_bye =
            matches!((&saying, &self.bye), (Some(Saying::Message(said)), Some(bye)) if said == bye);
        saying.unwrap_or(Saying::Nothing)
    }

    /// Whether there is something to say that we know of.
    pub fn is_ready(&mut self) -> bool {
        !self.said_bye
            && match &mut self.source {
                Source::Script(messages) => !messages.is_empty(),
                Source::Typed(input) => input.has_line(),
            }
    }

    /// Whether nothing more will come.
    pub fn is_over(&mut self) -> bool {
        !self.is_ready()
            && match &self.source {
                Source::Typed(input) => self.said_bye || input.is_ended(),
                Source::Script(_) => true,
            }
    }

    /// The input, if there is one.
    pub fn input(&mut self) -> Option<&mut Input> {
        match &mut self.source {
            Source::Typed(input) => Some(input),
            Source::Script(_) => None,
        }
    }
}
