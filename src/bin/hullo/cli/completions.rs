//! `hullo completions`: the script with which a shell completes a command line of hullo.

use crate::cli::Cli;
use crate::cli::config::known_dialects::KnownDialects;
use crate::cli::output::failure::Failure;
use crate::cli::output::stdout;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command, CommandFactory, ValueHint};
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
pub struct Completions {
    /// bash, zsh or fish
    #[arg(value_name = "SHELL", hide_possible_values = true, value_parser = shell())]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut hullo = command_with_values();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut hullo, "hullo", &mut script);
        let mut script = String::from_utf8_lossy(&script).into_owned();
        if self.shell == Shell::Fish {
            script += &fish_positionals(&hullo);
        }
        stdout::print(&script).map(|()| ExitCode::SUCCESS)
    }
}

fn shell() -> impl TypedValueParser<Value = Shell> {
    PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse::<Shell>())
}

/// The definition of the command line, with everything that a shell can complete. The parser itself takes any name of a dialect,
/// since a config may have further ones.
fn command_with_values() -> Command {
    let hullo = Cli::command();
    let commands = hullo.get_subcommands().map(|command| command.get_name().to_owned());
    let pages = names(commands.chain(["hullo.toml".to_owned()]));
    let dialects = names(KnownDialects::default().names());
    hullo.mut_subcommands(|command| {
        command.mut_args(|arg| match (arg.get_id().as_str(), value_name(&arg)) {
            ("dialect", _) => arg.value_parser(dialects.clone()),
            ("page", _) => arg.value_parser(pages.clone()),
            (_, Some("FILE")) => arg.value_hint(ValueHint::FilePath),
            (_, Some("DIR")) => arg.value_hint(ValueHint::DirPath),
            (_, Some(_)) if arg.get_possible_values().is_empty() => arg.value_hint(ValueHint::Other),
            _ => arg,
        })
    })
}

/// The values of positional arguments, which the generator for fish leaves out.
fn fish_positionals(hullo: &Command) -> String {
    let line = |(command, arg): (&Command, &Arg)| {
        let values = arg.get_possible_values();
        let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        let (command, values) = (command.get_name(), values.join(" "));
        format!("complete -c hullo -n \"__fish_hullo_using_subcommand {command}\" -f -a \"{values}\"\n")
    };
    let of_command = |command| Command::get_positionals(command).map(move |arg| (command, arg));
    let positionals = hullo.get_subcommands().flat_map(of_command);
    positionals.filter(|(_, arg)| !arg.get_possible_values().is_empty()).map(line).collect()
}

/// A parser of these names. It wants names that live as long as the process, and the process ends when the script is printed.
fn names(names: impl IntoIterator<Item = String>) -> PossibleValuesParser {
    PossibleValuesParser::new(names.into_iter().map(|name| &*name.leak()))
}

/// The name of the value of an argument; `None` for a flag that takes no value.
fn value_name(arg: &Arg) -> Option<&str> {
    let takes_one = arg.get_num_args().is_none_or(|number| number.takes_values());
    arg.get_value_names().filter(|_| takes_one)?.first().map(|name| name.as_str())
}
