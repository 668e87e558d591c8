//! What a server says: a dialect, checked, encoded and ready to serve.

use std::ops::ControlFlow;
use std::time::Duration;

use super::quick::Quick;
use super::spec::{DialectError, DialectSpec, Framing, Transport};
use super::template::Template;
use super::text::{Check, TextEncoding};
use super::{Farewell, builtin};

/// The longest `max_message` a dialect may have.
const MOST_MESSAGE: usize = 1 << 20;

/// The longest delay: beyond any use, and far from where adding it to an `Instant` overflows.
const MOST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No character of any encoding is longer; `strict` needs room for one.
const LONGEST_CHARACTER: usize = 4;

/// A dialect ready to serve: texts encoded, templates split. Shared by `Arc`.
///
/// ```
/// use hullo::greeting::{Dialect, DialectSpec};
///
/// let spec = DialectSpec { reply: Some("Good day, {message}.".to_owned()), ..DialectSpec::default() };
/// let dialect = Dialect::new("formal", spec)?;
/// assert_eq!(dialect.name(), "formal");
/// # Ok::<(), hullo::greeting::DialectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dialect {
    name: String,
    spec: DialectSpec,
    text: TextEncoding,
    welcome: Option<Box<[u8]>>,
    reply: Option<Template>,
    farewell: Option<Box<[u8]>>,
    farewell_reply: Option<Template>,
    quick: Option<Quick>,
}

impl Dialect {
    /// Checks a spec and prepares it for serving.
    pub fn new(name: &str, spec: DialectSpec) -> Result<Dialect, DialectError> {
        let fail = |key, problem| DialectError { dialect: name.to_owned(), key, problem };
        let text = TextEncoding::for_label(&spec.encoding).map_err(|problem| fail("encoding", problem))?;
        check(&spec, text).map_err(|(key, problem)| fail(key, problem))?;

        let encode = |key: &'static str, part: &str| {
            text.encode(part).map_err(|lost| {
                let encoding = text.name();
                fail(
                    key,
                    format!(
                        "has the character {lost:?}, which {encoding} cannot write: use encoding = \"utf-8\""
                    ),
                )
            })
        };
        let plain_text =
            |key, part: &Option<String>| part.as_deref().map(|part| encode(key, part)).transpose();
        let template = |key, part: &Option<String>| {
            part.as_deref().map(|part| Template::parse(part, |piece| encode(key, piece))).transpose()
        };
        let welcome = plain_text("welcome", &spec.welcome)?;
        let reply = template("reply", &spec.reply)?;
        let farewell = plain_text("farewell", &spec.farewell)?;
        let farewell_reply = template("farewell_reply", &spec.farewell_reply)?;

