//! The files that a load test leaves. They are opened before it begins: an hour of testing must not end in a typing error.

use super::load::Load;
use hullo::load::{Outcome, report};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// Each file, and what goes into it.
pub(super) struct Outputs(Vec<(PathBuf, File, Form)>);

type Form = fn(&Outcome) -> Vec<u8>;

impl Outputs {
    pub(super) fn open(load: &Load) -> Result<Outputs, String> {
        let forms: [(&Option<PathBuf>, Form); 4] = [
            (&load.output, |outcome| (report::json(outcome) + "\n").into_bytes()),
            (&load.html, |outcome| report::html(outcome).into_bytes()),
            (&load.hdr, report::hdr_log),
            (&load.timeseries, |outcome| report::timeseries(outcome).into_bytes()),
        ];
        let mut outputs = Vec::new();
        for (path, form) in forms {
            let Some(path) = path else { continue };
            let cannot = |error| format!("cannot write {}: {error}", path.display());
            // What is there stays there until there is something better.
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(cannot)?;
            outputs.push((path.clone(), file, form));
        }
        Ok(Outputs(outputs))
    }

    /// Writes them all; the first error of several, as a sentence.
    pub(super) fn write(self, outcome: &Outcome) -> Result<(), String> {
        let mut result = Ok(());
        for (path, file, form) in self.0 {
            let written = replace(file, &form(outcome));
            result = result.and(written.map_err(|error| format!("cannot write {}: {error}", path.display())));
        }
        result
    }
}

fn replace(mut file: File, bytes: &[u8]) -> io::Result<()> {
    // A pipe or a terminal has no length.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(bytes)
}
