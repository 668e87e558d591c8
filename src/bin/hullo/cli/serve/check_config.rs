//! `hullo serve --check-config`: what is in effect, as a config file.

use super::flags::Serve;
use super::plan::Prepared;
use crate::cli::config::listen_table::transport;
use crate::cli::config::{Config, dialect_table, reference};
use crate::cli::output::logger;
use crate::cli::units;
use crate::daemon::SocketPlan;
use hullo::Address;
use hullo::greeting::Transport;
use std::fmt::Write;
use toml::Value;

/// Writes all that is in effect as a config file.
pub fn report(serve: &Serve, Prepared { plan, config }: &Prepared) -> String {
    let [file, limits, listen, dialect] = reference::tables().map(|table| table.to_comments());
    let sockets: Vec<String> = plan.sockets.iter().map(|socket| listen_table(socket, config)).collect();
    let dialects =
        config.dialects.custom().map(|dialect| dialect_table::write(dialect.name(), dialect.spec()));
    let dialects: Vec<String> = dialects.collect();
    let level = serve.log_level.or(config.log_level).unwrap_or(logger::DEFAULT);
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

fn listen_table(socket: &SocketPlan, config: &Config) -> String {
    let (address, dialect) = (&socket.address, &socket.dialect);
    let transport = transport(address);
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
    if let Some(tls) = &socket.tls {
        line("cert", tls.cert.display().to_string());
        line("key", tls.key.display().to_string());
    }
    let by_itself = config.dialects.find(dialect.name(), transport);
    if by_itself.is_some_and(|by_itself| by_itself.max_message() != dialect.max_message()) {
        let size = units::write_size(dialect.max_message());
        writeln!(table, "# by --max-message, messages up to {size}").expect("a string takes any text");
    }
    table
}

/// Writes an address as the config is read. Its display is no use here: that leaves out of a path what would steer a
/// terminal.
fn text(address: &Address) -> String {
    match address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Unixgram(path) => format!("unixgram:{}", path.display()),
        Address::Unixpacket(path) => format!("unixpacket:{}", path.display()),
        other => other.to_string(),
    }
}
