//! The dialects that can be named: those of the config, and those built in.

use crate::cli::config::dialect_table;
use crate::cli::config::toml_section::TomlSection;
use crate::cli::output::failure::Place;
use crate::cli::usage::suggestion::unknown_name;
use hullo::greeting::{Dialect, Transport};
use std::collections::BTreeMap;

/// Every dialect that can be named. One of the config takes precedence over one built in.
#[derive(Clone, Debug, Default)]
pub struct KnownDialects {
    custom: BTreeMap<String, Custom>,
}

/// A dialect of the config. It fits every transport: a key that has no meaning for a transport is ignored there.
#[derive(Clone, Debug)]
struct Custom {
    dialect: Dialect,
    place: Place,
}

impl KnownDialects {
    /// Reads every `[dialects.NAME]` table.
    pub fn read(section: &TomlSection<'_>) -> KnownDialects {
        let read = |(name, table): (&str, TomlSection<'_>)| {
            let place = table.place("reply");
            Some((name.to_owned(), Custom { dialect: dialect_table::read(name, table)?, place }))
        };
        KnownDialects { custom: section.tables().into_iter().filter_map(read).collect() }
    }

    /// Finds a dialect by its name, if it fits the transport.
    pub fn find(&self, name: &str, transport: Transport) -> Option<Dialect> {
        match self.custom.get(name) {
            Some(custom) => Some(custom.dialect.clone()),
            None => Dialect::builtin(name, transport),
        }
    }

    /// Finds a dialect as [`find`](KnownDialects::find) does. The error is a sentence that names the dialects there are.
    pub fn require(&self, name: &str, transport: Transport) -> Result<Dialect, String> {
        self.check_name(name)?;
        self.find(name, transport).ok_or_else(|| {
            let (is, other) = match transport {
                Transport::Stream => ("stream", "datagram"),
                Transport::Datagram => ("datagram", "stream"),
            };
            let fit = self.names().into_iter().filter(|name| self.find(name, transport).is_some());
            let fit = fit.collect::<Vec<_>>().join(", ");
            format!("the dialect {name:?} is for {other} sockets and this is a {is} one: choose one of {fit}")
        })
    }

    /// Checks that there is a dialect of that name for some transport. The error is a sentence with the nearest name.
    pub fn check_name(&self, name: &str) -> Result<(), String> {
        let names = self.names();
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(unknown_name("dialect", name, names.iter().map(String::as_str)))
    }

    /// The place of a dialect in the config; the default place if it is built in.
    pub fn place(&self, name: &str) -> Place {
        self.custom.get(name).map(|custom| custom.place.clone()).unwrap_or_default()
    }

    /// The dialects of the config.
    pub fn custom(&self) -> impl Iterator<Item = &Dialect> {
        self.custom.values().map(|custom| &custom.dialect)
    }

    /// Every name once, those of the built-in dialects first.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let builtin = Dialect::builtins().map(|(_, dialect)| dialect.name().to_owned());
        for name in builtin.chain(self.custom.keys().cloned()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
