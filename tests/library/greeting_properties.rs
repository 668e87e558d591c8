//! What holds of every conversation, whatever the bytes and however they are cut into reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hullo::greeting::{
    Dialect, DialectSpec, Farewell, Framing, Guard, Next, Responder, Sender, Session, Verdict,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const DELAY: Duration = Duration::from_millis(700);

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() }
}

/// Byte streams full of line ends, farewells, halves of characters and lines about as long as the limit.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"\n",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b"Ann",
        b"c12-345\n",
        b"Emma\n",
        b"exit",
        b"exit\n",
        b"\nexit\r\n",
        b"bye\n",
        b"\0",
        b"\xC3",
        b"\xAB",
        b"\xE6\x98\xAF",
        b"\xCA\xFD",
        b"\x81\x30\x81\x30",
        b"\xFF",
        b"twelve bytes",
        b"a name of thirty-one characters\n",
        b"a name of thirty-two characters.\n",
        b"and one that is rather longer than that\r\n",
    ];
    let piece = prop_oneof![12 => select(pieces).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..80)];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// A stream and where it is cut.
fn cut_stream() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    stream().prop_flat_map(|stream| {
        let cuts = prop_oneof![vec(0..=stream.len(), 0..20), Just((0..=stream.len()).collect())];
        (Just(stream), cuts)
    })
}

fn text(texts: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    select(texts).prop_map(|text| (text != "-").then(|| text.to_owned()))
}

fn dialect(framing: &'static [Framing]) -> impl Strategy<Value = Arc<Dialect>> {
    let texts = (
        text(&["-", "Welcome!"]),
        text(&[
            "Hello, {message}!",
            "Hello, {message}!",
            "-",
            "",
            "数",
            "{message}",
            "{message}{message} {message}",
            "A greeting of more than thirty-two bytes: {message}",
        ]),
        text(&["-", "exit", "exit", "bye", "a name of thirty-two characters."]),
        text(&["-", "-", "{message}, too"]),
    );
    let rest = (
        select(&[false, false, false, true][..]),
        select(&[Duration::ZERO, Duration::ZERO, DELAY][..]),
        select(&["utf-8", "utf-8", "gbk", "bytes"][..]),
        select(framing),
        select(&[1024, 1024, 40, 32, 31, 12, 5, 4, 1][..]),
        any::<bool>(),
    );
    (texts, rest).prop_filter_map("a spec that is refused", |(texts, rest)| {
        let (welcome, reply, farewell, farewell_reply) = texts;
        let (close_after_reply, delay, encoding, framing, max_message, strict) = rest;
        let spec = DialectSpec {
            welcome,
            reply,
            farewell,
            farewell_reply,
            close_after_reply,
            stop_on_farewell: false,
            delay,
            encoding: encoding.to_owned(),
            framing,
            max_message,
            strict,
        };
        Dialect::new("test", spec).ok().map(Arc::new)
    })
}

/// Holds a whole conversation as the daemon does: pausing while the session waits, then EOF.
fn converse(dialect: &Arc<Dialect>, reads: &[&[u8]]) -> (Vec<u8>, Farewell) {
    let mut session = Session::new(dialect.clone());
    let (mut now, mut out) = (Instant::now(), Vec::new());
    for read in reads.iter().map(Some).chain([None]) {
        let mut next = match read {
            Some(bytes) => session.receive(bytes, now, &mut out),
            None => session.peer_eof(now, &mut out),
        };
        while let Next::Wait(due) = next {
            now = due;
            next = session.timeout(now, &mut out);
        }
        if let Next::Close(why) = next {
            return (out, why);
        }
    }
    panic!("the session outlived EOF");
}

fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends = cuts.to_vec();
    ends.extend([0, stream.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect()
}

/// Line framing said once more, as plainly as can be.
fn model(spec: &DialectSpec, stream: &[u8]) -> (Vec<u8>, Farewell) {
    let mut out = Vec::new();
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap();
    let whole = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for message in whole.chain((!last.is_empty()).then_some(last)) {
        if message.len() > spec.max_message {
            out.extend(format!("error: message too long (limit {} bytes)\n", spec.max_message).bytes());
            return (out, Farewell::TooLong);
        }
        let is_farewell = spec.farewell.as_ref().is_some_and(|farewell| farewell.as_bytes() == message);
        if spec.strict && std::str::from_utf8(message).is_err() {
            out.extend(b"error: message is not valid UTF-8\n");
            return (out, Farewell::NotText);
        }
        if let Some(template) = if is_farewell { &spec.farewell_reply } else { &spec.reply } {
            let pieces: Vec<&[u8]> = template.split("{message}").map(str::as_bytes).collect();
            out.extend(pieces.join(message));
            out.push(b'\n');
        }
        if is_farewell {
            return (out, Farewell::Word);
        }
        if spec.close_after_reply {
            return (out, Farewell::AfterReply);
        }
    }
    (out, Farewell::Eof)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lines_are_answered_the_same_however_the_stream_is_cut(
        dialect in dialect(&[Framing::Line]),
        (stream, cuts) in cut_stream(),
    ) {
        let whole = converse(&dialect, &[&stream]);
        let pieces = converse(&dialect, &cut(&stream, &cuts));
        prop_assert_eq!(whole.0.escape_ascii().to_string(), pieces.0.escape_ascii().to_string());
        prop_assert_eq!(whole.1, pieces.1);
    }

    #[test]
    fn lines_are_answered_as_the_model_answers_them(
        dialect in dialect(&[Framing::Line]).prop_filter("the model knows UTF-8 only", |dialect| dialect.spec().encoding != "gbk"),
        (stream, cuts) in cut_stream(),
    ) {
        let expected = model(dialect.spec(), &stream);
        let heard = converse(&dialect, &cut(&stream, &cuts));
        prop_assert_eq!(heard.0.escape_ascii().to_string(), expected.0.escape_ascii().to_string());
        prop_assert_eq!(heard.1, expected.1);
    }

    #[test]
    fn raw_strict_text_is_neither_lost_nor_reordered_by_cuts(
        words in vec(select(&["Ann", "Zoë", "是的", "😀"][..]), 1..20),
        cuts in vec(0usize..100, 0..20),
    ) {
        let spec = DialectSpec {
            reply: Some("{message}".to_owned()), framing: Framing::Raw, strict: true, max_message: 7, ..DialectSpec::default()
        };
        let dialect = Arc::new(Dialect::new("test", spec).unwrap());
        let stream = words.concat().into_bytes();
        let cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (stream.len() + 1)).collect();
        prop_assert_eq!(converse(&dialect, &cut(&stream, &cuts)), (stream, Farewell::Eof));
    }

    #[test]
    fn no_order_of_calls_panics_or_grows_the_tail_or_wakes_what_is_closed(
        dialect in dialect(&[Framing::Raw, Framing::Line, Framing::Auto]),
        calls in vec((0u8..20, stream(), 0u32..3), 0..40),
    ) {
        let mut session = Session::new(dialect.clone());
        let (mut now, mut out) = (Instant::now(), Vec::new());
        let mut closed = None;
        let mut waiting = 0;
        session.open(&mut out);
        for (call, bytes, ticks) in calls {
            now += ticks * DELAY / 2;
            let before = out.clone();
            let next = match call {
                0 => session.peer_eof(now, &mut out),
                1 => session.finish(),
                2..=7 => session.timeout(now, &mut out),
                _ => {
                    waiting += bytes.len();
                    session.receive(&bytes, now, &mut out)
                }
            };
            prop_assert!(out.starts_with(&before), "what was said was changed");
            prop_assert!(closed.is_none_or(|end| end == next && out == before), "{:?} after {:?}", next, closed);
            if let Next::Close(_) = next {
                prop_assert_eq!(session.held(), 0);
                closed = Some(next);
            }
            prop_assert!(dialect.has_delay() || !matches!(next, Next::Wait(_)));
            if !matches!(next, Next::Wait(_)) {
                waiting = 0;
            }
            // Bytes that came while a delay ran are kept, as promised; all else is one message at most.
            prop_assert!(session.held() <= dialect.max_message() + 1 + waiting, "held {}", session.held());
        }
    }

    #[test]
    fn output_never_exceeds_input_times_growth(
        dialect in dialect(&[Framing::Raw, Framing::Line, Framing::Auto]),
        (stream, cuts) in cut_stream(),
        flood in select(vec![&b""[..], b"\n", b"x", b"\r\n"]),
    ) {
        let stream = [flood.repeat(500), stream].concat();
        let heard = converse(&dialect, &cut(&stream, &cuts)).0.len();
        prop_assert!(heard <= dialect.growth() * stream.len() + 64, "{} bytes for {}", heard, stream.len());
        // One byte a read is the worst case of raw framing.
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let heard = converse(&dialect, &bytes).0.len();
        prop_assert!(heard <= dialect.growth() * stream.len() + 64, "{} bytes for {}", heard, stream.len());
    }

    #[test]
    fn a_datagram_gets_one_answer_within_growth_or_none(
        dialect in dialect(&[Framing::Auto]),
        datagrams in vec((stream(), any::<bool>(), any::<u16>(), 0u32..2), 0..40),
    ) {
        let mut responder = Responder::new(dialect.clone(), Guard { sources: 3, ..Guard::default() });
        let mut now = Instant::now();
        for (bytes, truncated, port, ticks) in datagrams {
            now += ticks * DELAY;
            let source = match port {
                ..100 => Sender::Unnamed,
                100..200 => Sender::Local(&bytes),
                _ => Sender::Inet(([192, 0, 2, port as u8 % 8], port).into()),
            };
            let mut out = Vec::new();
            let verdict = responder.respond(&bytes, truncated, source, now, &mut out);
            let answered = matches!(verdict, Verdict::Answer | Verdict::AnswerAndStop);
            prop_assert_eq!(answered, !out.is_empty());
            prop_assert!(out.len() <= dialect.growth() * bytes.len());
            prop_assert!(!answered || !truncated && bytes.len() <= dialect.max_message());
        }
    }
}

#[test]
fn growth_is_reached_by_the_worst_client() {
    let spec = DialectSpec {
        reply: Some("Hello, {message}!".to_owned()),
        framing: Framing::Raw,
        ..DialectSpec::default()
    };
    let dialect = Arc::new(Dialect::new("test", spec).unwrap());
    let heard = converse(&dialect, &[&b"x"[..]; 100]).0.len();
    assert_eq!(heard, dialect.growth() * 100);
}
