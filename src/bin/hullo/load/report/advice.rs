//! What most likely stands behind the causes of a run, and what helps. Nothing is judged by it.

use crate::load::books::causes::{Cause, SessionEnd};
use crate::load::books::handshakes::{CertificateFault, HandshakeFault};
use crate::load::books::outcome::{Evidence, EvidenceKind, Outcome};
use crate::load::plan::Framing;
use crate::load::plan::script::Script;
use hullo::greeting::{Dialect, Transport};
use std::io::ErrorKind;

/// The longest message that a server takes unless it was told otherwise: `max_message` of a dialect.
const USUAL_LIMIT: usize = 1024;

/// Gives a sentence for each cause of which it is known what helps.
pub fn advice(outcome: &Outcome, script: &Script) -> Vec<String> {
    let happened = |cause: Cause| outcome.failures.number(&cause) > 0;
    let nobody_there =
        |cause: &Cause| matches!(cause, Cause::ConnectRefused | Cause::Connect(ErrorKind::NotFound, _));
    let sentences = [
        outcome.failures.any(nobody_there).then(|| nobody_listens(outcome)),
        untrusted(outcome),
        no_tls(outcome),
        refused_by_alert(outcome),
        happened(Cause::NoWelcomeInTime).then(|| no_welcome(script)),
        happened(Cause::WrongWelcome).then(|| wrong_welcome(outcome)),
        happened(Cause::NoFirstReplyInTime).then(|| no_first_reply(outcome, script)),
        too_long(outcome, script),
        happened(Cause::UnexpectedReply).then(|| more_lines(outcome, script)).flatten(),
    ];
    sentences.into_iter().flatten().collect()
}

fn nobody_listens(outcome: &Outcome) -> String {
    let target = &outcome.target;
    let identity = if outcome.is_tls() { " --cert FILE --key FILE" } else { "" };
    format!(
        "nobody listened at {target}: start the server (hullo serve {target}{identity} starts one), or check the address"
    )
}

/// What helps with a certificate that is not trusted, or not for this server.
fn untrusted(outcome: &Outcome) -> Option<String> {
    let happened = |fault| {
        let cause = Cause::Handshake(HandshakeFault::Certificate(fault));
        outcome.failures.number(&cause) > 0
    };
    let is_any =
        outcome.failures.any(|cause| matches!(cause, Cause::Handshake(HandshakeFault::Certificate(_))));
    if happened(CertificateFault::Untrusted) {
        return Some(
            "nobody who is trusted has signed the server's certificate: name whoever has with --cacert FILE, or take any \
             certificate with --insecure"
                .to_owned(),
        );
    }
    if happened(CertificateFault::OtherName) {
        return Some(
            "the server's certificate is not for the host of the address: write it by a name that the certificate has, or \
             take any certificate with --insecure"
                .to_owned(),
        );
    }
    is_any.then(|| {
        "the server's certificate is of no use: give the server another one, or take any certificate with --insecure"
            .to_owned()
    })
}

/// What helps where the server seems to speak no TLS.
fn no_tls(outcome: &Outcome) -> Option<String> {
    let address = outcome.target.to_string().replacen("tls://", "tcp://", 1);
    if outcome.failures.number(&Cause::Handshake(HandshakeFault::NotTls)) > 0 {
        return Some(format!("the server speaks no TLS there: use {address}"));
    }
    let broken_off = |cause: &Cause| {
        matches!(cause, Cause::NoHandshakeInTime | Cause::Handshake(HandshakeFault::Ended(_)))
    };
    outcome.failures.any(broken_off).then(|| {
        format!(
            "the server did not go through with the TLS handshake: see what it says of it, or use {address} if it speaks \
             no TLS there"
        )
    })
}

/// By TLS 1.3 a server refuses behind our end of the handshake.
fn refused_by_alert(outcome: &Outcome) -> Option<String> {
    let is_alert = |cause: &Cause| {
        matches!(
            cause,
            Cause::Handshake(HandshakeFault::Alert(_))
                | Cause::EndedBeforeWelcome(SessionEnd::Alert)
                | Cause::EndedBeforeFirstReply(SessionEnd::Alert)
        )
    };
    outcome.failures.any(is_alert).then(|| {
        "the server ended it with a TLS alert: see what it says of it; it may want a certificate of ours, and hullo load \
         shows none"
            .to_owned()
    })
}

