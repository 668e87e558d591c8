//! Everything that is said on a connection, by either side: from a dialect, or from templates.

use crate::load::plan::{Check, Framing};
use crate::load::text::template::{Piece, Template, unescape};
use hullo::greeting::{Dialect, TextEncoding};

/// The longest message that one read surely brings whole, where nothing else tells messages apart.
const ONE_READ: usize = 1024;
/// The longest mark of a datagram: `c12345-`, a sequence, the run.
const MARK: u32 = 40;

/// What both sides of a connection say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Script {
    /// The dialect that the server is said to speak; `None` where templates say what is said.
    pub dialect: Option<String>,
    /// What the server says first.
    pub welcome: Option<Vec<u8>>,
    /// A line end may follow the welcome or not: a server that tells framings apart by the first message sends none.
    pub has_loose_welcome: bool,
    pub request: Template,
    pub reply: Template,
    /// What a client says to end its session, and the answer to it.
    pub farewell: Option<Vec<u8>>,
    pub farewell_reply: Option<Vec<u8>>,
    /// The server ends the session after its reply.
    pub ends_after_reply: bool,
    pub framing: Framing,
    pub check: Check,
}

/// What a message is made from.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub is_datagram: bool,
    pub churn: bool,
    pub framing: Framing,
    pub check: Check,
    /// The text, or else the least and the greatest size.
    pub text: Option<&'a str>,
    pub size: Option<(u32, u32)>,
}

/// What is said in any other protocol, as typed, with escapes.
#[derive(Clone, Copy, Debug)]
pub struct Templates<'a> {
    pub request: &'a str,
    pub reply: &'a str,
    pub welcome: Option<&'a str>,
}

impl Script {
    /// What a server of that dialect says and hears. The error is a sentence.
    pub fn of_dialect(dialect: &Dialect, wanted: &Wanted<'_>) -> Result<Script, String> {
        let (spec, name) = (dialect.spec(), dialect.name());
        let text = TextEncoding::for_label(&spec.encoding)?;
        let encode = |part: &str| {
            text.encode(part)
                .map_err(|lost| format!("{} cannot write {lost:?}, which is in {part:?}", text.name()))
        };
        let Some(reply) = &spec.reply else {
            return Err(format!("a server that speaks {name} answers nothing: choose another dialect"));
        };
        if spec.close_after_reply && !wanted.churn && !wanted.is_datagram {
            return Err(format!("a server that speaks {name} closes after each reply: add --churn"));
        }
        let message = wanted.message(|text| encode(text).map(Vec::from))?;
        if spec.farewell.as_deref().is_some_and(|word| wanted.text == Some(word)) {
            return Err("that message is the farewell, which ends the connection: choose another".to_owned());
        }
        let line_end: &[u8] = if wanted.has_lines() { b"\n" } else { b"" };
        let with_line_end = |part: &[u8]| [part, line_end].concat();
        let mut request = message.clone();
        request.push_text(line_end);
        let mut reply = Template::around(&encode(reply)?, &message);
        reply.push_text(line_end);
        let farewell = spec.farewell.as_deref().filter(|_| wanted.churn);
        let farewell_reply = farewell.zip(spec.farewell_reply.as_deref());
        let farewell_reply = farewell_reply.map(|(word, reply)| encode(&reply.replace("{message}", word)));
        let welcome = spec.welcome.as_deref().filter(|welcome| !welcome.is_empty() && !wanted.is_datagram);
        Ok(Script {
            dialect: Some(name.to_owned()),
            welcome: welcome.map(encode).transpose()?.map(Vec::from),
            has_loose_welcome: wanted.has_lines(),
            request,
            reply,
            farewell: farewell.map(encode).transpose()?.map(|word| with_line_end(&word)),
            farewell_reply: farewell_reply.transpose()?.map(|reply| with_line_end(&reply)),
            ends_after_reply: spec.close_after_reply,
            framing: wanted.framing,
            check: wanted.check,
        })
    }

