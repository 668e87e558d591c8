//! The file of `--config`: read, and checked as far as that needs no look at the machine.

pub mod dialect_table;
pub mod known_dialects;
pub mod limits_table;
pub mod listen_table;
pub mod placeholders;
pub mod reference;
mod toml_section;

use crate::cli::output::failure::{Failure, Place};
use crate::cli::units;
use dialect_table::framing;
use hullo::Printable;
use hullo::greeting::Framing;
use known_dialects::KnownDialects;
use limits_table::LimitsTable;
use listen_table::Listen;
use log::LevelFilter;
use nix::fcntl::OFlag;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use toml::de::DeTable;
use toml_section::{TomlSection, TomlSource};

/// What a config file asks for. The default is what an empty file asks for.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub listen: Vec<Listen>,
    pub dialects: KnownDialects,
    pub limits: LimitsTable,
    /// The framing of every stream socket that has none of its own.
    pub framing: Option<Framing>,
    pub log_level: Option<LevelFilter>,
    pub reactors: Option<usize>,
    /// Whether the file or a flag sets `connections`.
    pub sets_connections: bool,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Config, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
        Config::parse(&path.to_string_lossy(), &text_of(file, path)?)
    }

    /// Reads and checks a file that was read before. It refuses a file of which it cannot be sure: a pipe has nothing left to
    /// give, and an empty file is probably about to be written.
    pub fn reload(path: &Path) -> Result<Config, Failure> {
        let not_again = || unreadable(path, "it is no regular file, and only that can be read again");
        // Anything but a regular file is not even opened: the writer of a pipe would take us for its reader.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(not_again());
        }
        // A FIFO may have taken its place just now. Without O_NONBLOCK, opening it would wait for a writer (open(2)).
        let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
        let file = file.map_err(|error| unreadable(path, &error.to_string()))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(not_again());
        }
        let text = text_of(file, path)?;
        if text.trim().is_empty() {
            return Err(unreadable(path, "it is empty: if that is meant, write a # into it"));
        }
        Config::parse(&path.to_string_lossy(), &text)
    }

    /// Parses and checks a text. `name` is what complaints call it.
    pub fn parse(name: &str, text: &str) -> Result<Config, Failure> {
        let source = TomlSource::new(name, text);
        let config = match DeTable::parse(text) {
            Ok(document) => Config::read(&TomlSection::of_file(&source, &document)),
            Err(error) => {
                let sentence = format!("this is not TOML: {}", error.message().replace('\n', ", "));
                source.complain(&error.span().unwrap_or_default(), sentence);
                Config::default()
            }
        };
        match source.into_complaints() {
            complaints if complaints.is_empty() => Ok(config),
            complaints => Err(Failure::usage(complaints)),
        }
    }

    fn read(file: &TomlSection<'_>) -> Config {
        let mut config = Config::default();
        let listen = file.array_of_tables("listen");
        if let Some(dialects) = file.table("dialects") {
            config.dialects = KnownDialects::read(&dialects);
        }
        if let Some(limits) = file.table("limits") {
            config.limits = LimitsTable::read(&limits);
            config.sets_connections = limits.has("connections");
        }
        config.framing = file.parsed("framing", framing);
        config.log_level = file.parsed("log_level", log_level);
        config.reactors = file.parsed("reactors", reactors);
        file.complain_of_unknown_keys();
        config.listen = listen.iter().filter_map(Listen::read).collect();
        // Where anything else is wrong, a dialect or a `[[listen]]` may be missing for that reason alone.
        if !file.is_file_faulty() {
            for (section, listen) in listen.iter().zip(&config.listen) {
                if let Err(sentence) = config.dialects.require(listen.dialect_name(), listen.transport()) {
                    section.complain("dialect", sentence);
                }
            }
        }
        config
    }
}

/// The longest config. Without a limit the reading of some devices would never end.
const LONGEST: usize = 16 << 20;

fn text_of(file: File, path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = file.take(LONGEST as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(path, &error.to_string()))?;
    if text.len() > LONGEST {
        let size = units::write_size(LONGEST);
        return Err(unreadable(
            path,
            &format!("it is longer than {size}, which no config is: name another file"),
        ));
    }
    Ok(text)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    let name = Printable(path.as_os_str().as_bytes());
    Failure::usage(vec![Place::default().complaint(format!("cannot read the config {name}: {why}"))])
}

/// Parses a value; the error is the end of a sentence that begins with "KEY = VALUE is".
fn log_level(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| "no log level: choose off, error, warn, info, debug or trace".to_owned())
}

