//! Every key of a config: its meaning, the unit of its value, and its default. The manual page and `--check-config` print it.

use crate::cli::config::limits_table::LimitsTable;
use crate::cli::output::columns::{WIDTH, fill};
use hullo::greeting::DialectSpec;
use std::fmt::Write;

/// How values are written, as the manual page explains it.
pub const UNITS: &str = "\
A count is a number like 500 or \"10k\" (thousands, M for millions). A size is a number of bytes or a text like \"64KiB\" \
or \"1MiB\" (powers of 1024). A duration is a number of seconds or a text like \"500ms\", \"5s\", \"1m\" or \"2h\". What has a \
unit stands in quotes.";

/// One table of the config.
pub struct TableReference {
    /// The line that begins the table; empty for the file itself.
    pub head: &'static str,
    pub meaning: &'static str,
    pub entries: Vec<KeyReference>,
}

/// One key of a table.
pub struct KeyReference {
    pub key: &'static str,
    /// What the value is, or its unit.
    pub unit: &'static str,
    /// The default as a text; empty if the key is required.
    pub default: String,
    pub meaning: &'static str,
}

/// The tables, in the order in which they are explained.
pub fn tables() -> [TableReference; 4] {
    [file(), limits(), listen(), dialect()]
}

impl TableReference {
    /// Writes the table as comments of a config, with no line wider than a page.
    pub fn to_comments(&self) -> String {
        let name = match self.head.trim_matches(['[', ']']) {
            "" => "the file",
            name => name,
        };
        let mut text = fill(&format!("# {name}: {}", self.meaning), WIDTH, "# ") + "\n";
        let keys = self.entries.iter().map(|entry| entry.key.len()).max().unwrap_or_default();
        for entry in &self.entries {
            let said =
                fill(&format!("{}. {}", entry.value(), entry.meaning), WIDTH - "#   ".len() - keys - 2, "");
            let mut key = entry.key;
            for line in said.lines() {
                writeln!(text, "#   {key:keys$}  {line}").expect("a string takes any text");
                key = "";
            }
        }
        text
    }
}

impl KeyReference {
    pub fn new(key: &'static str, unit: &'static str, default: &str, meaning: &'static str) -> KeyReference {
        KeyReference { key, unit, default: default.to_owned(), meaning }
    }

    /// What is written behind the key: the unit, and the default.
    pub fn value(&self) -> String {
        match self.default.as_str() {
            "" => format!("{}, required", self.unit),
            default => format!("{}, default {default}", self.unit),
        }
    }
}

fn file() -> TableReference {
    TableReference {
        head: "",
        meaning: "What stands before any table, and the tables that there are.",
        entries: vec![
            KeyReference::new("listen", "tables", "the two sockets of `hullo serve`", "One for each socket."),
            KeyReference::new("dialects", "tables", "none", "One for each dialect of your own."),
            KeyReference::new("limits", "table", "as below", "Bounds of the whole daemon."),
            KeyReference::new(
                "framing",
                "raw, line or auto",
                "that of the dialect",
                "How the streams of sockets without a framing of their own are cut into messages.",
            ),
            KeyReference::new(
                "log_level",
                "level",
                "info",
                "How much to log: off, error, warn, info, debug or trace. HULLO_LOG and --log-level count more.",
            ),
            KeyReference::new(
                "reactors",
                "1 to 256",
                "1",
                "Threads that serve, a reactor each. It changes only with a restart.",
            ),
        ],
    }
}

fn limits() -> TableReference {
    let entry = |(key, unit, default): (&'static str, _, String)| {
        KeyReference::new(key, unit, &default, meaning(key))
    };
    TableReference {
        head: "[limits]",
        meaning: "The bounds of the whole daemon.",
        entries: LimitsTable::keys().into_iter().map(entry).collect(),
    }
}

/// The meaning of a key of `[limits]`.
fn meaning(key: &str) -> &'static str {
    match key {
        "connections" => {
            "Clients at once; the others wait in the backlog until one leaves. Never more than the descriptor limit leaves room for."
        }
        "backlog" => {
            "Clients of one socket that the kernel takes in ahead of us, as far as net.core.somaxconn allows."
        }
        "nodelay" => "Whether answers over TCP leave at once, not waiting to be merged (TCP_NODELAY).",
        "reuse_address" => {
            "Whether a TCP port is bound while connections of an earlier process linger (SO_REUSEADDR)."
        }
        "read_budget" => "Read from one client before the others have their turn.",
        "accepts" => "Clients accepted from one socket before the others have their turn.",
        "datagrams" => "Datagrams taken from one socket before the others have their turn.",
        "commands" => "Commands taken from other threads in one turn of the loop.",
        "timers" => "Timers fired in one turn of the loop.",
        "outbox_high" => "Output waiting for one client above which nothing more is read from it.",
        "outbox_low" => "Output waiting for one client at which it is read from again.",
        "outbox_cap" => "Output waiting for one client above which it is cut off.",
        "idle" => "How long a client may be silent before it is closed; 0: for ever.",
        "write_stall" => "How long a client may take none of its output before it is cut off; 0: for ever.",
        "connect" => {
            "How long a connection of our own may take to come about; 0: as long as the system tries."
        }
        "linger" => {
            "How long a close waits for the client to end its side, so that it gets its last answers."
        }
        "drain" => {
            "How long an orderly end may take, before clients that have not read their answers are cut off."
        }
        "datagram_rate" => "Answers to one source of datagrams a second; 0: any number.",
        "datagram_burst" => "Answers to one source of datagrams that may come at once.",
        "datagram_sources" => {
            "Sources of datagrams that are remembered; the one seen least recently is forgotten first."
        }
        "rate_on_loopback" => "Whether the rate holds for sources on loopback addresses too.",
        _ => "",
    }
}

