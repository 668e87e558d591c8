//! `hullo serve` as a process, and what it says.

use std::io::Write;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{self, status};
use super::{HULLO, PATIENCE, Peer, Process};

/// A `hullo serve` to be started.
pub struct Serve {
    arguments: Vec<String>,
    /// Of a shell that becomes the daemon.
    line: Option<String>,
    log: Option<String>,
    sockets: Option<usize>,
    stdout: Stdio,
    stderr: Stdio,
}

impl Serve {
    pub fn new<T: Into<String>>(arguments: impl IntoIterator<Item = T>) -> Serve {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Serve {
            arguments,
            line: None,
            log: None,
            sockets: None,
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }

    /// In a shell, after `line`, which may end in redirections of `exec`.
    pub fn after(mut self, line: &str) -> Serve {
        self.line = Some(format!("{line}\nexec \"$0\" \"$@\""));
        self
    }

    /// With this in `HULLO_LOG`.
    pub fn log(mut self, filters: &str) -> Serve {
        self.log = Some(filters.to_owned());
        self
    }

    /// Under this many descriptors, soft and hard.
    pub fn descriptors(mut self, limit: u32) -> Serve {
        self.line = Some(format!("ulimit -Sn {limit}; ulimit -Hn {limit}; exec \"$0\" \"$@\""));
        self
    }

    /// With its stdout closed: it has to be told how many announcements to wait for, namely none.
    pub fn with_closed_stdout(mut self) -> Serve {
        self.line = Some("exec \"$0\" \"$@\" >&-".to_owned());
        self.sockets(0)
    }

    /// With the stdout of the test's choice, and no announcements to wait for.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Serve {
        self.stdout = stdout.into();
        self.sockets(0)
    }

    /// With the stderr of the test's choice.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Serve {
        self.stderr = stderr.into();
        self
    }

    /// How many sockets it will announce; if not told, as many as there are addresses among the arguments.
    pub fn sockets(mut self, count: usize) -> Serve {
        self.sockets = Some(count);
        self
    }

    fn spawn(self) -> Process {
        let mut command = match self.line {
            None => Command::new(HULLO),
            Some(line) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &line, HULLO]);
                shell
            }
        };
        command.arg("serve").args(self.arguments).env_remove("HULLO_LOG").env("NO_COLOR", "1");
        command.env_remove("JOURNAL_STREAM").envs(self.log.map(|filters| ("HULLO_LOG", filters)));
        Process::start_as_it_is(command.stdout(self.stdout).stderr(self.stderr))
    }

    /// Starts it, whatever becomes of it.
    pub fn begin(self) -> Daemon {
        Daemon { process: self.spawn(), listening: Vec::new() }
    }

    /// Starts it and waits until every socket is announced.
    #[track_caller]
    pub fn start(self) -> Daemon {
        self.try_start().unwrap_or_else(|(code, stderr)| panic!("it ended with {code:?}: {stderr}"))
    }

    /// As [`start`](Serve::start); the exit code and stderr if it did not start.
    #[track_caller]
    pub fn try_start(self) -> Result<Daemon, (Option<i32>, String)> {
        let is_address =
            |text: &&String| ["tcp:", "tls:", "udp:", "unix"].iter().any(|kind| text.starts_with(kind));
        let count = self.sockets.unwrap_or_else(|| self.arguments.iter().filter(is_address).count());
        let mut process = self.spawn();
        let listening = process.wait_for(PATIENCE, |said| {
            (said.out.len() >= count).then(|| said.out.iter().map(|line| Listening::parse(line)).collect())
        });
        match listening {
            Some(listening) => Ok(Daemon { process, listening }),
            None => match process.wait(PATIENCE) {
                Some(status) => Err((status.code(), process.stderr())),
                None => panic!("it neither ends nor listens: {}", process.stderr()),
            },
        }
    }

    /// Runs one that is not to start, to its end: the exit code, stdout and stderr.
    #[track_caller]
    pub fn run(self) -> (Option<i32>, String, String) {
        let mut process = self.spawn();
        let Some(status) = process.wait(PATIENCE) else {
            panic!("it has not ended: {:?}", process.said());
        };
        let said = process.said().clone();
        (status.code(), said.out.join("\n"), said.err.join("\n"))
    }
}

/// One line of stdout: `listening on ADDRESS (DIALECT)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listening {
    pub address: String,
    pub dialect: String,
}

impl Listening {
    #[track_caller]
    fn parse(line: &str) -> Listening {
        line.strip_prefix("listening on ")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.rsplit_once(" ("))
            .map(|(address, dialect)| Listening { address: address.into(), dialect: dialect.into() })
            .unwrap_or_else(|| panic!("not an announcement: {line:?}"))
    }

    /// The address and port of a TCP or UDP socket.
    #[track_caller]
    pub fn inet(&self) -> SocketAddr {
        self.address.split_once("://").unwrap().1.parse().unwrap()
    }

    /// The path of a Unix socket.
    #[track_caller]
    pub fn path(&self) -> &str {
        self.address.strip_prefix("unix:").or_else(|| self.address.strip_prefix("unixgram:")).unwrap()
    }
}

/// A pipe that takes not one byte more, and stays so as long as the reader is kept.
pub fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut socket = std::fs::File::options()
        .write(true)
        .custom_flags(0o4000) // O_NONBLOCK
        .open(format!("/proc/self/fd/{}", writer.as_raw_fd()))
        .unwrap();
    for size in [4096, 1] {
        while socket.write(&vec![b'.'; size]).is_ok() {}
    }
    (reader, writer)
}

/// A `hullo serve` that listens.
pub struct Daemon {
    process: Process,
    /// In the order of the announcements.
    pub listening: Vec<Listening>,
}

impl Deref for Daemon {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Daemon {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Daemon {
    #[track_caller]
    pub fn start<T: Into<String>>(arguments: impl IntoIterator<Item = T>) -> Daemon {
        Serve::new(arguments).start()
    }

    /// The address of its first socket.
    #[track_caller]
    pub fn inet(&self) -> SocketAddr {
        self.listening[0].inet()
    }

    /// A new client of its first socket.
    #[track_caller]
    pub fn connect(&self) -> Peer {
        Peer::connect(&self.listening[0].address)
    }

    /// A new client of its first socket that has read its welcome.
    #[track_caller]
    pub fn welcomed(&self) -> Peer {
        let mut client = self.connect();
        client.expect("Welcome!");
        client
    }

    /// Asks it to drain, and returns the exit code.
    #[track_caller]
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code(Duration::from_secs(30))
    }

    #[track_caller]
    pub fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        match self.wait(limit) {
            Some(status) => status.code(),
            None => panic!("it has not ended within {limit:?}: {}", self.stderr()),
        }
    }

    /// Waits for a line on stderr that holds `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        self.wait_for(PATIENCE, |said| said.err.iter().find(|line| line.contains(text)).cloned())
            .unwrap_or_else(|| panic!("{text:?} is not in its log:\n{}", self.stderr()))
    }

    pub fn threads(&self) -> u64 {
        status(self.id(), "Threads:").unwrap()
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        status(self.id(), "VmRSS:").unwrap() * 1024
    }

    /// Processor time used so far, in steps of 10 ms.
    #[track_caller]
    pub fn cpu_time(&self) -> Duration {
        process::cpu_time(self.id())
    }

    #[track_caller]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }
}
