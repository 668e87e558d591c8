//! What is printed for a command line that cannot be parsed: the words of the parser, or better ones.

pub mod address_suggestion;
pub mod command_line;
mod flag_synonyms;
pub mod suggestion;

use crate::cli::Cli;
use address_suggestion::AddressSuggestion;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use command_line::quoted;
use std::error::Error;

/// The flags with which other programs take a port.
const PORTS: [&str; 3] = ["--port", "-p", "-P"];
/// The flags with which other programs take a host.
const HOSTS: [&str; 9] = ["--host", "--listen", "--bind", "--address", "--addr", "--url", "-b", "-l", "-H"];

/// The whole text of a usage error. `args` is the command line, with the name of the program first.
pub fn explain(mut error: clap::Error, args: &[String]) -> String {
    let explained = match error.kind() {
        ErrorKind::ValueValidation => of_value(&error, args),
        ErrorKind::UnknownArgument => {
            of_flag(&error, args).or_else(|| of_synonym(&error, args)).or_else(|| of_port(&error, args))
        }
        ErrorKind::InvalidSubcommand => of_command(&error, args),
        _ => None,
    };
    if let Some(explained) = explained {
        return explained;
    }
    if error.kind() == ErrorKind::UnknownArgument {
        // The parser suggests `--` wherever there are positional arguments. Of ours only the messages of talk may begin with a dash.
        error.remove(ContextKind::Suggested);
        if let Some(tip) = as_a_value(&error, args) {
            let text = error.render().to_string();
            let gap = if text.contains("\n  tip:") { "" } else { "\n" };
            return text.replacen("\n\nUsage", &format!("{gap}\n{tip}\n\nUsage"), 1);
        }
    }
    error.render().to_string()
}

/// A value that should be an address and is none.
fn of_value(error: &clap::Error, args: &[String]) -> Option<String> {
    if !matches!(context(error, ContextKind::InvalidArg)?, "<URL>" | "<URL>..." | "[ADDRESS]...") {
        return None;
    }
    let text = context(error, ContextKind::InvalidValue)?;
    of_address(args, place(args, text)?).or_else(|| {
        let source = error.source()?.to_string();
        let source = if source.starts_with('"') { source } else { format!("{text:?}: {source}") };
        Some(lay_out(&source, &[]))
    })
}

/// A flag that has another name here.
fn of_synonym(error: &clap::Error, args: &[String]) -> Option<String> {
    let typed = context(error, ContextKind::InvalidArg)?;
    let flag = typed.split('=').next()?;
    let ours = flag_synonyms::own_name(args.get(1)?, flag)?;
    let mut line = args.to_vec();
    let at = line.iter().position(|arg| arg.split('=').next() == Some(flag))?;
    line[at] = line[at].replacen(flag, ours, 1);
    Some(lay_out(&format!("there is no {flag}: did you mean {ours}?"), &[quoted(&line)]))
}

/// An address that stands where a command should stand.
fn of_command(error: &clap::Error, args: &[String]) -> Option<String> {
    let text = context(error, ContextKind::InvalidSubcommand)?;
    let is_near = text.contains(['/', ':']) || is_number(text);
    let address = match text.parse::<hullo::Address>() {
        Ok(address) => address.to_string(),
        Err(_) => {
            address_suggestion::for_socket(text).filter(|guess| is_near && guess.web.is_none())?.address
        }
    };
    let at = place(args, text).unwrap_or(1);
    let line = |command: &str| {
        let mut line = args.to_vec();
        line.splice(at..=at, [command.to_owned(), address.clone()]);
        quoted(&line)
    };
    let sentence = format!("{text:?} is not a command: say what to do with {address}");
    Some(lay_out(&sentence, &["serve", "talk", "load"].map(line)))
}

/// A port that stands behind a host, as nc(1) takes them.
fn of_port(error: &clap::Error, args: &[String]) -> Option<String> {
    let port = context(error, ContextKind::InvalidArg)?;
    let host = place(args, port)?.checked_sub(1)?;
    if is_number(port) && host > 1 { of_address(args, host) } else { None }
}

