//! `hullo fetch`: flags, made into one call of the client.

use crate::cli::descriptors;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::output::logger;
use crate::cli::output::nonblocking;
use crate::cli::output::stdout;
use crate::cli::units;
use crate::client::fetch::{self, Destination, FetchPlan, Field, Url};
use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
Examples:
  hullo fetch http://example.com/
      prints the head of the response on stderr and the page on stdout
  hullo fetch http://127.0.0.1:8000/big.iso -o big.iso
      saves it, under that name once it is whole
  hullo fetch http://127.0.0.1:8000/{a,b,c} --output-dir pages
      fetches three at once, into pages/a, pages/b and pages/c (the shell
      makes three URLs of it)
  hullo fetch -q -H 'Host: a.example' -H 'Cookie: a=b' http://127.0.0.1/
      prints the page alone; the server is asked as a.example

Exit status:
  0    all were fetched
  1    one failed, or its server answered with an error
  2    usage
  130  stopped by SIGINT
  143  stopped by SIGTERM

Signals:
  SIGINT, SIGTERM
      end it; files that are not whole are removed

Environment:
  HULLO_LOG
      filters the log by module, as in HULLO_LOG=debug
  NO_COLOR
      no colours in the log, if it is set and not empty";

/// Fetch pages over plain HTTP, many at once
///
/// The head of each response goes to stderr, and the name of each file; the bodies to stdout in the order of the URLs, or to
/// files. The page that comes with an error (a status of 400 or more) is printed or saved like any other. On a terminal a body
/// is text: control characters become \xNN or \u{N}. Redirects are followed, at most 10. https:// is not spoken.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Fetch {
    /// What to fetch: http://HOST[:PORT]/PATH
    #[arg(value_name = "URL", required = true)]
    urls: Vec<Url>,

    /// Save the body under this name
    ///
    /// Takes a single URL. Until the body is whole, what is there stays there. `-` is stdout.
    #[arg(short, long, value_name = "FILE", conflicts_with = "output_dir")]
    output: Option<PathBuf>,

    /// Save each body in this folder, under the last part of its URL
    ///
    /// Without such a part it is index.html. A name that is taken gets a number. The folder is made if need be.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    /// Add a header field to each request, or replace one; can be given several times
    ///
    /// Without a value (`Accept:`) the field is left out. Host, Cookie and Authorization are for the server of the URL, and are
    /// not sent where it redirects to another. Connection and what describes a body are fetch's own.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    header: Vec<Field>,

    /// Say nothing on stderr but what went wrong
    #[arg(short, long)]
    quiet: bool,

    /// How long a server may bring nothing, like 500ms or 1m; 0: for ever
    ///
    /// The connection has to come about within the same time, and within 10s in any case.
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration)]
    timeout: Duration,

    /// The longest body, like 10MiB; 0: any
    #[arg(long, value_name = "N", default_value = "1GiB", value_parser = units::size)]
    max_size: usize,
}

impl Fetch {
    /// Fetches until all is there, or known to have failed.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let file = self.output.filter(|file| file.as_os_str() != "-");
        if file.is_some() && self.urls.len() > 1 {
            let sentence =
                format!("--output takes the body of one URL, not of {}: use --output-dir", self.urls.len());
            return Err(Failure::usage(vec![Place::default().complaint(sentence)]));
        }
        if self.header.iter().filter(|field| field.is_host()).count() > 1 {
            let sentence = "--header gives several Hosts, and a request has one: leave all but one out";
            return Err(Failure::usage(vec![Place::default().complaint(sentence)]));
        }
        logger::start(None);
        let room = descriptors::room(descriptors::raise(), 0, 1);
        let destination = match (file, self.output_dir) {
            (Some(file), _) => Destination::File(file),
            (None, Some(folder)) => Destination::Folder(folder),
            (None, None) => Destination::Stdout,
        };
        if matches!(destination, Destination::Stdout) {
            stdout::require()?;
        }
        let plan = FetchPlan {
            urls: self.urls,
            fields: self.header,
            destination,
            at_once: room / 2, // A connection and a file for each.
            is_quiet: self.quiet,
            timeout: self.timeout,
            max_size: self.max_size as u64,
        };
        let mut stderr = nonblocking::stderr().map(|out| BoundedWait { out, has_given_up: false });
        let mut nobody = io::sink();
        let err: &mut dyn Write = match &mut stderr {
            Ok(stderr) => stderr,
            Err(_) => &mut nobody,
        };
        let outcome = fetch::run(&plan, &io::stdout(), err)
            .map_err(|error| Failure::failed(&Place::default(), error.to_string()))?;
        Ok(match outcome.signal {
            // As a shell has it: 130 for SIGINT, 143 for SIGTERM.
            Some(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
            None if outcome.failed > 0 => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        })
    }
}

/// How long the reader of stderr may keep the fetch waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// Stderr that waits a while for its reader, since heads are what was asked for, and then goes on without: nobody may
/// be reading it. It waits again once it has been read.
struct BoundedWait {
    out: File,
    has_given_up: bool,
}

impl Write for BoundedWait {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wait = if self.has_given_up {
            PollTimeout::ZERO
        } else {
            PollTimeout::from(PATIENCE.as_millis() as u16)
        };
        let mut ask = [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)];
        let is_ready = poll(&mut ask, wait).is_ok_and(|ready| ready > 0);
        self.has_given_up = !is_ready;
        if !is_ready {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.out.write(&bytes[..bytes.len().min(nonblocking::ATOMIC_WRITE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
