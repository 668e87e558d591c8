//! A reply template, split where messages go.

/// A reply: fixed text with a message between its pieces.
#[derive(Clone, Debug)]
pub(super) struct Template {
    head: Box<[u8]>,
    /// What follows each `{message}`: one piece in most templates, none in a constant reply.
    after: Vec<Box<[u8]>>,
}

impl Template {
    /// Splits `text` at each `{message}` and encodes what lies between; the error is `encode`'s own.
    pub(super) fn parse<E>(text: &str, encode: impl Fn(&str) -> Result<Box<[u8]>, E>) -> Result<Template, E> {
        let mut pieces = text.split("{message}").map(encode);
        let head = pieces.next().expect("a split has a first piece")?;
        Ok(Template { head, after: pieces.collect::<Result<_, E>>()? })
    }

    /// Appends the answer to `message`.
    #[inline]
    pub(super) fn write(&self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        for piece in &self.after {
            out.extend_from_slice(message);
            out.extend_from_slice(piece);
        }
    }

    /// The text before and after the message, if the message stands in one place.
    pub(super) fn around(&self) -> Option<(&[u8], &[u8])> {
        match &*self.after {
            [after] => Some((&self.head, after)),
            _ => None,
        }
    }

    /// How often an answer repeats the message.
    pub(super) fn holes(&self) -> usize {
        self.after.len()
    }

    /// The bytes of an answer that are not the message's.
    pub(super) fn fixed(&self) -> usize {
        self.head.len() + self.after.iter().map(|piece| piece.len()).sum::<usize>()
    }

    /// Whether it answers with nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.holes() == 0 && self.fixed() == 0
    }

    /// Whether there is anything it could not have written.
    pub(super) fn has_form(&self) -> bool {
        self.holes() != 1 || self.fixed() > 0
    }

    /// Whether an answer is always longer than its message.
    pub(super) fn grows(&self) -> bool {
        self.holes() > 1 || self.holes() == 1 && self.fixed() > 0
    }

    /// Whether `bytes` are what this template answers to some message.
    pub(super) fn could_have_written(&self, bytes: &[u8]) -> bool {
        let Some(room) = bytes.len().checked_sub(self.fixed()) else { return false };
        let size = room.checked_div(self.holes()).unwrap_or(0);
        let Some(mut rest) = bytes.strip_prefix(&*self.head) else { return false };
        let message = &rest[..size];
        for piece in &self.after {
            match rest.strip_prefix(message).and_then(|rest| rest.strip_prefix(&**piece)) {
                Some(left) => rest = left,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template::parse(text, |piece| Ok::<_, ()>(piece.as_bytes().into())).unwrap()
    }

    fn answer(text: &str, message: &str) -> String {
        let mut out = b">".to_vec();
        template(text).write(message.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_message_stands_wherever_the_template_says() {
        assert_eq!(answer("Hello, {message}!", "Ann"), ">Hello, Ann!");
        assert_eq!(answer("{message} it is", "tea"), ">tea it is");
        assert_eq!(answer("{message}{message}, {message}", "no"), ">nono, no");
        assert_eq!(answer("no hole, {only} text", "Ann"), ">no hole, {only} text");
        assert_eq!(answer("", "Ann"), ">");
    }

    #[test]
    fn a_template_knows_its_own_answers() {
        for (text, own, foreign) in [
            ("Hello, {message}!", "Hello, Hello, Ann!!", "Hello, Ann"),
            ("{message}{message}", "abab", "abac"),
            ("<{message}|{message}>", "<a|a>", "<a|aa>"),
            ("constant", "constant", "constants"),
            ("ab{message}ba", "abba", "aba"),
        ] {
            assert!(template(text).could_have_written(own.as_bytes()), "{text} could write {own}");
            assert!(!template(text).could_have_written(foreign.as_bytes()), "{text} cannot write {foreign}");
        }
        assert!(template("{message}").could_have_written(b"anything"));
    }

    #[test]
    fn only_answers_that_add_something_grow() {
        assert!(template("{message}!").grows());
        assert!(template("{message}{message}").grows());
        assert!(!template("{message}").grows());
        assert!(!template("constant").grows());
    }
}
