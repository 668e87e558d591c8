//! `[dialects.NAME]`: a dialect as a TOML table, read and written.

use crate::cli::config::placeholders;
use crate::cli::config::toml_section::TomlSection;
use crate::cli::units;
use hullo::greeting::{Dialect, DialectSpec, Framing};
use std::fmt::Write;
use toml::Value;

/// Reads one table; complains and returns `None` if nothing can be served from it.
pub fn read(name: &str, section: TomlSection<'_>) -> Option<Dialect> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        let sentence = format!("{name:?} cannot name a dialect: use letters, digits, - and _");
        section.complain_as_is("", &sentence);
        return None;
    }
    let none = DialectSpec::default();
    let spec = DialectSpec {
        welcome: template(&section, "welcome", &[]),
        reply: template(&section, "reply", &["message"]),
        farewell: template(&section, "farewell", &[]),
        farewell_reply: template(&section, "farewell_reply", &["message"]),
        close_after_reply: section.flag("close_after_reply").unwrap_or(none.close_after_reply),
        stop_on_farewell: section.flag("stop_on_farewell").unwrap_or(none.stop_on_farewell),
        delay: section.parsed("delay", units::duration).unwrap_or(none.delay),
        encoding: section.text("encoding").unwrap_or(none.encoding),
        framing: section.parsed("framing", framing).unwrap_or(none.framing),
        max_message: section.parsed("max_message", units::size).unwrap_or(none.max_message),
        strict: section.flag("strict").unwrap_or(none.strict),
    };
    section.complain_of_unknown_keys();
    if section.is_faulty() {
        return None;
    }
    let error = match Dialect::new(name, spec) {
        Ok(dialect) => return Some(dialect),
        Err(error) => error,
    };
    section.complain_as_is(error.key(), &error.to_string());
    None
}

/// Reads a text in which only these placeholders may stand.
fn template(section: &TomlSection<'_>, key: &'static str, placeholders: &[&str]) -> Option<String> {
    let text = section.text(key)?;
    if let Err(problem) = placeholders::check(&text, placeholders) {
        section.complain(key, format!("{key} {problem}"));
    }
    Some(text)
}

/// Parses `raw`, `line` or `auto`; the error is the end of a sentence that begins with "framing = VALUE is".
pub fn framing(text: &str) -> Result<Framing, String> {
    text.parse().map_err(|_| "no framing: choose raw, line or auto".to_owned())
}

/// Writes a dialect so that [`read`] reads it back. Keys that are absent or false are left out.
pub fn write(name: &str, spec: &DialectSpec) -> String {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let flag = |flag: bool| flag.then_some(Value::Boolean(true));
    let delay = || Value::String(units::write_duration(spec.delay));
    let keys = [
        ("welcome", text(&spec.welcome)),
        ("reply", text(&spec.reply)),
        ("farewell", text(&spec.farewell)),
        ("farewell_reply", text(&spec.farewell_reply)),
        ("close_after_reply", flag(spec.close_after_reply)),
        ("stop_on_farewell", flag(spec.stop_on_farewell)),
        ("delay", (!spec.delay.is_zero()).then(delay)),
        ("encoding", Some(Value::String(spec.encoding.clone()))),
        ("framing", Some(Value::String(spec.framing.to_string()))),
        ("max_message", Some(Value::Integer(spec.max_message as i64))),
        ("strict", flag(spec.strict)),
    ];
    let mut table = format!("[dialects.{name}]\n");
    for (key, value) in keys {
        if let Some(value) = value {
            writeln!(table, "{key} = {value}").expect("a string takes any text");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;
    use std::time::Duration;

    #[test]
    fn a_table_with_every_key_reads_back_as_it_is_written() {
        let spec = DialectSpec {
            welcome: Some("Grüß \"Gott\"\\".to_owned()),
            reply: Some("two\nlines: {message}\t".to_owned()),
            farewell: Some("bye".to_owned()),
            farewell_reply: Some("'''{message}'''".to_owned()),
            close_after_reply: true,
            stop_on_farewell: true,
            delay: Duration::from_millis(250),
            encoding: "gb18030".to_owned(),
            framing: Framing::Line,
            max_message: 77,
            strict: true,
        };
        let text = write("mine", &spec);
        let config = Config::parse("x.toml", &text).unwrap();
        assert_eq!(config.dialects.custom().next().unwrap().spec(), &spec, "{text}");
    }

    #[test]
    fn an_empty_table_is_a_dialect_that_says_nothing() {
        let config = Config::parse("x.toml", "[dialects.mute]").unwrap();
        assert_eq!(config.dialects.custom().next().unwrap().spec(), &DialectSpec::default());
    }

    #[test]
    fn a_faulty_key_is_named_with_its_line_and_nothing_follows_from_it() {
        let text = "[dialects.mine]\nreply = 3\nclose_after_reply = true\n\
                    [[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"mine\"\n";
        assert_eq!(
            Config::parse("x.toml", text).unwrap_err().in_one_line(),
            "x.toml:2: [dialects.mine]: reply is a number: put it in quotes"
        );
    }

    #[test]
    fn a_key_that_cannot_be_served_is_named_with_its_line() {
        let text = "[dialects.mine]\n\nencoding = \"utf-9\"\n";
        let complaint = Config::parse("x.toml", text).unwrap_err().in_one_line();
        assert!(complaint.starts_with("x.toml:3: dialect \"mine\": encoding"), "{complaint}");
    }

    #[test]
    fn a_name_that_would_garble_a_line_is_refused() {
        for name in ["", "a b", "a\\nb", "数"] {
            let text = format!("[dialects.\"{name}\"]");
            let complaint = Config::parse("x.toml", &text).unwrap_err().in_one_line();
            assert!(complaint.contains("cannot name a dialect"), "{complaint}");
        }
    }
}
