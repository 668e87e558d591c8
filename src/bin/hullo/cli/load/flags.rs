//! The flags of `hullo load`, as they are typed.

use crate::cli::trust::Trust;
use crate::cli::units;
use crate::load::{Check, Expectation, Framing, Rate, Sources};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hullo::Address;
use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
Examples:
  hullo load tcp://127.0.0.1:9999
      50 clients for 10 s, each sending when its reply has come
  hullo load tcp://127.0.0.1:9999 -c 10000 -d 1m -r 20k
      10,000 clients, 20,000 requests a second between them, whatever the
      replies do
  hullo load udp://127.0.0.1:9999 -c 1000 -n 100k --dialect echo
      1,000 flows of datagrams
  hullo load tcp://127.0.0.1:9999 --churn -c 20
      a connection for each request
  hullo load tls://localhost:9443 --cacert chain.pem
      over TLS, with how long whole handshakes take
  hullo load tcp://127.0.0.1:6379 --request 'PING\\r\\n' --reply '+PONG\\r\\n'
      Redis
  hullo load tcp://127.0.0.1:9999 -r 1000 --expect 'p99<5ms' --json -q
      for a script: one JSON object on stdout, and the exit status

Exit status:
  2         usage
  130, 143  STOPPED by SIGINT or SIGTERM, with the report so far
  1         FAILED: nothing was completed
  3         FAILED: an --expect is broken
  1         FAILED: it ended early, since no client was left
  1         FAILED: an error that no --expect 'errors<=...' above 0 allows
  4         NOT TRUSTWORTHY: an --expect that a faster generator might have met;
            or with --rate and no --expect, requests were sent late, or our own
            receive queues dropped datagrams and no reply was wrong
  3         FELL SHORT: not all was sent that was planned, with any --expect
  1         FELL SHORT, with --rate and no --expect
  4         NOT TRUSTWORTHY: too few samples for a percentile of an --expect (a p50
            wants 5, a p90 29, a p99 299 and a p99.9 2,995)
  0         PASSED; a report or file that cannot be written is 1 all the same
The first that applies counts.

Signals:
  SIGINT, SIGTERM
      end it, with a report of what has been measured; a second one ends it at
      once";

/// Test a server with many clients, and check every reply
///
/// Without --rate, a client sends its next request when the reply to the one before has come (a closed loop): the rate is
/// what the server makes of it. With --rate, requests leave by the clock (an open loop), and a reply is timed from the
/// instant at which its request was planned, so that a server that stalls cannot hide it.
///
/// First every client comes to life, with its welcome or a first reply. Then, after a warm-up, the measuring begins.
///
/// Over TLS every connection has a whole handshake, with --churn as well: none goes on from an earlier one, which would hide
/// what a new client costs the server.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Load {
    /// Whom to test: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH
    #[arg(value_name = "URL")]
    pub address: Address,

    /// Clients, in all; on datagrams flows with a socket each
    #[arg(short, long, value_name = "N", default_value = "50", value_parser = units::count)]
    pub connections: usize,

    /// How long to measure, like 30s; with --requests too, the first one reached counts [default: 10s]
    #[arg(short, long, value_name = "D", value_parser = units::duration)]
    pub duration: Option<Duration>,

    /// How many requests to measure, in all
    #[arg(short = 'n', long, value_name = "N", value_parser = units::count)]
    pub requests: Option<usize>,

    /// Requests a second in all, by the clock: 1000, 0.5, or 100:2000 for a rate that grows
    #[arg(short, long, value_name = "N[:M]", value_parser = rate)]
    pub rate: Option<Rate>,

    /// Requests that one client may have in flight; more than 1 needs --framing line or datagrams
    ///
    /// In a closed loop at most 128 datagrams are in flight in all, since a receive queue of the usual size holds little
    /// more: the clients take turns.
    #[arg(long, value_name = "K", default_value = "1", value_parser = units::count)]
    pub outstanding: usize,

    /// A connection for each request: connect, welcome, request, reply, farewell, close
    #[arg(long)]
    pub churn: bool,

    /// Clients begun a second [default: as fast as 256 handshakes at a time go]
    #[arg(long, value_name = "N", value_parser = steady_rate)]
    pub connect_rate: Option<Rate>,

    /// How long a client may take to come to life
    #[arg(long, value_name = "D", default_value = "10s", value_parser = units::duration)]
    pub connect_timeout: Duration,

    /// How long a reply may take; later it is counted as late
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::duration)]
    pub timeout: Duration,

    /// How long requests are sent before the measuring begins
    #[arg(long, value_name = "D", default_value = "1s", value_parser = units::duration)]
    pub warmup: Duration,

    /// How long to wait for replies after the last request
    #[arg(long, value_name = "D", default_value = "2s", value_parser = units::duration)]
    pub drain: Duration,

    /// What the server speaks, of `hullo dialects`
    #[arg(long, value_name = "NAME", default_value = "hello", conflicts_with_all = ["request", "reply", "welcome"])]
    pub dialect: String,

    /// How messages are told apart on a stream: raw or line
    ///
    /// line: each message and each reply ends in a newline. raw: nothing is added, and a message has at most 1024 bytes,
    /// since reads may split a longer one.
    #[arg(long, value_name = "F", default_value = "line", hide_possible_values = true, value_parser = framing())]
    pub framing: Framing,

    /// The message; {conn}, {seq} and {rand} stand for the client, its request and 16 random digits [default: c{conn}-{seq}]
    ///
    /// On datagrams the flow, the sequence and a mark of this run follow it, to tell what was lost, late, doubled or
    /// reordered.
    #[arg(short, long, value_name = "TEXT", conflicts_with = "size")]
    pub message: Option<String>,

    /// Messages of that size instead, like 512, 64KiB or 100..1000
    #[arg(short, long, value_name = "N[..M]", value_parser = sizes)]
    pub size: Option<(u32, u32)>,

    /// Any other protocol: the request, with \r \n \t \0 \\ \xNN and {message}
    #[arg(long, value_name = "T", requires = "reply")]
    pub request: Option<String>,

    /// The reply that is due to it
    #[arg(long, value_name = "T", requires = "request")]
    pub reply: Option<String>,

    /// What the server says first, if it does
    #[arg(long, value_name = "T", requires = "request")]
    pub welcome: Option<String>,

    /// How closely replies are looked at: full (each byte), length or none
    #[arg(long, value_name = "HOW", default_value = "full", hide_possible_values = true, value_parser = check())]
    pub check: Check,

    /// Our own addresses, used in turn: each has some 28,000 ports for the server
    #[arg(long, value_name = "ADDR[/LEN]", value_parser = Sources::parse)]
    pub source: Option<Sources>,

    #[command(flatten)]
    pub trust: Trust,

    /// What must hold, like 'p99<5ms'; may be given again
    ///
    /// Of p50, p90, p99, p99.9 and max (of the response time), rate, errors (a share, like 0.1%) and lost, with < <= > >= ==.
    /// Errors are of the planned requests: what was never sent is one, and so is a client that was lost or never came.
    #[arg(long, value_name = "EXPR", value_parser = Expectation::parse)]
    pub expect: Vec<Expectation>,

    /// Print one JSON object on stdout instead of text, as -o - does
    #[arg(long)]
    pub json: bool,

    /// Write the JSON object to a file; in each of these - is stdout, in place of the text
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write an HdrHistogram interval log
    ///
    /// It and the plots keep 256 intervals: from then on each stands for two seconds, then for four, and so on.
    #[arg(long, value_name = "FILE")]
    pub hdr: Option<PathBuf>,

    /// Write one JSON line for each second
    #[arg(long, value_name = "FILE")]
    pub timeseries: Option<PathBuf>,

    /// No progress on stderr
    #[arg(short, long)]
    pub quiet: bool,

    /// How often a line of progress comes where stderr is no terminal
    #[arg(short, long, value_name = "D", default_value = "5s", value_parser = units::duration)]
    pub interval: Duration,
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(["raw", "line"]).map(|name| match name.as_str() {
        "raw" => Framing::Raw,
        _ => Framing::Line,
    })
}

