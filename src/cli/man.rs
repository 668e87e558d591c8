//! `hullo man`: the manual page of hullo, or of one of its commands.

use super::failure::{Failure, Place};
use super::{Cli, output};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, roman};
use std::io;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  hullo man | man -l -               shows it
  hullo man serve > hullo-serve.1    writes the page of a command, to be installed in man1";

/// Print the manual page, in roff
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Man {
    /// The command whose page it is; without one, hullo itself
    command: Option<String>,
}

impl Man {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut hullo = Cli::command().disable_help_subcommand(true);
        hullo.build();
        let described = match &self.command {
            None => Some(&hullo),
            Some(name) => hullo.find_subcommand(name),
        };
        let Some(described) = described else { return Err(unknown(&hullo, &self.command)) };
        let mut roff = Vec::new();
        write(described, &mut roff).expect("a vector takes any text");
        output::print(&String::from_utf8_lossy(&roff)).map(|()| ExitCode::SUCCESS)
    }
}

fn unknown(hullo: &Command, name: &Option<String>) -> Failure {
    let name = name.as_deref().unwrap_or_default();
    let names: Vec<&str> = hullo.get_subcommands().map(Command::get_name).collect();
    let sentence = format!("there is no command {name:?}: choose one of {}", names.join(", "));
    Failure::usage(vec![Place::default().complaint(sentence)])
}

/// What stands below the options in the long help is laid out already: it is not to be filled.
fn write(command: &Command, roff: &mut Vec<u8>) -> io::Result<()> {
    let page = Page::new(command.clone()).source(concat!("hullo ", env!("CARGO_PKG_VERSION")));
    page.render_title(roff)?;
    page.render_name_section(roff)?;
    page.render_synopsis_section(roff)?;
    page.render_description_section(roff)?;
    page.render_options_section(roff)?;
    if command.has_subcommands() {
        page.render_subcommands_section(roff)?;
    }
    let Some(examples) = command.get_after_long_help().map(ToString::to_string) else { return Ok(()) };
    let examples = examples.strip_prefix("Examples:\n").unwrap_or(&examples);
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(examples)]).control("fi", []);
    section.to_writer(roff)
}
