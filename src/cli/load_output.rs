//! The files that a load test leaves. They are opened before it begins: an hour of testing must not end in a typing error.

use super::load::Load;
use hullo::load::{Interval, Outcome, report};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) struct Outputs {
    /// What is written at the end.
    reports: Vec<(Output, Form)>,
    /// Written second by second.
    series: Option<Output>,
}

type Form = fn(&Outcome) -> Vec<u8>;

/// A file, and how writing to it goes.
struct Output {
    path: PathBuf,
    file: File,
    /// What was there before stays until there is something better.
    is_begun: bool,
    result: io::Result<()>,
}

impl Outputs {
    pub(super) fn open(load: &Load) -> Result<Outputs, String> {
        let forms: [(&Option<PathBuf>, Form); 3] = [
            (&load.output, |outcome| (report::json(outcome) + "\n").into_bytes()),
            (&load.html, |outcome| report::html(outcome).into_bytes()),
            (&load.hdr, report::hdr_log),
        ];
        let mut reports = Vec::new();
        for (path, form) in forms {
            if let Some(path) = path {
                reports.push((Output::open(path)?, form));
            }
        }
        let series = load.timeseries.as_deref().map(Output::open).transpose()?;
        Ok(Outputs { reports, series })
    }

    /// A second is over.
    pub(super) fn tell(&mut self, second: &Interval) {
        if let Some(series) = &mut self.series {
            series.write(report::timeseries_line(second).as_bytes());
        }
    }

    /// Writes the reports; the first error of several, as a sentence.
    pub(super) fn write(mut self, outcome: &Outcome) -> Result<(), String> {
        for (output, form) in &mut self.reports {
            output.write(&form(outcome));
        }
        let outputs = self.reports.into_iter().map(|(output, _)| output).chain(self.series);
        outputs.map(Output::end).fold(Ok(()), Result::and)
    }
}

impl Output {
    fn open(path: &Path) -> Result<Output, String> {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| cannot_write(path, &error))?;
        Ok(Output { path: path.to_path_buf(), file, is_begun: false, result: Ok(()) })
    }

    /// After an error nothing more is written.
    fn write(&mut self, bytes: &[u8]) {
        if self.result.is_ok() {
            self.result = self.begin().and_then(|()| self.file.write_all(bytes));
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        // A pipe or a terminal has no length.
        if !std::mem::replace(&mut self.is_begun, true) && self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        Ok(())
    }

    fn end(self) -> Result<(), String> {
        self.result.map_err(|error| cannot_write(&self.path, &error))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
