//! The dialects that come with hullo.

use std::time::Duration;

use super::dialect::Dialect;
use super::spec::{DialectSpec, Transport};

/// Every built-in dialect, in the order `hullo dialects` lists them.
pub(super) fn all() -> impl Iterator<Item = (Transport, Dialect)> {
    table().into_iter().map(|(transport, name, spec)| {
        let dialect = Dialect::new(name, spec).expect("the built-in dialects are valid, a test says");
        (transport, dialect)
    })
}

fn table() -> [(Transport, &'static str, DialectSpec); 9] {
    use Transport::{Datagram, Stream};
    let text = |text: &str| Some(text.to_owned());
    let none = DialectSpec::default;
    let hello = DialectSpec {
        welcome: text("Welcome!"),
        reply: text("Hello, {message}!"),
        farewell: text("exit"),
        ..none()
    };
    let patient = DialectSpec { delay: Duration::from_secs(1), ..hello.clone() };
    let plain = DialectSpec { reply: text("Hello, {message}"), ..patient.clone() };
    let receipt = DialectSpec {
        reply: text("数据[{message}]收到了!"),
        farewell: text("bye"),
        farewell_reply: text("数据[{message}]收到了!"),
        encoding: "gbk".to_owned(),
        ..none()
    };
    let indeed =
        DialectSpec { welcome: text("Hello WorldAAA"), reply: text("{message} 是的呢"), ..none() };
    let once = DialectSpec { reply: text("我是Server"), close_after_reply: true, ..none() };
    let echo = DialectSpec { reply: text("Echo: {message}!"), encoding: "bytes".to_owned(), ..none() };
    let quiet = DialectSpec { farewell: text("bye"), farewell_reply: text("bye"), ..none() };
    [
        (Stream, "hello", hello),
        (Stream, "patient", patient),
        (Stream, "plain", plain),
        (Stream, "receipt", receipt),
        (Stream, "indeed", indeed),
        (Stream, "once", once),
        (Datagram, "hello", DialectSpec { reply: text("Hello, {message}!"), ..none() }),
        (Datagram, "echo", echo),
        (Datagram, "quiet", quiet),
    ]
}
