//! The flags of `hullo fetch`, as they are typed.

use crate::cli::trust::Trust;
use crate::cli::units;
use crate::client::fetch::{Field, Url};
use clap::Args;
use std::path::PathBuf;
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
  hullo fetch https://localhost:8443/ --cacert chain.pem
      fetches over TLS, from a server whose certificate is in that file

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

/// Fetch pages over HTTP and HTTPS, many at once
///
/// The head of each response goes to stderr, and the name of each file; the bodies to stdout in the order of the URLs, or to
/// files. The page that comes with an error (a status of 400 or more) is printed or saved like any other. On a terminal a body
/// is text: control characters become \xNN or \u{N}. Redirects are followed, at most 10, between http and https as well.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct Fetch {
    /// What to fetch: http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<Url>,

    /// Save the body under this name
    ///
    /// Takes a single URL. Until the body is whole, what is there stays there. `-` is stdout.
    #[arg(short, long, value_name = "FILE", conflicts_with = "output_dir")]
    pub output: Option<PathBuf>,

    /// Save each body in this folder, under the last part of its URL
    ///
    /// Without such a part it is index.html. A name that is taken gets a number. The folder is made if need be.
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,

    /// Add a header field to each request, or replace one; can be given several times
    ///
    /// Without a value (`Accept:`) the field is left out. Host, Cookie and Authorization are for the server of the URL, and are
    /// not sent where it redirects to another. Connection and what describes a body are fetch's own.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub header: Vec<Field>,

    /// Say nothing on stderr but what went wrong
    #[arg(short, long)]
    pub quiet: bool,

    /// How long a server may bring nothing, like 500ms or 1m; 0: for ever
    ///
    /// The connection has to come about within the same time, and within 10s in any case.
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration)]
    pub timeout: Duration,

    /// The longest body, like 10MiB; 0: any
    #[arg(long, value_name = "N", default_value = "1GiB", value_parser = units::size)]
    pub max_size: usize,

    #[command(flatten)]
    pub trust: Trust,
}
