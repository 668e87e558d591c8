//! `[[listen]]`: a socket that the daemon is to listen on.

use super::dialect_table::framing;
use super::toml_section::TomlSection;
use crate::cli::output::failure::Place;
use crate::cli::usage::address_suggestion;
use hullo::Address;
use hullo::greeting::{Framing, Transport};
use std::path::PathBuf;

/// One `[[listen]]`, or one ADDRESS of the command line.
#[derive(Clone, Debug)]
pub struct Listen {
    pub place: Place,
    pub address: Address,
    pub dialect: Option<String>,
    pub framing: Option<Framing>,
    pub mode: Option<u32>,
    /// The files of its certificate and of the key to that, each given only with the other.
    pub identity: Option<IdentityFiles>,
}

/// The files that TLS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Listen {
    /// Reads one table; complains and returns `None` if it has no address to listen on.
    pub fn read(section: &TomlSection<'_>) -> Option<Listen> {
        if !section.has("address") {
            section.complain("address", "the address is missing: add address = \"tcp://HOST:PORT\"");
        }
        let address = section.text("address").and_then(|text| {
            let parsed =
                text.parse::<Address>().map_err(|error| match address_suggestion::for_socket(&text) {
                    Some(suggestion) => {
                        format!("{text:?} is not an address: did you mean {:?}?", suggestion.address)
                    }
                    None => error.to_string(),
                });
            parsed.map_err(|sentence| section.complain("address", sentence)).ok()
        });
        let dialect = section.text("dialect");
        let framing = section.parsed("framing", framing);
        // A number is refused: 660 is decimal in TOML, and 0o660 could not be told from 432.
        let mode = section.text("mode").and_then(|text| {
            mode(&text).map_err(|wrong| section.complain("mode", format!("mode = {text:?} is {wrong}"))).ok()
        });
        let identity = identity(section);
        section.complain_of_unknown_keys();
        let place = section.place("address");
        let listen = Listen { place, address: address?, dialect, framing, mode, identity };
        if listen.framing.is_some() && listen.transport() == Transport::Datagram {
            section
                .complain("framing", "a datagram is a message, there is nothing to frame: leave framing out");
        }
        if listen.mode.is_some() && !listen.address.has_file() {
            section.complain("mode", "only the file of a Unix socket has a mode: leave it out");
        }
        if listen.identity.is_some() && !matches!(listen.address, Address::Tls(..)) {
            section.complain("cert", "only a tls:// address has a certificate: leave cert and key out");
        }
        Some(listen)
    }

    /// A socket of which only the address is given, as on the command line.
    pub fn bare(address: Address) -> Listen {
        Listen { place: Place::default(), address, dialect: None, framing: None, mode: None, identity: None }
    }

    pub fn transport(&self) -> Transport {
        transport(&self.address)
    }

    /// The name of the dialect that is spoken there.
    pub fn dialect_name(&self) -> &str {
        self.dialect.as_deref().unwrap_or("hello")
    }
}

fn identity(section: &TomlSection<'_>) -> Option<IdentityFiles> {
    match (section.text("cert"), section.text("key")) {
        (Some(cert), Some(key)) => Some(IdentityFiles { cert: cert.into(), key: key.into() }),
        (Some(_), None) if !section.has("key") => {
            section.complain("cert", "cert is given without its key: add key = \"FILE\"");
            None
        }
        (None, Some(_)) if !section.has("cert") => {
            section.complain("key", "key is given without its certificate: add cert = \"FILE\"");
            None
        }
        _ => None,
    }
}

/// The transport of the sockets at an address.
pub fn transport(address: &Address) -> Transport {
    if address.is_datagram() { Transport::Datagram } else { Transport::Stream }
}

/// Parses the permission bits of a file, like `0660`; the error is the end of a sentence that begins with "mode = VALUE is".
fn mode(text: &str) -> Result<u32, String> {
    let is_octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| is_octal && mode <= 0o777);
    mode.ok_or_else(|| "no file mode: write it as an octal text, like \"0660\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::Config;

    #[test]
    fn a_mode_is_octal_and_in_quotes() {
        assert_eq!(mode("0660"), Ok(0o660));
        assert_eq!(mode("600"), Ok(0o600));
        for text in ["", "66", "0668", "rw-rw----", "0o660", "4755", "+660"] {
            assert!(mode(text).unwrap_err().starts_with("no file mode"), "{text}");
        }
        let text = "[[listen]]\naddress = \"unix:/run/x\"\nmode = 660\n";
        let complaint = Config::parse("x.toml", text).unwrap_err().in_one_line();
        assert_eq!(complaint, "x.toml:3: [[listen]]: mode is a number: put it in quotes");
    }
}