fn check() -> impl TypedValueParser<Value = Check> {
    PossibleValuesParser::new(["full", "length", "none"]).map(|name| match name.as_str() {
        "length" => Check::Length,
        "none" => Check::None,
        _ => Check::Full,
    })
}

/// Reads a rate, with `k` and `M` as in any count.
fn rate(text: &str) -> Result<Rate, String> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    let plain = |part: &str| match units::count(part) {
        Ok(number) => number.to_string(),
        Err(_) => part.to_owned(),
    };
    Rate::parse(&text.split(':').map(plain).collect::<Vec<_>>().join(":"))
}

/// Reads a rate that stays the same.
fn steady_rate(text: &str) -> Result<Rate, String> {
    match text.contains(':') {
        true => Err("a rate that changes, and clients are begun at one: write it as 1000 or 0.5".to_owned()),
        false => rate(text),
    }
}

/// Reads the least and the greatest size: `512`, `64KiB`, `100..1000`.
fn sizes(text: &str) -> Result<(u32, u32), String> {
    const MOST: usize = 1 << 20;
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (units::size(least)?, units::size(most)?);
    match () {
        () if least == 0 => Err("no size: choose at least 1".to_owned()),
        () if least > most => {
            Err("a range that ends before it begins: write the smaller size first".to_owned())
        }
        () if most > MOST => Err("larger than 1MiB: choose a smaller size".to_owned()),
        () => Ok((least as u32, most as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sizes_are_written_as_counts_and_sizes_are() {
        assert_eq!(rate("20k").unwrap().to_string(), "20000");
        assert_eq!(rate("0.5:2k").unwrap().to_string(), "0.5:2000");
        assert_eq!(rate("1e3:10K").unwrap().to_string(), "1000:10000");
        assert_eq!(rate("50/s").unwrap().to_string(), "50");
        assert!(rate("fast").unwrap_err().starts_with("not a rate"));
        assert_eq!(sizes("512"), Ok((512, 512)));
        assert_eq!(sizes("1KiB..2KiB"), Ok((1024, 2048)));
        for (text, part) in
            [("0", "at least 1"), ("9..8", "smaller size first"), ("2MiB", "1MiB"), ("x", "not a size")]
        {
            assert!(sizes(text).unwrap_err().contains(part), "{text}");
        }
    }
}