fn listen() -> TableReference {
    TableReference {
        head: "[[listen]]",
        meaning: "A socket, or one for each address of a name; there may be many of these tables. Addresses on the \
                  command line take the place of all of them.",
        entries: vec![
            KeyReference::new(
                "address",
                "address",
                "",
                "Where to listen: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH or unixpacket:PATH; \
                 @NAME as a PATH is in Linux's abstract namespace. HOST is an address ([fe80::1%eth0] with \
                 its interface), a name or * for every interface.",
            ),
            KeyReference::new(
                "dialect",
                "text",
                "hello",
                "What to say: one of `hullo dialects`, or of this file.",
            ),
            KeyReference::new(
                "framing",
                "raw, line or auto",
                "that of the dialect",
                "How a stream is cut into messages; not for datagrams.",
            ),
            KeyReference::new(
                "mode",
                "octal text",
                "as the umask leaves it",
                "Permission bits of the file of a Unix socket, like \"0660\".",
            ),
            KeyReference::new(
                "cert",
                "file",
                "that of --cert",
                "The certificate of a tls:// address in PEM, with those that lead to a root behind it. A reload \
                 reads it again, for the clients that come from then on.",
            ),
            KeyReference::new("key", "file", "that of --key", "The private key of the certificate, in PEM."),
        ],
    }
}

fn dialect() -> TableReference {
    let none = DialectSpec::default();
    let entry = KeyReference::new;
    TableReference {
        head: "[dialects.NAME]",
        meaning: "A dialect of your own; its name has letters, digits, - and _.",
        entries: vec![
            entry("welcome", "text", "none", "Said to a client as it connects; not for datagrams."),
            entry(
                "reply",
                "text",
                "none",
                "The answer to a message; {message} in it stands for the message.",
            ),
            entry("farewell", "text", "none", "The message that ends the conversation."),
            entry("farewell_reply", "text", "none", "The answer to the farewell, written as a reply is."),
            entry(
                "close_after_reply",
                "true or false",
                "false",
                "Whether the first answer ends the conversation.",
            ),
            entry(
                "stop_on_farewell",
                "true or false",
                "false",
                "Whether a farewell closes the daemon's own socket; for datagrams alone.",
            ),
            entry(
                "delay",
                "duration",
                "0",
                "How long a client waits before each message is looked at; not for datagrams.",
            ),
            entry(
                "encoding",
                "text",
                &none.encoding,
                "What texts are written in: utf-8, gbk, another label of the WHATWG Encoding Standard, or bytes.",
            ),
            entry(
                "framing",
                "raw, line or auto",
                &none.framing.to_string(),
                "How a stream is cut into messages. raw: what one read returns is a message. line: a message ends \
                 in LF or CRLF. auto: line if the first read has a line end in it, else raw.",
            ),
            entry(
                "max_message",
                "size",
                &crate::cli::units::write_size(none.max_message),
                "The longest message, without its line end.",
            ),
            entry(
                "strict",
                "true or false",
                "false",
                "Whether messages that are no text in encoding are refused.",
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;

    /// The keys that the parser knows in a table. It lists them when it complains about a key that it does not know.
    fn known(config: &str) -> Vec<String> {
        let complaint = Config::parse("x.toml", config).unwrap_err().in_one_line();
        let keys = complaint.rsplit("keys are ").next().unwrap();
        keys.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn the_tables_hold_every_key_that_is_read_and_no_other() {
        for (table, config) in tables().iter().zip([
            "zz = 1",
            "[limits]\nzz = 1",
            "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\nzz = 1",
            "[dialects.mine]\nzz = 1",
        ]) {
            let mut keys: Vec<&str> = table.entries.iter().map(|entry| entry.key).collect();
            let mut known = known(config);
            keys.sort_unstable();
            known.sort_unstable();
            assert_eq!(keys, known, "{}", table.head);
        }
    }

    #[test]
    fn a_default_that_is_a_value_is_what_holds_without_the_key() {
        let dialect = |text: &str| {
            let config = Config::parse("x.toml", &format!("[dialects.mine]\n{text}")).unwrap();
            config.dialects.custom().next().unwrap().spec().clone()
        };
        for entry in dialect_entries().filter(|entry| entry.default != "none") {
            let bare = ["true", "false", "0"].contains(&entry.default.as_str());
            let value = if bare { entry.default.clone() } else { format!("{:?}", entry.default) };
            assert_eq!(dialect(&format!("{} = {value}", entry.key)), DialectSpec::default(), "{}", entry.key);
        }
    }

    fn dialect_entries() -> impl Iterator<Item = KeyReference> {
        dialect().entries.into_iter()
    }

    #[test]
    fn comments_are_no_wider_than_a_page_and_name_every_key() {
        for table in tables() {
            let comments = table.to_comments();
            for line in comments.lines() {
                assert!(line.starts_with('#') && line.chars().count() <= WIDTH, "{line}");
            }
            for entry in &table.entries {
                assert!(comments.contains(&format!("\n#   {} ", entry.key)), "{} in\n{comments}", entry.key);
                assert!(entry.meaning.ends_with('.'), "{} has no meaning", entry.key);
            }
        }
    }
}
