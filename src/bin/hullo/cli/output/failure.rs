//! Why a command failed, and which line of a file is to blame.

use hullo::Printable;
use std::fmt;
use std::process::ExitCode;
use std::rc::Rc;

/// The failure of a command: an exit code, and sentences for stderr.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    complaints: Vec<Complaint>,
}

/// A sentence about a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    place: Place,
    sentence: String,
}

/// A line of a file, or (the default) the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Option<(Rc<str>, usize)>);

impl Failure {
    /// The command line is right, but what it asks for could not be done: exit code 1.
    pub fn failed(place: &Place, sentence: impl Into<String>) -> Failure {
        Failure { code: 1, complaints: vec![place.complaint(sentence)] }
    }

    /// The command line or a file is wrong: exit code 2.
    pub fn usage(mut complaints: Vec<Complaint>) -> Failure {
        complaints.sort();
        complaints.dedup();
        Failure { code: 2, complaints }
    }

    /// Makes any failure one of usage: where a config is only checked, an error of it is the result.
    pub fn into_usage(self) -> Failure {
        Failure { code: 2, ..self }
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// All complaints in one line, for the log.
    pub fn in_one_line(&self) -> String {
        let lines: Vec<String> = self.complaints.iter().map(Complaint::to_string).collect();
        lines.join("; ")
    }
}

/// One complaint a line. A complaint about the command line is marked like an error of the argument parser.
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

/// Makes lines fit for a terminal. What was typed or stands in a file may hold control characters.
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
