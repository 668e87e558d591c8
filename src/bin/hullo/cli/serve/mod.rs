//! `hullo serve`: flags and a config file, made into one call of the daemon.

mod plan;

use crate::cli::config::dialect_table;
use crate::cli::config::reference;
use crate::cli::config::{self, Config};
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::logger;
use crate::cli::output::nonblocking;
use crate::cli::output::stdout;
use crate::cli::units;
use crate::daemon::{self, Callbacks, SocketPlan};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hullo::Address;
use hullo::greeting::{Framing, Transport};
use log::LevelFilter;
use plan::Prepared;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use toml::Value;

const HELP: &str = "\
Examples:
  hullo serve
      greets on tcp://127.0.0.1:9999 and udp://127.0.0.1:9999
  hullo serve tcp://*:7000 unix:/run/hullo.sock --dialect indeed
      one dialect on a TCP port of every interface and on a Unix socket
  hullo serve udp://127.0.0.1:9000 --dialect quiet
      takes datagrams, and answers only a goodbye
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
      is empty or can be read only once
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
  PATH
      of a Unix socket: a stale one is replaced, and it is removed at the end";

/// Greet over TCP, UDP and Unix sockets
///
/// One thread serves every socket, unless told otherwise. Each one that is bound is announced in one line on stdout;
/// everything else goes to stderr.
#[derive(Args, Debug, Default)]
#[command(after_long_help = HELP)]
pub struct Serve {
    /// Where to listen: tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH
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

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(self) -> Result<ExitCode, Failure> {
        logger::start(self.log_level);
        if self.check_config {
            let prepared = plan::prepare(&self).map_err(Failure::into_usage)?;
            return stdout::print(&self.report(&prepared)).map(|()| ExitCode::SUCCESS);
        }
        let plan = plan::prepare(&self)?.plan;
        let reactors = plan.reactors;
        let make_plan = move || match plan::prepare_again(&self, reactors) {
            Ok(prepared) => Ok(prepared.plan),
            Err(failure) => Err(failure.in_one_line()),
        };
        let callbacks = Callbacks {
            announce: nonblocking::announce,
            print: nonblocking::print_line,
            make_plan: Arc::new(make_plan),
        };
        let summary = daemon::run(plan, callbacks)
            .map_err(|error| Failure::failed(&Place::default(), error.to_string()))?;
        nonblocking::print_line(&summary.to_string());
        let is_clean = summary.cut == 0 && !summary.is_forced;
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// All that is in effect, as a config file.
    fn report(&self, Prepared { plan, config }: &Prepared) -> String {
        let [file, limits, listen, dialect] = reference::tables().map(|table| table.to_comments());
        let sockets: Vec<String> = plan.sockets.iter().map(|socket| listen_table(socket, config)).collect();
        let dialects =
            config.dialects.custom().map(|dialect| dialect_table::write(dialect.name(), dialect.spec()));
        let dialects: Vec<String> = dialects.collect();
        let level = self.log_level.or(config.log_level).unwrap_or(logger::DEFAULT);
        let framing = match config.framing {
            Some(framing) => format!("framing = \"{framing}\"\n"),
            None => "# framing: of each socket, or of its dialect\n".to_owned(),
        };
        [
            "# What is in effect, as a config file. In a count k is 1000 and M a million; a\n\
             # size has KiB, MiB or no unit; a duration has ms, s, m or h, or is in seconds.\n"
                .to_owned(),
            file + &format!(
                "log_level = \"{}\"\nreactors = {}\n{framing}",
                level.as_str().to_lowercase(),
                plan.reactors
            ),
            limits + &config.limits.to_toml(),
            listen + &sockets.join("\n"),
            dialect + &dialects.join("\n"),
        ]
        .join("\n")
    }
}

fn listen_table(socket: &SocketPlan, config: &Config) -> String {
    let (address, dialect) = (&socket.address, &socket.dialect);
    let transport = config::transport(address);
    let mut table = "[[listen]]\n".to_owned();
    let mut line = |key: &str, value: String| {
        writeln!(table, "{key} = {}", Value::String(value)).expect("a string takes any text");
    };
    line("address", text(address));
    line("dialect", dialect.name().to_owned());
    if transport == Transport::Stream {
        line("framing", dialect.spec().framing.to_string());
    }
    if let Some(mode) = socket.options.mode {
        line("mode", format!("{mode:04o}"));
    }
    let by_itself = config.dialects.find(dialect.name(), transport);
    if by_itself.is_some_and(|by_itself| by_itself.max_message() != dialect.max_message()) {
        let size = units::write_size(dialect.max_message());
        writeln!(table, "# by --max-message, messages up to {size}").expect("a string takes any text");
    }
    table
}

/// As it is read: what is shown of a path leaves out what would steer a terminal.
fn text(address: &Address) -> String {
    match address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Unixgram(path) => format!("unixgram:{}", path.display()),
        Address::Unixpacket(path) => format!("unixpacket:{}", path.display()),
        other => other.to_string(),
    }
}

/// At least one.
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
