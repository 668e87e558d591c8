//! The page: one file, whole in itself, without a script.

mod fairness;
mod figure;
mod over_time;
mod plot;
mod scale;
mod slices;
mod spectrum;

use crate::load::books::outcome::{Latency, Mode, Outcome, Phase};
use crate::load::books::verdict::Judgement;
use crate::load::report::figures::{
    bytes, count, counted, differing, duration, exhibit_name, latency, max, percent, quantile, rate,
    start_time, visible,
};
use crate::load::report::headline::{Headline, Tone, measured, offered, verb};
use crate::load::report::verdict::is_lower_bound;
use figure::{Figure, Table};
use slices::Slice;
use std::fmt::Write;

/// One page that a browser opens from a file, by day and by night, on a screen of any width and on paper.
pub fn html(outcome: &Outcome) -> String {
    let slices = Slice::all(outcome);
    let [cpu, turns] = over_time::generator(outcome, &slices);
    let figures = [
        spectrum::spectrum(outcome),
        over_time::rates(outcome, &slices),
        over_time::latencies(&slices),
        over_time::failures(outcome, &slices),
        over_time::ramp(outcome, &slices),
        fairness::fairness(outcome),
        cpu,
        turns,
    ];
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>hullo load {}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n",
        escape(&outcome.target.to_string()),
        include_str!("style.css"),
    );
    page += &header(outcome);
    page += &tiles(outcome);
    page.extend(figures.iter().map(Figure::html));
    page += &section("Requests", &requests(outcome).html());
    page += &evidence(outcome);
    page += &section("Settings", &settings(outcome).html());
    page += "</main>\n</body>\n</html>\n";
    page
}

fn header(outcome: &Outcome) -> String {
    let headline = Headline::of(outcome);
    let tone = match headline.tone {
        Tone::Good => "good",
        Tone::Doubtful => "doubtful",
        Tone::Bad => "bad",
    };
    let mode = match outcome.mode {
        Mode::Open => "open loop",
        Mode::Closed => "closed loop",
    };
    let mut header = format!(
        "<header class=\"{tone}\">\n<p class=\"what\">hullo load <b>{}</b> &middot; {mode} &middot; {}</p>\n\
         <h1><em>{}:</em> {}</h1>\n",
        escape(&outcome.target.to_string()),
        start_time(outcome.began),
        headline.word,
        escape(&readable(headline.sentence)),
    );
    let verdict = &outcome.verdict;
    let mut sentences = verdict.faults.iter().chain(&verdict.remarks).peekable();
    if sentences.peek().is_some() || !verdict.expectations.is_empty() {
        header += "<ul>\n";
        for sentence in sentences {
            let _ = writeln!(header, "<li>{}</li>", escape(sentence));
        }
        for judged in &verdict.expectations {
            let class = if judged.judgement == Judgement::Held { "held" } else { "broken" };
            let verb = verb(judged.judgement);
            let (expression, value) =
                (escape(judged.expectation.text()), escape(&readable(measured(judged))));
            let _ = writeln!(header, "<li class=\"{class}\"><code>{expression}</code> {verb}: {value}</li>");
        }
        header += "</ul>\n";
    }
    header + "</header>\n"
}

/// The figures that are asked for first.
fn tiles(outcome: &Outcome) -> String {
    let books = &outcome.books;
    let latency = &outcome.latency;
    let at_least = if is_lower_bound(outcome) { "at least " } else { "" };
    let rates = match outcome.offered {
        Some(offer) if books.correct == 0 => format!("of {} offered", offered(offer)),
        Some(offer) => format!("{} of {}", percent(outcome.achieved_rate(), offer.mean()), offered(offer)),
        None => "closed loop, nothing offered".to_owned(),
    };
    let achieved = match books.correct {
        0 => "none".to_owned(),
        _ => format!("{at_least}{}", rate(outcome.achieved_rate())),
    };
    let mut tiles = vec![("achieved", achieved, rates)];
    for (name, at) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("slowest", 1.0)] {
        let [response, service] =
            [&latency.response, &latency.service].map(|histogram| quantile(histogram, at));
        let service =
            service.map_or("no reply came".to_owned(), |_| format!("service {}", maybe_lasted(service)));
        tiles.push((name, maybe_lasted(response), service));
    }
    let (share, of) = match outcome.errors() {
        None => (maybe_lasted(None), "nothing was sent".to_owned()),
        Some(errors) => {
            let planned = counted(books.sent + books.not_sent, "planned request", "planned requests");
            (percent(errors, 1.0), format!("of {planned}"))
        }
    };
    tiles.push(("errors", share, of));
    let connections = &outcome.connections;
    let lost = match connections.lost {
        0 => String::new(),
        lost => format!(", {} lost later", count(lost)),
    };
    tiles.push(match outcome.churn {
        true => {
            let at_a_time = counted(connections.asked, "client", "clients");
            ("sessions", count(connections.alive), format!("of {at_a_time}{lost}"))
        }
        false => {
            ("clients alive", count(connections.alive), format!("of {}{lost}", count(connections.asked)))
        }
    });
    let mut html = "<dl class=\"tiles\">\n".to_owned();
    for (name, figure, beside) in tiles {
        let [figure, beside] = [figure, beside].map(|text| escape(&text));
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{figure}<small>{beside}</small></dd></div>");
    }
    html + "</dl>\n"
}

