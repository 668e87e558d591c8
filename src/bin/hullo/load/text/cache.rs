//! What each client says next, or hears next, kept from the time before: most often it differs in one digit.

use crate::load::text::buffer::Paper;
use crate::load::text::template::{Seed, Template, Turn};

/// Longer texts are written anew each time, so that many clients with large messages need no memory for them.
const LONGEST: usize = 256;

pub(crate) struct Sheets<'a> {
    template: &'a Template,
    seed: Seed,
    /// One for each client, and none where each text is another one.
    marks: Vec<Mark>,
    texts: Vec<u8>,
    /// Bytes between the beginnings of two texts.
    stride: usize,
    paper: Paper,
}

/// What stands on one sheet.
#[derive(Clone, Copy)]
struct Mark {
    sequence: u64,
    len: u32,
    /// Where among all texts its last digit is that changes; nowhere if there is none.
    digit: u32,
    step: Step,
}

const NOWHERE: u32 = u32::MAX;

/// How the text of a sequence becomes that of the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It is the same.
    Same,
    /// By the number that stands there, from its first digit to its last.
    Number(u32, u32),
    /// It has to be written.
    Anew,
}

impl<'a> Sheets<'a> {
    pub(crate) fn new(template: &'a Template, seed: Seed, clients: usize) -> Sheets<'a> {
        let stride = template.longest();
        let is_kept = stride <= LONGEST && template.is_steady() && clients * stride < NOWHERE as usize;
        let clients = if is_kept { clients } else { 0 };
        let mark = Mark { sequence: u64::MAX, len: 0, digit: NOWHERE, step: Step::Anew };
        Sheets {
            template,
            seed,
            marks: vec![mark; clients],
            texts: vec![0; clients * stride],
            stride,
            paper: Paper::default(),
        }
    }

    /// What one client costs.
    pub(crate) fn bytes_per_client(&self) -> usize {
        if self.marks.is_empty() { 0 } else { size_of::<Mark>() + self.stride }
    }

    /// The text of that turn.
    #[inline(always)]
    pub(crate) fn text(&mut self, turn: Turn) -> &[u8] {
        let Some(mark) = self.marks.get_mut(turn.client as usize) else { return self.write_on_paper(turn) };
        match self.texts.get_mut(mark.digit as usize) {
            Some(digit) if mark.sequence.wrapping_add(1) == turn.sequence && *digit < b'9' => {
                *digit += 1;
                mark.sequence = turn.sequence;
            }
            _ if mark.sequence == turn.sequence => {}
            _ => return self.step(turn),
        }
        let start = turn.client as usize * self.stride;
        &self.texts[start..start + mark.len as usize]
    }

    #[inline(never)]
    fn write_on_paper(&mut self, turn: Turn) -> &[u8] {
        self.write(turn);
        &self.paper
    }

    /// It takes more than one digit.
    #[inline(never)]
    fn step(&mut self, turn: Turn) -> &[u8] {
        let client = turn.client as usize;
        let start = client * self.stride;
        let mark = &mut self.marks[client];
        let is_next = mark.sequence.wrapping_add(1) == turn.sequence;
        let is_stepped = match mark.step {
            Step::Number(first, last) if is_next => {
                count_up(&mut self.texts[start + first as usize..=start + last as usize])
            }
            step => step == Step::Same,
        };
        if is_stepped {
            mark.sequence = turn.sequence;
        } else {
            self.write_sheet(turn, start);
        }
        &self.texts[start..start + self.marks[client].len as usize]
    }

    fn write_sheet(&mut self, turn: Turn, start: usize) {
        let step = self.write(turn);
        let len = self.paper.len();
        self.texts[start..start + len].copy_from_slice(&self.paper);
        let digit = if let Step::Number(_, last) = step { start as u32 + last } else { NOWHERE };
        self.marks[turn.client as usize] = Mark { sequence: turn.sequence, len: len as u32, digit, step };
    }

    #[inline(never)]
    fn write(&mut self, turn: Turn) -> Step {
        self.paper.clear();
        self.template.write(turn, self.seed, &mut self.paper)
    }
}

/// Whether the number has room for the next one.
fn count_up(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return true;
        }
        *digit = b'0';
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_says_what_its_template_says_whatever_was_asked_before() {
        let ident = Template::message(b"c{conn}-{seq}");
        let sized = |least, most| Template::around(b"<{message}>", &Template::sized(&ident, least, most));
        let templates = [
            ident.clone(),
            Template::message(b"PING"),
            Template::message(b"{seq}{rand}"),
            Template::message(b"{seq} and {seq}"),
            sized(5, 5),
            sized(4, 4),
            sized(3, 3),
            sized(1, 9),
            sized(300, 300),
        ];
        let turns = (0..250).chain([99, 99, 100, 7, 8, 1999, 2000, u64::MAX - 1]);
        for template in &templates {
            let mut sheets = Sheets::new(template, Seed(7), 2);
            for (client, sequence) in turns.clone().flat_map(|sequence| [(0, sequence), (1, sequence / 2)]) {
                let turn = Turn { client, sequence };
                let mut paper = Paper::default();
                template.write(turn, Seed(7), &mut paper);
                assert_eq!(*sheets.text(turn), *paper, "{template:?} {turn:?}");
            }
        }
    }

    #[test]
    fn memory_is_taken_only_where_a_text_can_be_kept() {
        let cost = |template: &Template| Sheets::new(template, Seed(7), 1).bytes_per_client();
        assert_eq!(cost(&Template::message(b"{seq}")), size_of::<Mark>() + 20);
        assert_eq!(cost(&Template::message(b"{rand}")), 0);
        assert_eq!(cost(&Template::message(&[b'a'; 300])), 0);
    }
}