    /// What templates say. The error is a sentence.
    pub fn of_templates(templates: &Templates<'_>, wanted: &Wanted<'_>) -> Result<Script, String> {
        let bytes = |name: &str, text: &str| unescape(text).map_err(|problem| format!("{name} {problem}"));
        let message = wanted.message(|text| Ok(text.as_bytes().to_vec()))?;
        let part = |name: &str, text: &str| {
            let bytes = bytes(name, text)?;
            let has_message = memchr::memmem::find(&bytes, b"{message}").is_some();
            match (bytes.is_empty(), wanted.is_datagram && !has_message) {
                (true, _) => Err(format!("{name} is empty: nothing can be sent or waited for")),
                (_, true) => {
                    Err(format!("{name} has no {{message}}, which tells datagrams apart: put it in"))
                }
                _ => Ok(Template::around(&bytes, &message)),
            }
        };
        let welcome = templates.welcome.map(|text| bytes("--welcome", text)).transpose()?;
        let welcome = welcome.filter(|welcome| !welcome.is_empty());
        // Unless it could be the beginning of a reply, the line end after the welcome may come or not.
        let is_loose = wanted.has_lines() && !bytes("--reply", templates.reply)?.starts_with(b"\n");
        let bare = |welcome: Vec<u8>| match welcome.strip_suffix(b"\n") {
            Some(bare) if is_loose && !bare.is_empty() => bare.to_vec(),
            _ => welcome,
        };
        Ok(Script {
            dialect: None,
            welcome: welcome.map(bare),
            has_loose_welcome: is_loose,
            request: part("--request", templates.request)?,
            reply: part("--reply", templates.reply)?,
            framing: wanted.framing,
            check: wanted.check,
            ..Script::default()
        })
    }
}

