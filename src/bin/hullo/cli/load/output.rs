//! Where the reports of a load test go. All places are looked at before it begins: an hour of testing must not end in a
//! typing error.

use super::flags::Load;
use super::series::Series;
use crate::cli::output::columns;
use crate::cli::output::stdout;
use crate::load::{Interval, Outcome, report};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A path that stands for stdout.
const STDOUT: &str = "-";

pub struct Outputs {
    /// What is written at the end; to stdout last.
    reports: Vec<(Output, Form)>,
    /// Written second by second.
    series: Option<Series>,
}

type Form = fn(&Outcome) -> Vec<u8>;

/// A file, a pipe or stdout.
pub struct Output {
    /// The option that asked for it.
    option: &'static str,
    path: PathBuf,
    /// `None` where it is a named pipe that nobody reads yet.
    file: Option<File>,
    /// The file was not there before.
    is_new: bool,
}

impl Outputs {
    pub fn open(load: &Load) -> Result<Outputs, String> {
        let json: Form = |outcome| (report::json(outcome) + "\n").into_bytes();
        let text: Form = |outcome| for_a_reader(report::text(outcome)).into_bytes();
        let asked: [(&'static str, &Option<PathBuf>, Option<Form>); 4] = [
            ("--output", &load.output, Some(json)),
            ("--html", &load.html, Some(|outcome| report::html(outcome).into_bytes())),
            ("--hdr", &load.hdr, Some(report::hdr_log)),
            ("--timeseries", &load.timeseries, None),
        ];
        let asked =
            asked.into_iter().filter_map(|(option, path, form)| Some((option, path.as_deref()?, form)));
        let (printed, filed): (Vec<_>, Vec<_>) = asked.partition(|(_, path, _)| *path == Path::new(STDOUT));
        let wants = printed.iter().map(|(option, ..)| *option);
        let wants: Vec<_> = wants.chain(load.json.then_some("--json")).collect();
        match wants[..] {
            [] | [_] | ["--output", "--json"] => {}
            [one, other, ..] => {
                return Err(format!("{one} and {other} both go to stdout: give one of them a file"));
            }
        }
        let printed = printed.first().map_or(Some(if load.json { json } else { text }), |(_, _, form)| *form);
        let mut places = Vec::new();
        for (option, path, form) in filed {
            match Output::open(option, path) {
                Ok(output) => places.push((output, form)),
                Err(error) => {
                    undo(&places);
                    return Err(cannot_write(path, &error));
                }
            }
        }
        let stdout = Output::stdout().map_err(|error| cannot_write(Path::new("stdout"), &error))?;
        places.push((stdout, printed));
        if let Some(conflict) = conflict(&places) {
            undo(&places);
            return Err(conflict);
        }
        let mut outputs = Outputs { reports: Vec::new(), series: None };
        for (output, form) in places {
            match form {
                Some(form) => outputs.reports.push((output, form)),
                None => outputs.series = Some(Series::begin(output)),
            }
        }
        Ok(outputs)
    }

    /// Whether stdout is all there is.
    pub fn are_printed_only(&self) -> bool {
        self.reports.iter().all(|(output, _)| output.is_stdout()) && self.series.is_none()
    }

    /// A second is over.
    pub fn tell(&mut self, second: &Interval) {
        if let Some(series) = &mut self.series {
            series.write(report::timeseries_line(second));
        }
    }

    /// Writes the reports; the first error of several, as a sentence.
    pub fn write(self, outcome: &Outcome) -> Result<(), String> {
        let mut result = Ok(());
        for (mut output, form) in self.reports {
            let written = output.begin().and_then(|()| output.append(&form(outcome)));
            result = result.and(written.map_err(|error| cannot_write(output.path(), &error)));
        }
        result.and(self.series.map_or(Ok(()), Series::end))
    }
}

/// Breaks the sentences for a terminal, which would break them within words; in a file or a pipe a sentence stays one line.
fn for_a_reader(report: String) -> String {
    if io::stdout().is_terminal() { columns::fill_head(&report, columns::WIDTH) } else { report }
}

impl Output {
    fn open(option: &'static str, path: &Path) -> io::Result<Output> {
        let output = |file, is_new| Output { option, path: path.to_path_buf(), file, is_new };
        if path.metadata().is_ok_and(|found| found.file_type().is_fifo()) {
            return Ok(output(open_pipe(path)?, false));
        }
        let is_new = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(output(Some(file), is_new))
    }

    fn stdout() -> io::Result<Output> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Output { option: "", path: STDOUT.into(), file: Some(file), is_new: false })
    }

    pub fn is_stdout(&self) -> bool {
        self.option.is_empty()
    }

    pub fn path(&self) -> &Path {
        if self.is_stdout() { Path::new("stdout") } else { &self.path }
    }

    /// Empties the file, so that what stood there before stays until there is something better. A pipe is waited for until
    /// somebody reads it.
    pub fn begin(&mut self) -> io::Result<()> {
        if self.is_stdout() {
            return stdout::check();
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).open(&self.path)?,
        };
        if file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        self.file = Some(file);
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_stdout = self.is_stdout();
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).or_else(|error| match error.kind() {
            // Whoever has closed the other end has seen enough of it.
            io::ErrorKind::BrokenPipe if is_stdout => Ok(()),
            _ => Err(error),
        })
    }

    fn metadata(&self) -> io::Result<Metadata> {
        match &self.file {
            Some(file) => file.metadata(),
            None => self.path.metadata(),
        }
    }
}

/// Opens a named pipe without waiting for its reader; `None` where there is none yet.
fn open_pipe(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    match opened {
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Ok(None),
        opened => {
            let pipe = opened?;
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty()))?;
            Ok(Some(pipe))
        }
    }
}

/// A sentence where two places are one file, by whatever names. A device takes all that it is given, so that /dev/null may
/// be named twice.
fn conflict(places: &[(Output, Option<Form>)]) -> Option<String> {
    let identity = |output: &Output| {
        let found = output.metadata().ok().filter(|found| !found.file_type().is_char_device())?;
        Some((found.dev(), found.ino()))
    };
    places.iter().enumerate().find_map(|(at, (one, _))| {
        let is_same = |(other, _): &&(Output, Option<Form>)| identity(other) == identity(one);
        identity(one)?;
        let (other, _) = places[at + 1..].iter().find(is_same)?;
        Some(match other.is_stdout() {
            true => format!("{} {} is where stdout goes: name another file", one.option, one.path.display()),
            false => format!(
                "{} {} and {} {} are one file: name another for one of them",
                one.option,
                one.path.display(),
                other.option,
                other.path.display()
            ),
        })
    })
}

/// Removes the files that were made for a run that is refused.
fn undo(places: &[(Output, Option<Form>)]) {
    for (output, _) in places.iter().filter(|(output, _)| output.is_new) {
        // A link that led to nothing stays. A file that cannot be removed stays as well, empty.
        let _ = output.path.canonicalize().and_then(std::fs::remove_file);
    }
}

pub fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