fn no_welcome(script: &Script) -> String {
    let Some(dialect) = &script.dialect else {
        return "the server did not say the --welcome first: leave it out if it waits for a request"
            .to_owned();
    };
    let welcome = script.welcome.as_deref().unwrap_or_default();
    format!(
        "the dialect {dialect} begins with \"{}\", which never came: name what the server speaks with --dialect, or with \
         --request and --reply, like --request 'PING\\r\\n' --reply '+PONG\\r\\n' for Redis, or --request \
         '{{message}}\\n' --reply '{{message}}\\n' for an echo server",
        welcome.escape_ascii()
    )
}

fn wrong_welcome(outcome: &Outcome) -> String {
    let wrong = outcome.evidence.iter().find(|evidence| evidence.kind == EvidenceKind::WrongWelcome);
    let said = wrong.map_or(&[][..], |evidence| &evidence.received);
    let speaks = |dialect: &Dialect| {
        let welcome = dialect.spec().welcome.as_deref();
        welcome.is_some_and(|welcome| said.starts_with(welcome.as_bytes()))
    };
    let streams = Dialect::builtins().filter(|(transport, _)| *transport == Transport::Stream);
    match streams.map(|(_, dialect)| dialect).find(speaks) {
        Some(dialect) => {
            format!("that welcome is the one of the dialect {0}: use --dialect {0}", dialect.name())
        }
        None => "the server says something else first: give it as --welcome, with --request and --reply"
            .to_owned(),
    }
}

fn no_first_reply(outcome: &Outcome, script: &Script) -> String {
    if outcome.evidence.iter().any(|evidence| evidence.kind == EvidenceKind::Unfinished) {
        return "of a reply only a part came, which is in the evidence: give in --reply what the server says, and no more"
            .to_owned();
    }
    if outcome.target.is_datagram() {
        return match script.request.longest() > USUAL_LIMIT {
            true => format!(
                "servers drop datagrams over their limit, which is {USUAL_LIMIT} bytes in hullo serve: choose a smaller \
                 --size, or give the server a larger --max-message"
            ),
            false => "no datagram was answered: check that the server listens there, and what it answers"
                .to_owned(),
        };
    }
    "the server may still wait for the end of the request: end it as the protocol does, with \\r\\n or \\n, and check \
     --framing"
        .to_owned()
}

/// The server itself has named its limit, or has ended connections on which more was said than servers usually take.
fn too_long(outcome: &Outcome, script: &Script) -> Option<String> {
    let Some(limit) = outcome.evidence.iter().find_map(limit) else {
        let ends = outcome.failures.number(&Cause::Ended(SessionEnd::Closed)) > 0;
        return (ends && script.request.longest() > USUAL_LIMIT).then(|| {
            format!(
                "a message over the server's limit may be why it ended connections (hullo serve takes {USUAL_LIMIT} \
                 bytes): choose a smaller --size, or give the server a larger limit"
            )
        });
    };
    Some(format!(
        "the server takes messages of at most {limit} bytes: choose a smaller --size or a shorter message, or give the \
         server a larger limit (--max-message of hullo serve)"
    ))
}

/// `message too long (limit 1024 bytes)`, as hullo serve has it.
fn limit(evidence: &Evidence) -> Option<u64> {
    let said = String::from_utf8_lossy(&evidence.received);
    let (_, behind) = said.split_once("message too long (limit ")?;
    behind.split_once(" bytes")?.0.parse().ok()
}

/// Says what helps where more came on a stream than was due.
fn more_lines(outcome: &Outcome, script: &Script) -> Option<String> {
    let lines = script.reply.lines();
    if outcome.target.is_datagram() {
        return None;
    }
    if script.framing == Framing::Raw || lines == 0 {
        return Some(
            "more came than one read brings, which is a reply where nothing else tells replies apart: use --framing line \
             with a --reply of whole lines, or shorter replies"
                .to_owned(),
        );
    }
    let lines = if lines == 1 { "one line".to_owned() } else { format!("{lines} lines") };
    Some(match &script.dialect {
        Some(dialect) => {
            format!(
                "more came than the {lines} of a reply in the dialect {dialect}: check --dialect, or give --reply"
            )
        }
        None => format!("replies have more than the {lines} of --reply: put all of their lines into it"),
    })
}
