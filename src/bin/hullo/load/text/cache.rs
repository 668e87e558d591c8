//! What each client says or hears next. The text of the time before is kept, since most often the next one differs from
//! it in one digit.

use crate::load::text::buffer::Buffer;
use crate::load::text::request::RequestId;
use crate::load::text::template::{Change, Seed, Template};

/// Longer texts are written anew each time, so that many clients with large messages need no memory for them.
const LONGEST: usize = 256;

/// The texts of one template for all clients.
pub struct Cache<'a> {
    template: &'a Template,
    seed: Seed,
    /// One for each client. There is none where texts that follow each other differ too much to be kept.
    entries: Vec<Entry>,
    texts: Vec<u8>,
    /// Bytes between the beginnings of two texts.
    stride: usize,
    buffer: Buffer,
}

/// The text that is kept for one client.
#[derive(Clone, Copy)]
struct Entry {
    sequence: u64,
    len: u32,
    /// Where among all texts the last digit of the number stands that changes, or [`NOWHERE`].
    digit: u32,
    change: Change,
}

const NOWHERE: u32 = u32::MAX;

impl<'a> Cache<'a> {
    pub fn new(template: &'a Template, seed: Seed, clients: usize) -> Cache<'a> {
        let stride = template.longest();
        let is_kept = stride <= LONGEST && template.is_steady() && clients * stride < NOWHERE as usize;
        let clients = if is_kept { clients } else { 0 };
        let entry = Entry { sequence: u64::MAX, len: 0, digit: NOWHERE, change: Change::Anew };
        Cache {
            template,
            seed,
            entries: vec![entry; clients],
            texts: vec![0; clients * stride],
            stride,
            buffer: Buffer::default(),
        }
    }

    /// What one client costs.
    pub fn bytes_per_client(&self) -> usize {
        if self.entries.is_empty() { 0 } else { size_of::<Entry>() + self.stride }
    }

    /// The text of that request.
    #[inline(always)]
    pub fn text(&mut self, request: RequestId) -> &[u8] {
        let Some(entry) = self.entries.get_mut(request.client.index()) else {
            return self.write_anew(request);
        };
        match self.texts.get_mut(entry.digit as usize) {
            Some(digit) if entry.sequence.wrapping_add(1) == request.sequence && *digit < b'9' => {
                *digit += 1;
                entry.sequence = request.sequence;
            }
            _ if entry.sequence == request.sequence => {}
            _ => return self.change(request),
        }
        let start = request.client.index() * self.stride;
        &self.texts[start..start + entry.len as usize]
    }

    #[inline(never)]
    fn write_anew(&mut self, request: RequestId) -> &[u8] {
        self.write(request);
        &self.buffer
    }

    /// Makes the text where it takes more than one digit.
    #[inline(never)]
    fn change(&mut self, request: RequestId) -> &[u8] {
        let client = request.client.index();
        let start = client * self.stride;
        let entry = &mut self.entries[client];
        let is_next = entry.sequence.wrapping_add(1) == request.sequence;
        let is_changed = match entry.change {
            Change::Number(first, last) if is_next => {
                count_up(&mut self.texts[start + first as usize..=start + last as usize])
            }
            change => change == Change::Same,
        };
        if is_changed {
            entry.sequence = request.sequence;
        } else {
            self.write_entry(request, start);
        }
        &self.texts[start..start + self.entries[client].len as usize]
    }

    fn write_entry(&mut self, request: RequestId, start: usize) {
        let change = self.write(request);
        let len = self.buffer.len();
        self.texts[start..start + len].copy_from_slice(&self.buffer);
        let digit = if let Change::Number(_, last) = change { start as u32 + last } else { NOWHERE };
        self.entries[request.client.index()] =
            Entry { sequence: request.sequence, len: len as u32, digit, change };
    }

    #[inline(never)]
    fn write(&mut self, request: RequestId) -> Change {
        self.buffer.clear();
        self.template.write(request, self.seed, &mut self.buffer)
    }
}

/// Adds one to a number, and says whether its digits have room for that.
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
    use crate::load::text::request::ClientId;

    #[test]
    fn a_cached_text_says_what_its_template_says_whatever_was_asked_before() {
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
        let requests = (0..250).chain([99, 99, 100, 7, 8, 1999, 2000, u64::MAX - 1]);
        for template in &templates {
            let mut cache = Cache::new(template, Seed(7), 2);
            for (client, sequence) in requests.clone().flat_map(|sequence| [(0, sequence), (1, sequence / 2)])
            {
                let request = RequestId { client: ClientId::new(client), sequence };
                let mut buffer = Buffer::default();
                template.write(request, Seed(7), &mut buffer);
                assert_eq!(*cache.text(request), *buffer, "{template:?} {request:?}");
            }
        }
    }

    #[test]
    fn memory_is_taken_only_where_a_text_can_be_kept() {
        let cost = |template: &Template| Cache::new(template, Seed(7), 1).bytes_per_client();
        assert_eq!(cost(&Template::message(b"{seq}")), size_of::<Entry>() + 20);
        assert_eq!(cost(&Template::message(b"{rand}")), 0);
        assert_eq!(cost(&Template::message(&[b'a'; 300])), 0);
    }
}
