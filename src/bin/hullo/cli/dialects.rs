//! `hullo dialects`: the built-in dialects, as a table or as TOML to start from.

use crate::cli::config::dialect_table;
use crate::cli::output::columns::{pad, width};
use crate::cli::output::failure::Failure;
use crate::cli::output::stdout;
use crate::cli::units;
use clap::Args;
use hullo::greeting::{Dialect, DialectSpec, Transport};
use std::process::ExitCode;

const HELP: &str = "\
Examples:
  hullo dialects --toml > hullo.toml
      a config to start from: see hullo.toml(5)";

/// List the dialects that are built in
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Dialects {
    /// Print them as config tables, to change or to start from
    #[arg(long)]
    toml: bool,
}

impl Dialects {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let text = if self.toml { as_toml() } else { as_table() };
        stdout::print(&text).map(|()| ExitCode::SUCCESS)
    }
}

fn as_toml() -> String {
    let mut text = "# Copy a table into the file of `hullo serve --config FILE`, rename and change\n\
                    # it, and name it there in a [[listen]]. hullo.toml(5) explains each key.\n"
        .to_owned();
    for (transport, dialect) in Dialect::builtins() {
        text += "\n";
        text += &dialect_table::write(table_name(transport, &dialect), dialect.spec());
    }
    text
}

/// The name of the table of a dialect. There are two dialects called `hello`, and a file may have one table of a name.
fn table_name(transport: Transport, dialect: &Dialect) -> &str {
    match (transport, dialect.name()) {
        (Transport::Datagram, "hello") => "hello-datagram",
        (_, name) => name,
    }
}

fn as_table() -> String {
    let head = ["NAME", "TRANSPORT", "WELCOME", "ANSWER (DELAY)", "FAREWELL", "TEXT"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(Dialect::builtins().map(|(transport, dialect)| row(transport, &dialect)));

    let width = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, column)| pad(cell, column));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

fn row(transport: Transport, dialect: &Dialect) -> [String; 6] {
    let spec = dialect.spec();
    let nothing = || "-".to_owned();
    let transport = match transport {
        Transport::Stream => "stream",
        Transport::Datagram => "datagram",
    };
    let answer = spec.reply.clone().unwrap_or_else(nothing);
    let answer = if spec.close_after_reply { format!("{answer}, then close") } else { answer };
    let delay = units::write_duration(spec.delay);
    let answer = if spec.delay.is_zero() { answer } else { format!("{answer} ({delay})") };
    [
        dialect.name().to_owned(),
        transport.to_owned(),
        spec.welcome.clone().unwrap_or_else(nothing),
        answer,
        farewell(spec).unwrap_or_else(nothing),
        spec.encoding.clone(),
    ]
}

fn farewell(spec: &DialectSpec) -> Option<String> {
    let word = spec.farewell.as_ref()?;
    let answered = if spec.farewell_reply.is_some() { ", answered" } else { "" };
    Some(format!("{word}{answered}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;
    use crate::cli::output::columns::WIDTH;

    #[test]
    fn the_printed_toml_reads_back_as_the_dialects_themselves() {
        let config = Config::parse("dialects.toml", &as_toml()).unwrap();
        let mut count = 0;
        for (transport, dialect) in Dialect::builtins() {
            let name = table_name(transport, &dialect);
            let read = config.dialects.custom().find(|read| read.name() == name).unwrap();
            assert_eq!(read.spec(), dialect.spec(), "{name}");
            count += 1;
        }
        assert_eq!(count, config.dialects.custom().count());
    }

    #[test]
    fn the_columns_of_the_table_line_up() {
        let table = as_table();
        let starts = |line: &str, cell: &str| width(&line[..line.find(cell).unwrap()]);
        let lines: Vec<&str> = table.lines().collect();
        let receipt = lines.iter().find(|line| line.starts_with("receipt")).unwrap();
        assert_eq!(starts(lines[0], "FAREWELL"), starts(receipt, "bye"));
        assert_eq!(starts(lines[0], "TEXT"), starts(receipt, "gbk"));
        assert_eq!(lines.len(), 10);
        assert!(lines.iter().all(|line| width(line) <= WIDTH), "{table}");
    }
}