/// The argument at `at` is no address. The argument behind it may be its port.
fn of_address(args: &[String], at: usize) -> Option<String> {
    let (command, text) = (args.get(1)?, &args[at]);
    let port = args.get(at + 1).filter(|next| is_number(next));
    let with_port = port.and_then(|port| propose(command, &format!("{text}:{port}")));
    let wanted = match (&with_port, port) {
        (Some(_), Some(port)) => format!("{text} {port}"),
        _ => text.clone(),
    };
    let used = if with_port.is_some() { 2 } else { 1 };
    let proposal = with_port.or_else(|| propose(command, text))?;
    let mut line = args.to_vec();
    if command == "serve" && text.ends_with(".toml") {
        line.splice(at..=at, ["--config".to_owned(), text.clone()]);
        return Some(lay_out(
            &format!("{text:?} is not an address: did you mean --config?"),
            &[quoted(&line)],
        ));
    }
    line.splice(at..at + used, [proposal.address.clone()]);
    let like =
        if command == "fetch" { "a page like http://HOST/" } else { "an address like tcp://HOST:PORT" };
    Some(lay_out(&format!("{wanted:?} is not {like}: {}", proposal.remedy), &proposal.lines(line)))
}

/// A flag of other programs whose value is a part of our address.
fn of_flag(error: &clap::Error, args: &[String]) -> Option<String> {
    let flag = context(error, ContextKind::InvalidArg)?;
    let flag = flag.split('=').next()?;
    let takes_addresses = ["serve", "talk", "load", "fetch"].contains(&args.get(1)?.as_str());
    if !takes_addresses || !PORTS.contains(&flag) && !HOSTS.contains(&flag) {
        return None;
    }
    let mut rest = args.to_vec();
    let port = take(&mut rest, &PORTS);
    let host = take(&mut rest, &HOSTS);
    let wanted = match (&host, &port) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (one, other) => one.as_ref().or(other.as_ref())?.clone(),
    };
    let command = args.get(1)?.as_str();
    let proposal = propose(command, &wanted).or_else(|| {
        let address = wanted.parse::<hullo::Address>().ok()?.to_string();
        Some(Proposal {
            remedy: format!("did you mean {address}?"),
            address,
            web: None,
            command: command.to_owned(),
        })
    })?;
    rest.insert(2.min(rest.len()), proposal.address.clone());
    let sentence = format!("there is no {flag}, an address says it all: {}", proposal.remedy);
    Some(lay_out(&sentence, &proposal.lines(rest)))
}

/// How a word that begins with a dash is passed all the same: as the value of the flag before it, or, behind the URL of talk,
/// as a message.
fn as_a_value(error: &clap::Error, args: &[String]) -> Option<String> {
    let text = context(error, ContextKind::InvalidArg)?;
    let at = args.iter().position(|arg| arg.split('=').next() == text.split('=').next())?;
    let (command, before) = (args.get(1)?, args.get(..at)?.last()?);
    let is_behind_url = || args[2..at].iter().any(|arg| arg.parse::<hullo::Address>().is_ok());
    let how = if takes_value(command, before) {
        format!("{before}={text}")
    } else if command == "talk" && is_behind_url() {
        format!("-- {text}")
    } else {
        return None;
    };
    Some(format!("  tip: to pass '{text}' as a value, use '{how}'"))
}

fn takes_value(command: &str, flag: &str) -> bool {
    let is_it = |arg: &&clap::Arg| {
        let has_long = arg.get_long().is_some_and(|long| flag == format!("--{long}"));
        has_long || arg.get_short().is_some_and(|short| flag == format!("-{short}"))
    };
    let hullo = Cli::command();
    let command = hullo.find_subcommand(command);
    let flag = command.and_then(|command| command.get_arguments().find(is_it));
    flag.is_some_and(|flag| flag.get_action().takes_values())
}

