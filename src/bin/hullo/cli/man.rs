//! `hullo man`: the manual page of hullo, of one of its commands, or of its config.

use crate::cli::Cli;
use crate::cli::config::reference;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::stdout;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};
use std::process::ExitCode;

const HELP: &str = "\
Examples:
  hullo man | man -l -
      shows the page of hullo itself
  hullo man serve > hullo-serve.1
      writes the page of a command, to be installed in man1
  hullo man hullo.toml > hullo.toml.5
      writes the page of the config, to be installed in man5

Files:
  /usr/local/share/man/man1, man5
      where pages may be installed";

/// The sections of the page of a command that has not written them itself. The headings are in the order of a page.
const COMMON: &str = "\
Exit status:
  0  done
  1  failed
  2  usage

Signals:
  SIGINT, SIGTERM
      end it

Environment:
  COLUMNS
      the width of the help where there is no terminal, at most 80

Files:
  hullo.toml
      the config of hullo serve, under any name: see hullo.toml(5)

Examples:

See also:
";

/// The name of the page of the config.
const CONFIG: &str = "hullo.toml";

/// The example on the page of the config.
const CONFIG_EXAMPLE: &str = "\
[[listen]]
address = \"tcp://127.0.0.1:9999\"
dialect = \"pirate\"

[[listen]]
address = \"unix:/run/hullo.sock\"
mode = \"0660\"

[dialects.pirate]
welcome = \"Ahoy!\"
reply = \"Arr, {message}!\"
farewell = \"belay\"

[limits]
connections = \"20k\"
idle = \"1m\"";

/// Print a manual page, in roff
///
/// That of hullo, of one of its commands, or of its config (hullo.toml).
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Man {
    /// The command whose page it is, or hullo.toml; without one, hullo itself
    #[arg(value_name = "PAGE")]
    page: Option<String>,
}

impl Man {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut hullo = Cli::command().disable_help_subcommand(true);
        hullo.build();
        let name = self.page.as_deref().unwrap_or("hullo");
        let page = match name {
            CONFIG => of_config(),
            "hullo" => of_command(&hullo, &hullo),
            name => match hullo.find_subcommand(name.strip_prefix("hullo-").unwrap_or(name)) {
                Some(command) => of_command(command, &hullo),
                None => return Err(unknown(name, &hullo)),
            },
        };
        stdout::print(&in_ascii(&page)).map(|()| ExitCode::SUCCESS)
    }
}

fn unknown(name: &str, hullo: &Command) -> Failure {
    let pages: Vec<&str> = hullo.get_subcommands().map(Command::get_name).chain([CONFIG]).collect();
    let sentence = format!("there is no command {name:?}: choose one of {}", pages.join(", "));
    Failure::usage(vec![Place::default().complaint(sentence)])
}

/// The page of a command. The text below the options of its long help becomes the last sections, heading by heading.
fn of_command(command: &Command, hullo: &Command) -> String {
    let page = Page::new(command.clone()).source(source());
    let mut bytes = Vec::new();
    let out = &mut bytes;
    page.render_title(out)
        .and_then(|()| page.render_name_section(out))
        .and_then(|()| page.render_synopsis_section(out))
        .and_then(|()| page.render_description_section(out))
        .and_then(|()| page.render_options_section(out))
        .and_then(|()| if command.has_subcommands() { page.render_subcommands_section(out) } else { Ok(()) })
        .expect("a vector takes any text");
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for (heading, common) in sections(COMMON) {
        let own = sections(&help).into_iter().find(|(own, _)| *own == heading).map(|(_, text)| text);
        roff.control("SH", [heading.to_uppercase().as_str()]);
        match heading {
            // The lines of an example are laid out already, and must not be filled.
            "Examples" if own.is_none() => &mut roff,
            "Examples" => {
                let lines: Vec<_> = own.iter().flat_map(|text| text.lines()).collect();
                let lines = lines.iter().map(|line| line.strip_prefix("  ").unwrap_or(line));
                roff.control("nf", []).text([roman(lines.collect::<Vec<_>>().join("\n"))]).control("fi", [])
            }
            "See also" => roff.text([roman(see_also(command, hullo))]),
            _ => entries(&own.unwrap_or(common), &mut roff),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned() + &roff.render()
}

fn of_config() -> String {
    let mut roff = Roff::new();
    roff.control("TH", [CONFIG, "5", "", source()]);
    roff.control("SH", ["NAME"]).text([roman(format!("{CONFIG} - the config of hullo serve"))]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "What hullo serve --config FILE reads, in TOML and under any name. Without a config, or where it says nothing, \
         the defaults below hold. A key that is not below is an error. hullo serve --config FILE --check-config checks \
         it, opens nothing, and prints all that is in effect. SIGHUP makes the daemon read it again.",
    )]);
    roff.control("PP", []).text([roman(reference::UNITS)]);
    for table in reference::tables() {
        let heading = if table.head.is_empty() { "THE FILE" } else { table.head };
        roff.control("SH", [heading]).text([roman(table.meaning)]);
        for entry in table.entries {
            roff.control("TP", []).text([bold(entry.key), roman(format!(" ({})", entry.value()))]);
            roff.text([roman(entry.meaning)]);
        }
    }
    roff.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(CONFIG_EXAMPLE)]).control("fi", []);
    roff.control("SH", ["SEE ALSO"]).text([roman("hullo(1), hullo-serve(1), hullo-dialects(1)")]);
    roff.render()
}