        if let Some(farewell) = farewell.as_deref().filter(|farewell| farewell.len() > spec.max_message) {
            let (size, limit) = (farewell.len(), spec.max_message);
            let problem =
                format!("is {size} bytes, more than any message may have: raise max_message (now {limit})");
            return Err(fail("farewell", problem));
        }
        let quick = reply.as_ref().and_then(|reply| Quick::new(&spec, reply, farewell.as_deref()));
        Ok(Dialect { name: name.to_owned(), spec, text, welcome, reply, farewell, farewell_reply, quick })
    }

    /// The built-in dialect of that name; `hello` exists for both transports, with a welcome and a
    /// farewell on streams and without on datagrams.
    pub fn builtin(name: &str, transport: Transport) -> Option<Dialect> {
        builtin::all()
            .find(|(kind, dialect)| *kind == transport && dialect.name == name)
            .map(|(_, found)| found)
    }

    /// Every built-in dialect: those of streams, then those of datagrams, `hello` first in each.
    pub fn builtins() -> impl Iterator<Item = (Transport, Dialect)> {
        builtin::all()
    }

    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was made from. Clone it to make a variant.
    pub fn spec(&self) -> &DialectSpec {
        &self.spec
    }

    /// Whether messages wait before they are looked at. The owner of such a session reads at most
    /// [`max_message`](Dialect::max_message) bytes at a time.
    #[inline]
    pub fn has_delay(&self) -> bool {
        !self.spec.delay.is_zero()
    }

    /// The longest message in bytes, without its line end.
    #[inline]
    pub fn max_message(&self) -> usize {
        self.spec.max_message
    }

    /// The most bytes that can come out for each byte that comes in, at least 1: the worst client
    /// sends nothing but line ends, or one byte a read.
    ///
    /// It bounds the sum of all answers by the sum of all input. The welcome and the error sentence
    /// that may end a conversation (under 64 bytes) come on top, each at most once.
    #[inline]
    pub fn growth(&self) -> usize {
        let line_end = usize::from(self.spec.framing != Framing::Raw);
        let worst = |template: &Template| template.fixed() + template.holes() + line_end;
        let worst_of = |template: &Option<Template>| template.as_ref().map_or(1, worst);
        worst_of(&self.reply).max(worst_of(&self.farewell_reply)).max(1)
    }

    /// A message as text for a log: decoded, on one line, with control characters escaped so that
    /// no client can forge a log line.
    pub fn display(&self, message: &[u8]) -> String {
        self.text.display(message)
    }

    pub(super) fn text(&self) -> TextEncoding {
        self.text
    }

    pub(super) fn welcome(&self) -> Option<&[u8]> {
        self.welcome.as_deref()
    }

    pub(super) fn reply(&self) -> Option<&Template> {
        self.reply.as_ref()
    }

    pub(super) fn farewell_reply(&self) -> Option<&Template> {
        self.farewell_reply.as_ref()
    }

    /// Present when most messages can be answered on the quick path.
    #[inline]
    pub(super) fn quick(&self) -> Option<&Quick> {
        self.quick.as_ref()
    }

    #[cfg(test)]
    pub(super) fn without_quick(self) -> Dialect {
        Dialect { quick: None, ..self }
    }

    #[inline]
    pub(super) fn is_farewell(&self, message: &[u8]) -> bool {
        // Lengths first: they nearly always differ, and then no byte is compared.
        matches!(&self.farewell, Some(farewell) if farewell.len() == message.len() && **farewell == *message)
    }

    /// Whether `strict` refuses a whole message.
    pub(super) fn refuses(&self, message: &[u8]) -> bool {
        self.spec.strict && self.text.check(message) != Check::Whole
    }

    /// Looks at one message of a stream: answers it, and says if it was the last.
    pub(super) fn answer(&self, message: &[u8], line_end: &[u8], out: &mut Vec<u8>) -> ControlFlow<Farewell> {
        let (reply, end) = if self.is_farewell(message) {
            (&self.farewell_reply, ControlFlow::Break(Farewell::Word))
        } else if self.refuses(message) {
            return ControlFlow::Break(Farewell::NotText);
        } else if self.spec.close_after_reply {
            (&self.reply, ControlFlow::Break(Farewell::AfterReply))
        } else {
            (&self.reply, ControlFlow::Continue(()))
        };
        if let Some(reply) = reply {
            reply.write(message, out);
            out.extend_from_slice(line_end);
        }
        end
    }
}