fn requests(outcome: &Outcome) -> Table {
    let books = &outcome.books;
    let mut table = Table::new(&["", "requests", "share of sent", ""]);
    for (name, number, meaning) in [
        ("sent", books.sent, "in the time measured"),
        ("correct", books.correct, "the right reply, in time"),
        ("wrong", books.wrong, "a reply with other bytes"),
        ("late", books.late, "answered after the timeout"),
        ("lost", books.lost, "not answered, or their connection was lost"),
        ("unfinished", books.unfinished, "under way at the end"),
    ] {
        let share = percent(number as f64, books.sent as f64);
        table.rows.push(vec![name.to_owned(), count(number), share, meaning.to_owned()]);
    }
    for (name, number, meaning) in [
        ("not sent", books.not_sent, "planned, and never sent"),
        ("duplicate", books.duplicate, "datagrams that came again"),
        ("reordered", books.reordered, "datagrams that were overtaken"),
        ("foreign", books.foreign, "replies to no request of this run"),
    ] {
        table.rows.push(vec![name.to_owned(), count(number), String::new(), meaning.to_owned()]);
    }
    table
}

fn evidence(outcome: &Outcome) -> String {
    let mut html = String::new();
    for evidence in &outcome.evidence {
        let [expected, received] =
            differing(&evidence.expected, &evidence.received).map(|text| escape(&text));
        let _ = writeln!(
            html,
            "<div class=\"evidence\"><p>{}</p><dl><dt>expected</dt><dd><code>{expected}</code></dd>\
             <dt>received</dt><dd><code>{received}</code></dd></dl></div>",
            escape(&exhibit_name(evidence)),
        );
    }
    if html.is_empty() { html } else { section("Evidence", &html) }
}

fn settings(outcome: &Outcome) -> Table {
    let generator = &outcome.generator;
    let Latency { handshake, connect, .. } = &outcome.latency;
    let handshakes = outcome.is_tls().then(|| {
        [
            ("connect and TLS handshake, p99", maybe_lasted(quantile(handshake, 0.99))),
            ("connect and TLS handshake, slowest", maybe_lasted(max(handshake))),
        ]
    });
    let measured = [
        ("measured", duration(outcome.measured)),
        ("sent", bytes(outcome.bytes_sent)),
        ("received", bytes(outcome.bytes_received)),
        ("connect to welcome, p99", maybe_lasted(quantile(connect, 0.99))),
        ("connect to welcome, slowest", maybe_lasted(max(connect))),
        ("memory of a client", bytes(generator.bytes_per_client)),
        ("dropped by our own receive queues", counted(generator.receive_drops, "datagram", "datagrams")),
        ("version", format!("hullo {}", env!("CARGO_PKG_VERSION"))),
        ("kernel", format!("Linux {}", outcome.kernel)),
        ("seed", outcome.seed.to_string()),
        ("command", outcome.command.clone()),
    ];
    let mut table = Table::default();
    let settings = outcome.settings.iter().map(|(name, value)| (*name, value.to_string()));
    let figures = settings.chain(handshakes.into_iter().flatten()).chain(measured);
    table.rows.extend(figures.map(|(name, value)| vec![name.to_owned(), value]));
    table
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

/// Escapes a text so that it can stand between tags or within quotes, on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The page can write what a terminal may not.
fn readable(text: String) -> String {
    text.replace(" us", " \u{b5}s")
}

/// Writes microseconds; where `is_round`, as on an axis, without the zeros at the end.
fn lasted(microseconds: f64, is_round: bool) -> String {
    let text = latency(microseconds);
    let (number, unit) = text.split_once(' ').expect("a number and its unit");
    let number = match is_round && number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    readable(format!("{number} {unit}"))
}

fn maybe_lasted(microseconds: Option<u64>) -> String {
    microseconds.map_or("\u{2013}".to_owned(), |value| lasted(value as f64, false))
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Ramp => "ramp",
        Phase::WarmUp => "warm-up",
        Phase::Measure => "measured",
        Phase::Drain => "drain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_typed_is_text_and_no_markup() {
        assert_eq!(escape("<a href='x'>\"&amp;"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;");
        assert_eq!(escape("<\r\u{2028}>"), r"&lt;\x0d\xe2\x80\xa8&gt;");
    }
}
