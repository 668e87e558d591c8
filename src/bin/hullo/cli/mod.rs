//! The command line. Each command has its flags, as they are typed, and a plan, in which they are checked; then it makes one call
//! into the room that carries the plan out.
//!
//! ```text
//! serve/ talk/ fetch/ load/          the commands that have a room of their own below
//! dialects, completions, man         the commands that only print
//! config/                            the file of `hullo serve`
//! usage/                             what is said of a command line that cannot be parsed
//! output/                            results, errors and the log, on the standard streams
//! trust                              --cacert and --insecure of the clients
//! units, descriptors                 numbers as people write them; the descriptor limit
//! ```

mod completions;
mod config;
mod descriptors;
mod dialects;
mod fetch;
mod load;
mod man;
mod output;
mod serve;
mod talk;
mod trust;
mod units;
mod usage;

use clap::{Parser, Subcommand};
use output::failure::Failure;
use output::{columns, failure, logger, nonblocking, stdout};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

const HELP: &str = "\
Examples:
  hullo serve
      greets on port 9999 of this machine, TCP and UDP
  hullo serve tcp://127.0.0.1:7000 --dialect indeed
      speaks another dialect, on another port
  hullo dialects
      lists them
  hullo talk tcp://127.0.0.1:9999
      talks to it
  hullo load tcp://127.0.0.1:9999 -c 1000
      tests it with a thousand clients
  hullo fetch http://127.0.0.1:8000/ -o page.html
      fetches a page
  hullo help serve
      tells all about serving

Exit status:
  0         done
  1         failed
  2         usage or configuration
  3         load: an expectation is broken
  4         load: the result is not to be trusted
  130, 143  stopped by SIGINT or SIGTERM (serve ends in order, with 0)

Signals:
  SIGINT, SIGTERM
      end it: serve in order, load with a report; a second one at once
  SIGHUP
      serve reads its config again
  SIGUSR1
      serve prints its counters

Environment:
  HULLO_LOG
      filters the log of serve and fetch by module: HULLO_LOG=hullo=debug
  NO_COLOR
      no colours in the log, if it is set and not empty
  COLUMNS
      the width of the help where there is no terminal, at most 80";

/// A daemon that greets over TCP, UDP and Unix sockets, its clients, and a load tester
#[derive(Parser, Debug)]
#[command(name = "hullo", version, max_term_width = columns::WIDTH, after_long_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Serve),
    Talk(talk::Talk),
    Fetch(fetch::Fetch),
    Load(Box<load::Load>),
    Dialects(dialects::Dialects),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Does what the command line asks, and says with an exit code how that went.
pub fn run() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(Cli { command: Command::Serve(serve) }) => serve.run(),
        Ok(Cli { command: Command::Talk(talk) }) => talk.run(),
        Ok(Cli { command: Command::Dialects(dialects) }) => dialects.run(),
        Ok(Cli { command: Command::Fetch(fetch) }) => fetch.run(),
        Ok(Cli { command: Command::Load(load) }) => load.run(),
        Ok(Cli { command: Command::Completions(completions) }) => completions.run(),
        Ok(Cli { command: Command::Man(man) }) => man.run(),
        Err(answer) => return answer_of_parser(answer),
    };
    result.unwrap_or_else(|failure| report(&failure))
}

/// Prints what the parser has to say: help and version on stdout, a usage error on stderr.
fn answer_of_parser(answer: clap::Error) -> ExitCode {
    if answer.use_stderr() {
        let text = usage::explain(answer, &usage::command_line::typed());
        complain(text);
        return ExitCode::from(2);
    }
    stdout::print(&answer.render().to_string())
        .map_or_else(|failure| report(&failure), |()| ExitCode::SUCCESS)
}

fn report(failure: &Failure) -> ExitCode {
    complain(failure.to_string());
    failure.code()
}

/// Prints an error. A terminal would break lines within words, so that they are broken before; in a file or a pipe a sentence
/// is one line.
fn complain(text: String) {
    let text = logger::as_errors(failure::printable_lines(&text));
    let is_terminal = io::stderr().is_terminal();
    nonblocking::print_final(&if is_terminal { columns::fill(&text, columns::WIDTH, "  ") } else { text });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