/// What can be wrong before anything is encoded: the key, and a sentence about it.
fn check(spec: &DialectSpec, text: TextEncoding) -> Result<(), (&'static str, String)> {
    let fail = |key, problem: &str| Err((key, problem.to_owned()));
    if spec.max_message == 0 || spec.max_message > MOST_MESSAGE {
        let problem = format!("is {} bytes: choose 1 to {MOST_MESSAGE} (1 MiB)", spec.max_message);
        return Err(("max_message", problem));
    }
    if spec.delay > MOST_DELAY {
        return fail("delay", "is over a day: choose a shorter one");
    }
    if spec.strict && text == TextEncoding::BYTES {
        return fail(
            "strict",
            "means nothing with encoding = \"bytes\": name an encoding, or leave strict out",
        );
    }
    if spec.strict && spec.max_message < LONGEST_CHARACTER {
        return fail("max_message", "must be at least 4 with strict, the size of the longest character");
    }
    if spec.close_after_reply && spec.reply.is_none() {
        return fail("close_after_reply", "needs a reply: add one, or leave close_after_reply out");
    }
    match spec.farewell.as_deref() {
        Some("") => fail("farewell", "is empty: name the word, or leave the key out for none"),
        Some(word) if word.contains('\n') && spec.framing != Framing::Raw => {
            fail("farewell", "has a line end, which no line contains: take it out, or use framing = \"raw\"")
        }
        Some(_) => Ok(()),
        None if spec.farewell_reply.is_some() => {
            fail("farewell_reply", "answers no farewell: add farewell, or leave farewell_reply out")
        }
        None if spec.stop_on_farewell => {
            fail("stop_on_farewell", "waits for no farewell: add farewell, or leave stop_on_farewell out")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn hello() -> DialectSpec {
        Dialect::builtin("hello", Transport::Stream).unwrap().spec
    }

    #[track_caller]
    fn assert_refused(spec: DialectSpec, key: &str, sentence: &str) {
        let error = Dialect::new("mine", spec).unwrap_err();
        assert_eq!(error.to_string(), format!("dialect \"mine\": {key} {sentence}"));
        assert_eq!(error.key(), key);
    }

    #[test]
    fn an_unknown_encoding_is_refused_with_those_there_are() {
        assert_refused(
            DialectSpec { encoding: "utf-9".to_owned(), ..hello() },
            "encoding",
            "\"utf-9\" is unknown: use \"utf-8\", \"gbk\", \"bytes\" or another label of the WHATWG Encoding Standard",
        );
    }

    #[test]
    fn an_encoding_whose_ascii_is_not_ascii_is_refused() {
        for label in ["utf-16", "utf-16be", "iso-2022-jp"] {
            assert_refused(
                DialectSpec { encoding: label.to_owned(), ..hello() },
                "encoding",
                &format!(
                    "{label:?} writes ASCII in another way, which no line end survives: \
                     use \"utf-8\", \"gbk\" or \"bytes\""
                ),
            );
        }
    }

    #[test]
    fn a_text_that_the_encoding_cannot_write_is_refused_with_the_first_lost_character() {
        let latin = DialectSpec { encoding: "latin1".to_owned(), ..hello() };
        let sentence = "has the character '是', which windows-1252 cannot write: use encoding = \"utf-8\"";
        let lost = || text("é 是的");
        assert_refused(DialectSpec { welcome: lost(), ..latin.clone() }, "welcome", sentence);
        assert_refused(DialectSpec { reply: lost(), ..latin.clone() }, "reply", sentence);
        assert_refused(DialectSpec { farewell: lost(), ..latin.clone() }, "farewell", sentence);
        assert_refused(DialectSpec { farewell_reply: lost(), ..latin }, "farewell_reply", sentence);
    }

    #[test]
    fn a_farewell_that_no_message_can_be_is_refused() {
        assert_refused(
            DialectSpec { farewell: text(""), ..hello() },
            "farewell",
            "is empty: name the word, or leave the key out for none",
        );
        for framing in [Framing::Line, Framing::Auto] {
            assert_refused(
                DialectSpec { farewell: text("exit\n"), framing, ..hello() },
                "farewell",
                "has a line end, which no line contains: take it out, or use framing = \"raw\"",
            );
        }
        let raw = DialectSpec { farewell: text("exit\n"), framing: Framing::Raw, ..hello() };
        assert!(Dialect::new("raw", raw).is_ok());
        assert_refused(
            DialectSpec { max_message: 3, ..hello() },
            "farewell",
            "is 4 bytes, more than any message may have: raise max_message (now 3)",
        );
        assert!(Dialect::new("mine", DialectSpec { max_message: 4, ..hello() }).is_ok());
    }

    #[test]
    fn keys_that_speak_of_an_absent_key_are_refused() {
        assert_refused(
            DialectSpec { farewell_reply: text("bye"), ..DialectSpec::default() },
            "farewell_reply",
            "answers no farewell: add farewell, or leave farewell_reply out",
        );
        assert_refused(
            DialectSpec { stop_on_farewell: true, ..DialectSpec::default() },
            "stop_on_farewell",
            "waits for no farewell: add farewell, or leave stop_on_farewell out",
        );
        assert_refused(
            DialectSpec { close_after_reply: true, ..DialectSpec::default() },
            "close_after_reply",
            "needs a reply: add one, or leave close_after_reply out",
        );
        assert_refused(
            DialectSpec { strict: true, encoding: "bytes".to_owned(), ..DialectSpec::default() },
            "strict",
            "means nothing with encoding = \"bytes\": name an encoding, or leave strict out",
        );
    }

    #[test]
    fn a_message_limit_out_of_bounds_is_refused() {
        for max_message in [0, MOST_MESSAGE + 1] {
            assert_refused(
                DialectSpec { max_message, ..hello() },
                "max_message",
                &format!("is {max_message} bytes: choose 1 to 1048576 (1 MiB)"),
            );
        }
        assert!(Dialect::new("mine", DialectSpec { max_message: MOST_MESSAGE, ..hello() }).is_ok());
        assert_refused(
            DialectSpec { strict: true, max_message: 3, ..DialectSpec::default() },
            "max_message",
            "must be at least 4 with strict, the size of the longest character",
        );
    }

    #[test]
    fn a_delay_over_a_day_is_refused() {
        let delay = MOST_DELAY + Duration::from_nanos(1);
        let spec = DialectSpec { delay, ..hello() };
        assert_refused(spec, "delay", "is over a day: choose a shorter one");
        assert!(Dialect::new("mine", DialectSpec { delay: MOST_DELAY, ..hello() }).unwrap().has_delay());
    }

    #[test]
    fn growth_is_that_of_the_longest_answer_to_the_shortest_message() {
        let growth = |spec| Dialect::new("mine", spec).unwrap().growth();
        assert_eq!(growth(DialectSpec::default()), 1);
        assert_eq!(growth(DialectSpec { framing: Framing::Raw, ..hello() }), "Hello, x!".len());
        assert_eq!(growth(DialectSpec { framing: Framing::Line, ..hello() }), "Hello, x!\n".len());
        let farewell_reply = text("I wish you a good day, {message}!");
        assert_eq!(growth(DialectSpec { farewell_reply, ..hello() }), "I wish you a good day, x!\n".len());
        let reply = text("{message}{message}{message}");
        assert_eq!(growth(DialectSpec { reply, framing: Framing::Raw, ..hello() }), 3);
    }

    #[test]
    fn the_built_in_dialects_are_found_by_name_and_transport_in_the_listed_order() {
        use Transport::{Datagram, Stream};
        let listed: Vec<_> = Dialect::builtins().map(|(kind, dialect)| (kind, dialect.name)).collect();
        let expected = ["hello", "patient", "plain", "receipt", "indeed", "once"].map(|name| (Stream, name));
        let datagrams = ["hello", "echo", "quiet"].map(|name| (Datagram, name));
        assert!(
            listed
                .iter()
                .map(|(kind, name)| (*kind, name.as_str()))
                .eq(expected.into_iter().chain(datagrams))
        );
        assert_eq!(Dialect::builtin("hello", Stream).unwrap().spec.farewell.as_deref(), Some("exit"));
        assert_eq!(Dialect::builtin("hello", Datagram).unwrap().spec.farewell, None);
        assert!(Dialect::builtin("echo", Stream).is_none());
        assert!(Dialect::builtin("Hello", Stream).is_none());
    }
}
