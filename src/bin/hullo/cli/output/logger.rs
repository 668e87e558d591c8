//! The log: lines on stderr that never hold the loop up.

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

pub const DEFAULT: LevelFilter = LevelFilter::Info;

/// Starts the log. The flag counts more than `HULLO_LOG`, and that more than the config, which has yet to be read:
/// [`level_of`].
pub fn start(flag: Option<LevelFilter>) {
    let mut builder = Builder::new();
    match (flag, filters()) {
        (None, Some(filters)) => {
            let (filters, complaints) = sensible(&filters);
            complaints.iter().for_each(|complaint| print_line(complaint));
            builder.parse_filters(&filters)
        }
        // Everything passes here: the level is the log's own, which can be changed.
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
    // A panicking handler costs one connection; the report that is usual would wait for a reader of stderr.
    panic::set_hook(Box::new(|report| log::error!("{}", report.to_string().replace('\n', " "))));
}

/// The level that the config leads to; `None` where the flag or `HULLO_LOG` has settled it.
pub fn level_of(config: Option<LevelFilter>, flag: Option<LevelFilter>) -> Option<LevelFilter> {
    (flag.is_none() && filters().is_none()).then(|| config.unwrap_or(DEFAULT))
}

fn filters() -> Option<String> {
    let filters = env::var_os("HULLO_LOG")?.to_string_lossy().into_owned();
    Some(filters).filter(|filters| !filters.is_empty())
}

/// What there is to understand of `HULLO_LOG`, and a sentence for each part that is left out.
fn sensible(filters: &str) -> (String, Vec<String>) {
    // Behind a slash is a text that a line must hold, commas and all.
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

/// What is wrong with one directive.
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

/// systemd.exec(5): JOURNAL_STREAM names the device and inode of the stream that the journal reads. What a child was
/// given instead is another one.
fn is_read_by_the_journal(stderr: &impl AsFd) -> bool {
    let Some(journal) = env::var("JOURNAL_STREAM").ok() else { return false };
    let metadata = stderr.as_fd().try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata());
    metadata.is_ok_and(|stream| journal == format!("{}:{}", stream.dev(), stream.ino()))
}

/// The sentences of an error, each with its priority where the journal reads them.
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

/// The journal has its own clock, and takes a priority from the head of a line (sd-daemon(3)).
fn write_for_the_journal(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(out, "<{priority}>{}: {}", record.target(), in_one_line(record))
}

/// Whatever is in it: what peers and config files say goes no further than its own line.
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
            assert_eq!(sensible(filters).0, kept, "{filters}");
        }
        assert_eq!(
            sensible("wran,hullo=loud,debug").1,
            [
                "warning: HULLO_LOG: wran is neither a level nor a module of ours and is ignored: \
                 write a level, or MODULE=LEVEL, as in warn,hullo::daemon=debug",
                "warning: HULLO_LOG: hullo=loud is no filter and is ignored: \
                 write a level, or MODULE=LEVEL, as in warn,hullo::daemon=debug",
            ]
        );
    }
}