/// Not every troff reads UTF-8. groff_char(7) names each character in ASCII.
fn in_ascii(page: &str) -> String {
    let name = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    page.chars().map(name).collect()
}

fn source() -> &'static str {
    concat!("hullo ", env!("CARGO_PKG_VERSION"))
}

/// Splits a text at its headings, which are lines that end in a colon. Returns each heading with the text below it.
fn sections(help: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in help.lines() {
        match (line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')), sections.last_mut()) {
            (Some(heading), _) => sections.push((heading, String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    sections.iter_mut().for_each(|(_, text)| *text = text.trim_end().to_owned());
    sections
}

/// Writes the entries of a section. A term is indented by two blanks. Its meaning follows after two further blanks, or in the
/// lines below, which are indented more. A line without indent begins a paragraph.
fn entries<'r>(text: &str, roff: &'r mut Roff) -> &'r mut Roff {
    let mut is_paragraph = false;
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let (term, meaning) = match line.trim_start().split_once("  ") {
            Some((term, meaning)) if depth == 2 => (term, meaning.trim_start()),
            None if depth == 2 => (line.trim_start(), ""),
            _ => ("", line.trim_start()),
        };
        if !term.is_empty() {
            roff.control("TP", []).text([bold(term)]);
        } else if depth == 0 && !std::mem::replace(&mut is_paragraph, true) {
            roff.control("PP", []);
        }
        if !meaning.is_empty() {
            roff.text([roman(meaning)]);
        }
    }
    roff
}

/// The pages to see as well. The page of hullo itself names all of them.
fn see_also(command: &Command, hullo: &Command) -> String {
    let of_config = "hullo.toml(5)".to_owned();
    if command.get_name() != hullo.get_name() {
        return format!("hullo(1), {of_config}");
    }
    let pages = hullo.get_subcommands().map(|command| format!("hullo-{}(1)", command.get_name()));
    pages.chain([of_config]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;

    #[test]
    fn the_example_of_the_config_is_valid() {
        let config = Config::parse("x.toml", CONFIG_EXAMPLE).unwrap();
        assert_eq!(config.listen.len(), 2);
    }

    #[test]
    fn the_long_help_of_every_command_has_headings_that_a_page_knows() {
        let known: Vec<String> =
            sections(COMMON).into_iter().map(|(heading, _)| heading.to_owned()).collect();
        let hullo = Cli::command();
        for command in std::iter::once(&hullo).chain(hullo.get_subcommands()) {
            let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            for (heading, text) in sections(&help) {
                assert!(known.iter().any(|known| known == heading), "{}: {heading}", command.get_name());
                assert!(text.starts_with("  "), "{}: {heading}: {text}", command.get_name());
                let has_sentence = text.lines().any(|line| line.starts_with("  ") && line.ends_with('.'));
                assert!(heading == "Examples" || !has_sentence, "a sentence would be a term: {text}");
            }
            assert!(help.is_empty() || help.starts_with("Examples:\n"), "{help}");
        }
    }
}