/// An address to be used instead of what was typed.
struct Proposal {
    command: String,
    address: String,
    /// The end of the error sentence.
    remedy: String,
    web: Option<address_suggestion::WebPage>,
}

fn propose(command: &str, text: &str) -> Option<Proposal> {
    let command = command.to_owned();
    if command == "fetch" {
        let address = address_suggestion::for_page(text)?;
        return Some(Proposal { remedy: format!("did you mean {address}?"), address, command, web: None });
    }
    let AddressSuggestion { address, web } = address_suggestion::for_socket(text)?;
    let remedy = match (&web, command.as_str()) {
        (Some(web), "serve") if web.has_tls => {
            "hullo serves no HTTP; TLS is served on tls://HOST:PORT".to_owned()
        }
        (Some(_), "serve") => format!("hullo serves no HTTP; {address} is the port"),
        (Some(web), "load") => {
            format!(
                "HTTP is tested by its bytes, with {}:// and --request",
                if web.has_tls { "tls" } else { "tcp" }
            )
        }
        (Some(_), _) => format!("hullo fetch speaks HTTP, or say its lines to {address}"),
        (None, "serve") if address.starts_with("tcp://127.0.0.1:") && !text.contains("127.0.0.1") => {
            let port = address.rsplit(':').next().unwrap_or_default();
            format!("did you mean {address}, or tcp://*:{port} for every interface?")
        }
        _ => format!("did you mean {address}?"),
    };
    Some(Proposal { command, address, remedy, web })
}

impl Proposal {
    /// The lines that are proposed instead, ready to be pasted.
    fn lines(&self, mut line: Vec<String>) -> Vec<String> {
        let Some(web) = &self.web else { return vec![quoted(&line)] };
        match self.command.as_str() {
            "serve" if web.has_tls => Vec::new(),
            "load" if !line.iter().any(|arg| arg.starts_with("--request")) => {
                let request = format!(r"GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", web.target, web.host);
                let more = [
                    "--request",
                    &request,
                    "--reply",
                    r"HTTP/1.1 200 OK\r\n",
                    "--framing",
                    "raw",
                    "--check",
                    "none",
                ];
                line.extend(more.map(str::to_owned));
                let notes = [
                    "A reply is then what one read brings, whatever it says. To compare it as well,",
                    "put all of it into --reply and leave out --check.",
                ];
                [vec![quoted(&line), String::new()], notes.map(str::to_owned).to_vec()].concat()
            }
            "talk" => {
                let scheme = if web.has_tls { "https" } else { "http" };
                let url = format!("{scheme}://{}{}", web.host, web.target);
                let fetch = [line[0].clone(), "fetch".to_owned(), url];
                vec![quoted(&fetch), quoted(&line)]
            }
            _ => vec![quoted(&line)],
        }
    }
}

/// The index at which `text` stands, preferably where it is not the value of a flag.
fn place(args: &[String], text: &str) -> Option<usize> {
    let is_value = |at: usize| args[at - 1].starts_with('-');
    let places: Vec<usize> = (2..args.len()).filter(|&at| args[at] == text).collect();
    places.iter().find(|&&at| !is_value(at)).or(places.first()).copied()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Takes the first of `flags` that is there, with its value, out of the line. Returns the value.
fn take(args: &mut Vec<String>, flags: &[&str]) -> Option<String> {
    let is_one = |arg: &String| flags.contains(&arg.split('=').next().unwrap_or_default());
    let at = args.iter().position(is_one)?;
    let flag = args.remove(at);
    match flag.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => (at < args.len()).then(|| args.remove(at)),
    }
}

/// Lays an error out as the parser does.
fn lay_out(sentence: &str, lines: &[String]) -> String {
    let mut text = format!("error: {sentence}\n");
    for line in lines {
        text += format!("\n  {line}").trim_end_matches(' ');
    }
    let gap = if lines.is_empty() { "" } else { "\n" };
    text + gap + "\nFor more information, try '--help'.\n"
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}