impl Wanted<'_> {
    fn has_lines(&self) -> bool {
        self.framing == Framing::Line && !self.is_datagram
    }

    /// The message. On datagrams it says whose it is, whatever the text: the flow, the sequence and the run.
    fn message(&self, encode: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Template, String> {
        let ident = Template::message(b"c{conn}-{seq}");
        let mut message = match self.text {
            Some("") => return Err("an empty message is answered by nobody: give it some text".to_owned()),
            Some(text) if self.has_lines() && text.contains('\n') => {
                return Err("the message has a line end, so that it would be two: take it out".to_owned());
            }
            Some(text) => Template::message(&encode(text)?),
            None => ident.clone(),
        };
        if self.is_datagram {
            if self.text.is_some() {
                message.push_text(b"-");
                message.append(&ident);
            }
            message.push_text(b"-");
            message.push(Piece::Run);
        }
        if let Some((least, most)) = self.size {
            if self.is_datagram && least < MARK {
                return Err(format!(
                    "a datagram says whose it is and needs {MARK} bytes for it: choose a larger --size"
                ));
            }
            message.push_text(b"-");
            message = Template::sized(&message, least, most);
        }
        if !self.is_datagram && self.framing == Framing::Raw && message.longest() > ONE_READ {
            return Err(format!(
                "a message of more than {ONE_READ} bytes may be split by the reads of the server, and --framing raw \
                 knows no other border: use --framing line"
            ));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::text::buffer::Buffer;
    use crate::load::text::request::{ClientId, RequestId};
    use crate::load::text::template::Seed;
    use hullo::greeting::Transport;

    fn wanted() -> Wanted<'static> {
        Wanted {
            is_datagram: false,
            churn: false,
            framing: Framing::Line,
            check: Check::Full,
            text: None,
            size: None,
        }
    }

    fn of(dialect: &str, transport: Transport, wanted: &Wanted<'_>) -> Result<Script, String> {
        Script::of_dialect(&Dialect::builtin(dialect, transport).unwrap(), wanted)
    }

    fn written(template: &Template) -> String {
        let mut out = Buffer::default();
        template.write(RequestId { client: ClientId::new(3), sequence: 4 }, Seed(1), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_dialect_says_what_is_to_be_heard() {
        let hello = of("hello", Transport::Stream, &wanted()).unwrap();
        assert_eq!(hello.welcome.as_deref(), Some(b"Welcome!".as_slice()));
        assert_eq!(
            (written(&hello.request), written(&hello.reply)),
            ("c3-4\n".into(), "Hello, c3-4!\n".into())
        );
        let raw = Wanted { framing: Framing::Raw, churn: true, ..wanted() };
        let hello = of("hello", Transport::Stream, &raw).unwrap();
        assert_eq!((written(&hello.reply), hello.farewell), ("Hello, c3-4!".into(), Some(b"exit".to_vec())));
        assert!(!hello.has_loose_welcome);
        let receipt = of("receipt", Transport::Stream, &Wanted { churn: true, ..wanted() }).unwrap();
        let mut reply = Buffer::default();
        receipt.reply.write(RequestId { client: ClientId::new(3), sequence: 4 }, Seed(1), &mut reply);
        assert_eq!(*reply, *b"\xca\xfd\xbe\xdd[c3-4]\xca\xd5\xb5\xbd\xc1\xcb!\n", "in GBK");
        assert_eq!(receipt.farewell_reply.unwrap(), b"\xca\xfd\xbe\xdd[bye]\xca\xd5\xb5\xbd\xc1\xcb!\n");
    }

    #[test]
    fn a_datagram_says_whose_it_is_whatever_else_it_says() {
        let udp = Wanted { is_datagram: true, ..wanted() };
        let plain = of("hello", Transport::Datagram, &udp).unwrap();
        let mark = format!("{:08x}", Seed(1).mark());
        assert_eq!(written(&plain.reply), format!("Hello, c3-4-{mark}!"));
        let text = of("echo", Transport::Datagram, &Wanted { text: Some("Ann"), ..udp }).unwrap();
        assert_eq!(written(&text.reply), format!("Echo: Ann-c3-4-{mark}!"));
        let sized = of("echo", Transport::Datagram, &Wanted { size: Some((50, 50)), ..udp }).unwrap();
        assert_eq!(written(&sized.request).len(), 50);
    }

    #[test]
    fn what_cannot_be_tested_is_refused_with_what_can() {
        for (dialect, transport, wanted, part) in [
            ("once", Transport::Stream, wanted(), "add --churn"),
            ("quiet", Transport::Datagram, Wanted { is_datagram: true, ..wanted() }, "answers nothing"),
            ("hello", Transport::Stream, Wanted { text: Some("exit"), ..wanted() }, "is the farewell"),
            ("hello", Transport::Stream, Wanted { text: Some("a\nb"), ..wanted() }, "would be two"),
            ("hello", Transport::Stream, Wanted { text: Some(""), ..wanted() }, "empty message"),
            ("receipt", Transport::Stream, Wanted { text: Some("ไ"), ..wanted() }, "GBK cannot write"),
            (
                "hello",
                Transport::Stream,
                Wanted { framing: Framing::Raw, size: Some((1, 1025)), ..wanted() },
                "--framing line",
            ),
            (
                "hello",
                Transport::Datagram,
                Wanted { is_datagram: true, size: Some((8, 100)), ..wanted() },
                "larger --size",
            ),
        ] {
            let error = of(dialect, transport, &wanted).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn templates_speak_any_protocol() {
        let ping = Templates { request: r"PING\r\n", reply: r"+PONG\r\n", welcome: None };
        let redis = Script::of_templates(&ping, &wanted()).unwrap();
        assert_eq!((written(&redis.request), redis.welcome), ("PING\r\n".into(), None));
        let echo =
            Templates { request: r"ECHO {message}\r\n", reply: r"{message}\n", welcome: Some("hi\\n") };
        let echo = Script::of_templates(&echo, &wanted()).unwrap();
        assert_eq!(written(&echo.request), "ECHO c3-4\r\n");
        assert_eq!(echo.welcome.as_deref(), Some(b"hi".as_slice()));
        assert!(echo.has_loose_welcome, "its line end may come or not");
        let udp = Wanted { is_datagram: true, ..wanted() };
        assert!(Script::of_templates(&ping, &udp).unwrap_err().contains("{message}"));
        let nothing = Templates { reply: "", ..ping };
        assert!(Script::of_templates(&nothing, &wanted()).unwrap_err().contains("--reply is empty"));
    }
}
