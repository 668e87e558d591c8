//! The flags of `hullo serve`, as they are typed.

use crate::cli::units;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hullo::Address;
use hullo::greeting::Framing;
use log::LevelFilter;
use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
Examples:
  hullo serve
      greets on tcp://127.0.0.1:9999 and udp://127.0.0.1:9999
  hullo serve tcp://*:7000 unix:/run/hullo.sock --dialect indeed
      one dialect on a TCP port of every interface and on a Unix socket
  hullo serve udp://127.0.0.1:9000 --dialect quiet
      takes datagrams, and answers only a goodbye
  hullo serve tls://*:7443 --cert chain.pem --key key.pem
      greets over TLS
  hullo serve --config hullo.toml --check-config
      shows every limit and socket that the file leads to, and opens none

Exit status:
  0  done
  1  failed, or clients were cut
  2  usage or configuration

Signals:
  SIGTERM, SIGINT
      end it in order; a second one ends it at once
  SIGHUP
      re-reads the config; a broken one changes nothing, nor does one that
      is empty or can be read only once; certificates are read again as well
  SIGUSR1
      prints the counters on stderr
What was ignored at the start (nohup, background jobs) stays ignored.

Environment:
  HULLO_LOG
      filters the log by module, as in HULLO_LOG=warn,hullo::daemon=debug
  JOURNAL_STREAM
      set by systemd: where its journal reads the log, a line has a priority
      and no time
  NO_COLOR
      no colours in the log, if it is set and not empty

Files:
  hullo.toml
      the config, under any name: see hullo.toml(5)
  chain.pem, key.pem
      of --cert and --key, under any names
  PATH
      of a Unix socket: a stale one is replaced, and it is removed at the end";

/// Greet over TCP, TLS, UDP and Unix sockets
///
/// One thread serves every socket, unless told otherwise. Each one that is bound is announced in one line on stdout;
/// everything else goes to stderr.
#[derive(Args, Debug, Default)]
#[command(after_long_help = HELP)]
pub struct Serve {
    /// Where to listen: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH
    ///
    /// HOST is an address, a name (each of its addresses is bound) or * (every interface, IPv6 and IPv4). An IPv6
    /// address stands in brackets, a link-local one with its interface: [fe80::1%eth0]. The arguments take the place of
    /// every [[listen]] in the config. With neither, it is tcp://127.0.0.1:9999 and udp://127.0.0.1:9999.
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<Address>,

    /// What to say: a name from `hullo dialects` or from the config [default: hello]
    ///
    /// It applies to every socket whose kind has it; the others keep what the config gives them, or hello.
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,

    /// How streams are cut into messages: auto, raw or line
    ///
    /// raw: what one read returns is a message. line: a message ends in LF or CRLF, and an answer in LF. auto: line
    /// if the first read has a line end in it, else raw. This overrides what the dialect says.
    #[arg(long, value_name = "F", hide_possible_values = true, value_parser = framing())]
    pub framing: Option<Framing>,

    /// What tls:// addresses show to their clients: a certificate in PEM
    ///
    /// Those that lead from it to a root stand behind it in the same file. This overrides every cert in the config, as
    /// --key does every key. A reload reads both again, for the clients that come from then on.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Read sockets, dialects and limits from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check everything, print what is in effect, and open nothing
    ///
    /// Names are looked up as well. What is printed can be used as a config file.
    #[arg(long)]
    pub check_config: bool,

    /// Serve at most so many clients at once, like 500 or 10k [default: 10k]
    ///
    /// The others wait until one leaves. It is never more than the descriptor limit leaves room for.
    #[arg(long, value_name = "N", value_parser = clients)]
    pub max_connections: Option<usize>,

    /// The longest message, like 512 or 64KiB [default: 1KiB]
    ///
    /// This overrides what the dialect says.
    #[arg(long, value_name = "N", value_parser = units::size)]
    pub max_message: Option<usize>,

    /// Close clients that are silent for longer, like 30s or 5m; 0: never [default: 5m]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub idle_timeout: Option<Duration>,

    /// How long an orderly end may take, like 10s [default: 25s]
    ///
    /// Clients that have not read their answers by then are cut.
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub drain_timeout: Option<Duration>,

    /// Serve on so many threads, a reactor each, like 4 [default: 1]
    ///
    /// The kernel spreads the clients of a TCP or UDP port over them. Unix sockets, and datagram sockets that a farewell
    /// stops, are the first one's alone. Each takes an equal share of --max-connections, rounded up, and keeps its own
    /// count of datagrams per source. A reload does not change it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub reactors: Option<u16>,

    /// How much to log: off, error, warn, info, debug or trace [default: info]
    ///
    /// info tells of starts, stops and reloads, debug of each connection. This counts more than HULLO_LOG, and that more
    /// than log_level in the config. Where the journal of systemd reads it, a line has a priority and no time.
    #[arg(long, value_name = "L", hide_possible_values = true, value_parser = level())]
    pub log_level: Option<LevelFilter>,
}

/// Parses a number of clients, which is at least one.
fn clients(text: &str) -> Result<usize, String> {
    match units::count(text)? {
        0 => Err("too little: choose at least 1".to_owned()),
        number => Ok(number),
    }
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(["auto", "raw", "line"]).try_map(|name| name.parse::<Framing>())
}

fn level() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["off", "error", "warn", "info", "debug", "trace"])
        .try_map(|name| name.parse::<LevelFilter>())
}
