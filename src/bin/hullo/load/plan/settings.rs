//! What was in force in a run, for its report.

use serde::Serialize;
use std::fmt;

/// The value of an option.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Setting {
    Count(u64),
    Number(f64),
    Switch(bool),
    Text(String),
    /// Of an option that may be given again.
    List(Vec<String>),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Count(count) => count.fmt(f),
            Setting::Number(number) => number.fmt(f),
            Setting::Switch(is_on) => f.write_str(if *is_on { "yes" } else { "no" }),
            Setting::Text(text) => f.write_str(text),
            Setting::List(texts) => f.write_str(&texts.join(" ")),
        }
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Setting {
        Setting::Text(text)
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Setting {
        Setting::Text(text.to_owned())
    }
}
