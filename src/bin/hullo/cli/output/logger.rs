//! The log: lines on stderr that never hold the event loop up.

use crate::cli::output::nonblocking::{LossyWriter, print_line, stderr};
use env_logger::fmt::Formatter;
use env_logger::{Builder, Target, WriteStyle};
use hullo::Printable;
use log::{Level, LevelFilter, Record};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic;

/// The log level where nobody asks for another one.
pub const DEFAULT: LevelFilter = LevelFilter::Info;

/// Starts the log. The flag takes precedence over `HULLO_LOG`, and `HULLO_LOG` over the config. The config has yet to be read:
/// see [`level_of`].
pub fn start(flag: Option<LevelFilter>) {
    let mut builder = Builder::new();
    match (flag, filters()) {
        (None, Some(filters)) => {
            let (filters, complaints) = valid_filters(&filters);
            complaints.iter().for_each(|complaint| print_line(complaint));
            builder.parse_filters(&filters)
        }
        // Every level passes here, since the level of the `log` crate decides: a reload can change that one.
        _ => builder.filter_level(LevelFilter::Trace),
    };
    let stderr = stderr();
    let is_journal = stderr.as_ref().is_ok_and(is_read_by_the_journal);
    if let Ok(stderr) = stderr {
        builder.target(Target::Pipe(Box::new(LossyWriter::new(stderr))));
    }
    builder.format(if is_journal { write_for_the_journal } else { write_with_time });
    builder.write_style(if wants_colour() { WriteStyle::Always } else { WriteStyle::Never }).init();
    if flag.is_some() || filters().is_none() {
        log::set_max_level(flag.unwrap_or(DEFAULT));
    }
    // A panicking handler costs one connection. The usual panic report would wait for a reader of stderr.
    panic::set_hook(Box::new(|report| log::error!("{}", report.to_string().replace('\n', " "))));
}

/// The level that the config asks for, or the default; `None` where the flag or `HULLO_LOG` has settled the level.
pub fn level_of(config: Option<LevelFilter>, flag: Option<LevelFilter>) -> Option<LevelFilter> {
    (flag.is_none() && filters().is_none()).then(|| config.unwrap_or(DEFAULT))
}

fn filters() -> Option<String> {
    let filters = env::var_os("HULLO_LOG")?.to_string_lossy().into_owned();
    Some(filters).filter(|filters| !filters.is_empty())
}

/// The valid parts of `HULLO_LOG`, and a sentence for each part that is ignored.
fn valid_filters(filters: &str) -> (String, Vec<String>) {
    // Behind a slash stands a text that a line must contain. Commas in it separate nothing.
    let (directives, text) = filters.split_at(filters.find('/').unwrap_or(filters.len()));
    let (mut kept, mut complaints) = (Vec::new(), Vec::new());
    for part in directives.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match problem(part) {
            None => kept.push(part),
            Some(problem) => complaints.push(format!(
                "warning: HULLO_LOG: {} {problem} and is ignored: write a level, or MODULE=LEVEL, as in \
                 warn,hullo::daemon=debug",
                Printable(part.as_bytes())
            )),
        }
    }
    let directives = if kept.is_empty() { DEFAULT.to_string() } else { kept.join(",") };
    (directives + text, complaints)
}

/// What is wrong with one part of `HULLO_LOG`; `None` if it is valid.
fn problem(part: &str) -> Option<&'static str> {
    if env_filter::Builder::new().try_parse(part).is_err() {
        return Some("is no filter");
    }
    let module = part.split('=').next().unwrap_or(part);
    let is_level = !part.contains('=') && module.parse::<LevelFilter>().is_ok();
    let is_ours = ["hullo", "mio"].iter().any(|name| module.starts_with(name) || name.starts_with(module));
    (!is_level && !is_ours).then_some("is neither a level nor a module of ours")
}

fn wants_colour() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !is_set("NO_COLOR")
        && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Whether the journal of systemd reads this stream. JOURNAL_STREAM holds the device and the inode of the stream that it reads
/// (systemd.exec(5)). A process that inherits the variable may have been given another stderr.
fn is_read_by_the_journal(stderr: &impl AsFd) -> bool {
    let Some(journal) = env::var("JOURNAL_STREAM").ok() else { return false };
    let metadata = stderr.as_fd().try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata());
    metadata.is_ok_and(|stream| journal == format!("{}:{}", stream.dev(), stream.ino()))
}

/// Puts a priority before each line of an error, where the journal reads stderr.
pub fn as_errors(text: String) -> String {
    if !stderr().as_ref().is_ok_and(is_read_by_the_journal) {
        return text;
    }
    text.lines().map(|line| format!("<3>{line}\n")).collect()
}

fn write_with_time(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, level, target) = (out.timestamp(), record.level(), record.target());
    let style = out.default_level_style(level);
    writeln!(out, "[{time} {style}{level:<5}{style:#} {target}] {}", in_one_line(record))
}

/// The journal notes the time itself, and reads a priority from the beginning of a line (sd-daemon(3)).
fn write_for_the_journal(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(out, "<{priority}>{}: {}", record.target(), in_one_line(record))
}

/// The message as one line without control characters, since peers and config files have a say in it.
fn in_one_line(record: &Record<'_>) -> String {
    Printable(record.args().to_string().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_filter_is_left_out_and_the_rest_is_kept() {
        for (filters, kept) in [
            ("debug", "debug"),
            ("warn,hullo::daemon=debug", "warn,hullo::daemon=debug"),
            ("hullo=loud,warn", "warn"),
            ("wran", "INFO"),
            ("a=b=c", "INFO"),
            (" , ", "INFO"),
            ("hullo::reactor/a,b", "hullo::reactor/a,b"),
            ("verbose/text", "INFO/text"),
        ] {
            assert_eq!(valid_filters(filters).0, kept, "{filters}");
        }
        assert_eq!(
            valid_filters("wran,hullo=loud,debug").1,
            [
                "warning: HULLO_LOG: wran is neither a level nor a module of ours and is ignored: \
                 write a level, or MODULE=LEVEL, as in warn,hullo::daemon=debug",
                "warning: HULLO_LOG: hullo=loud is no filter and is ignored: \
                 write a level, or MODULE=LEVEL, as in warn,hullo::daemon=debug",
            ]
        );
    }
}
