//! Why a command did not do what it was asked, and where it was asked for it.

use hullo::Printable;
use std::fmt;
use std::process::ExitCode;
use std::rc::Rc;

/// The end of a command that did not go well: an exit code, and sentences for stderr.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    complaints: Vec<Complaint>,
}

/// A sentence, and the place that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    place: Place,
    sentence: String,
}

/// A line of a file, or the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Option<(Rc<str>, usize)>);

impl Failure {
    /// It was well asked, but could not be done.
    pub fn failed(place: &Place, sentence: impl Into<String>) -> Failure {
        Failure { code: 1, complaints: vec![place.complaint(sentence)] }
    }

    /// It was asked in a way that cannot be done.
    pub fn usage(mut complaints: Vec<Complaint>) -> Failure {
        complaints.sort();
        complaints.dedup();
        Failure { code: 2, complaints }
    }

    /// The same, found while nothing was asked but whether it is right.
    pub fn into_usage(self) -> Failure {
        Failure { code: 2, ..self }
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// All of it in one line, for a log.
    pub fn in_one_line(&self) -> String {
        let lines: Vec<String> = self.complaints.iter().map(Complaint::to_string).collect();
        lines.join("; ")
    }
}

/// One complaint a line, those about no file marked like the errors of the argument parser.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            let mark = if complaint.place == Place::default() { "error: " } else { "" };
            writeln!(f, "{mark}{complaint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place.0 {
            write!(f, "{}:{line}: ", Printable(file.as_bytes()))?;
        }
        f.write_str(&printable_lines(&self.sentence))
    }
}

/// What was typed, or stands in a file, may be anything, and is shown on a terminal.
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| Printable(line.as_bytes()).to_string()).collect();
    lines.join("\n")
}

impl Place {
    pub fn in_file(file: &Rc<str>, line: usize) -> Place {
        Place(Some((Rc::clone(file), line)))
    }

    pub fn complaint(&self, sentence: impl Into<String>) -> Complaint {
        Complaint { place: self.clone(), sentence: sentence.into() }
    }
}