/// Parses a value; the error is the end of a sentence that begins with "KEY = VALUE is".
fn reactors(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=256).contains(number));
    number.ok_or_else(|| "no number of reactors: choose one from 1 to 256".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hullo::greeting::Transport;

    fn complaints(text: &str) -> Vec<String> {
        let failure = Config::parse("x.toml", text).unwrap_err();
        failure.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_socket_is_read_with_all_that_is_said_about_it() {
        let text = r#"
            [[listen]]
            address = "unix:/run/x"
            dialect = "once"
            framing = "raw"
            mode = "0660"
        "#;
        let config = Config::parse("x.toml", text).unwrap();
        let [listen] = config.listen.as_slice() else { panic!("{config:?}") };
        assert_eq!(listen.address, "unix:/run/x".parse().unwrap());
        assert_eq!(listen.dialect_name(), "once");
        assert_eq!((listen.framing, listen.mode), (Some(Framing::Raw), Some(0o660)));
    }

    #[test]
    fn every_mistake_is_told_with_its_line_in_the_order_of_the_file() {
        let text = "[[listen]]\nadress = \"tcp://127.0.0.1:0\"\n\
                    [[listen]]\naddress = 5\n\
                    [limit]\n\
                    [dialects]\nx = 1\n";
        let starts = [
            "x.toml:1: [[listen]]: the address is missing",
            "x.toml:2: [[listen]]: there is no key \"adress\": did you mean \"address\"?",
            "x.toml:4: [[listen]]: address is a number",
            "x.toml:5: there is no key \"limit\": did you mean \"limits\"?",
            "x.toml:7: [dialects.x] is a number",
        ];
        let found = complaints(text);
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (line, start) in found.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let found = complaints("# hello\n[limits\nidle = 5\n");
        assert!(found[0].starts_with("x.toml:2: this is not TOML: "), "{found:?}");
        assert_eq!(found.len(), 1);
        assert!(complaints("a = 1\na = 2\n")[0].starts_with("x.toml:2: "));
    }

    #[test]
    fn a_dialect_that_is_unknown_or_does_not_fit_is_told_with_its_line() {
        let listen = |address: &str, dialect: &str| {
            complaints(&format!("[[listen]]\naddress = {address:?}\ndialect = {dialect:?}\n")).join("; ")
        };
        let unknown = listen("tcp://127.0.0.1:0", "helo");
        let start = "x.toml:3: [[listen]]: there is no dialect \"helo\": did you mean \"hello\"?";
        assert!(unknown.starts_with(start), "{unknown}");
        let unfit = listen("tcp://127.0.0.1:0", "quiet");
        assert!(unfit.contains("choose one of hello, patient, plain, receipt, indeed, once"), "{unfit}");
        assert!(listen("unixgram:/run/x", "indeed").contains("choose one of hello, echo, quiet"));
    }

    #[test]
    fn a_dialect_of_the_file_fits_everywhere_and_comes_before_one_built_in() {
        let text = r#"
            [[listen]]
            address = "udp://127.0.0.1:0"
            dialect = "once"
            [dialects.once]
            reply = "mine"
        "#;
        let config = Config::parse("x.toml", text).unwrap();
        for transport in [Transport::Stream, Transport::Datagram] {
            let dialect = config.dialects.find("once", transport).unwrap();
            assert_eq!(dialect.spec().reply.as_deref(), Some("mine"));
        }
    }

    #[test]
    fn what_has_no_effect_on_a_socket_is_refused() {
        let text = "[[listen]]\naddress = \"udp://127.0.0.1:0\"\nframing = \"line\"\nmode = \"0660\"\n";
        let found = complaints(text);
        assert!(found[0].starts_with("x.toml:3: [[listen]]: a datagram is a message"), "{found:?}");
        assert!(found[1].starts_with("x.toml:4: [[listen]]: only the file of a Unix socket"), "{found:?}");
    }

    #[test]
    fn the_keys_of_the_file_itself_are_checked_like_all_others() {
        let text = "reactors = 2\nlog_level = \"warn\"\nframing = \"line\"\n";
        let config = Config::parse("x.toml", text).unwrap();
        assert_eq!((config.reactors, config.log_level), (Some(2), Some(LevelFilter::Warn)));
        assert_eq!(config.framing, Some(Framing::Line));
        for (text, start) in [
            ("reactors = 0", "x.toml:1: reactors = 0 is no number of reactors: choose one from 1 to 256"),
            ("reactors = \"many\"", "x.toml:1: reactors = \"many\" is no number of reactors"),
            ("log_level = \"loud\"", "x.toml:1: log_level = \"loud\" is no log level: choose off, error,"),
            ("framing = \"lines\"", "x.toml:1: framing = \"lines\" is no framing: choose raw, line or auto"),
            ("reactor = 2", "x.toml:1: there is no key \"reactor\": did you mean \"reactors\"?"),
            ("log-level = \"warn\"", "x.toml:1: there is no key \"log-level\": did you mean \"log_level\"?"),
        ] {
            let found = complaints(text);
            assert!(found[0].starts_with(start), "{found:?}");
        }
    }

    #[test]
    fn an_abstract_name_has_no_file_and_no_mode() {
        for kind in ["unix", "unixgram", "unixpacket"] {
            let text = format!("[[listen]]\naddress = \"{kind}:@hullo\"\nmode = \"0660\"\n");
            let found = complaints(&text);
            assert!(
                found[0].starts_with("x.toml:3: [[listen]]: only the file of a Unix socket"),
                "{found:?}"
            );
        }
    }
}
