//! `hullo completions`: what a shell needs to complete a command line.

use super::failure::Failure;
use super::{Cli, output};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::process::ExitCode;

const HELP: &str = "\
Examples:
  hullo completions bash > ~/.local/share/bash-completion/completions/hullo
  hullo completions zsh > ~/.zfunc/_hullo
  hullo completions fish > ~/.config/fish/completions/hullo.fish

Files:
  ~/.local/share/bash-completion/completions/hullo
      is read by bash, where bash-completion is installed
  ~/.zfunc/_hullo
      is read by zsh, with ~/.zfunc in fpath before compinit
  ~/.config/fish/completions/hullo.fish
      is read by fish";

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct Completions {
    /// bash, zsh or fish
    #[arg(value_name = "SHELL", hide_possible_values = true, value_parser = shell())]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hullo", &mut script);
        output::print(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
    }
}

fn shell() -> impl TypedValueParser<Value = Shell> {
    PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse::<Shell>())
}
