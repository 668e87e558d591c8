//! Children that never outlive their test, and what the system tells of them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::skip::{PATIENCE, skip};

/// A child that is killed, by its id, when the test lets go of it. What it says is read as it comes.
pub struct Process {
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
}

/// What a process has said so far.
#[derive(Default, Clone, Debug)]
pub struct Said {
    pub out: Vec<String>,
    pub err: Vec<String>,
    /// Streams that are read and not yet at their end. At zero the process is gone, or soon will be.
    open: usize,
}

impl Process {
    /// Starts a command and reads its stdout and stderr.
    pub fn start(command: &mut Command) -> Process {
        Process::start_as_it_is(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Starts a command and reads of its stdout and stderr what is a new pipe.
    pub fn start_as_it_is(command: &mut Command) -> Process {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let said = Arc::default();
        if let Some(out) = child.stdout.take() {
            listen(&said, out, |said| &mut said.out);
        }
        if let Some(err) = child.stderr.take() {
            listen(&said, err, |said| &mut said.err);
        }
        Process { child, said }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self) -> MutexGuard<'_, Said> {
        self.said.0.lock().unwrap()
    }

    pub fn stderr(&self) -> String {
        self.said().err.join("\n")
    }

    /// Waits until `found` finds something in what the process has said; `None` at the deadline, or when the
    /// process ended without saying it.
    pub fn wait_for<T>(&self, limit: Duration, mut found: impl FnMut(&Said) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut said = self.said();
        loop {
            let result = found(&said);
            let left = deadline.saturating_duration_since(Instant::now());
            if result.is_some() || left.is_zero() || said.open == 0 {
                return result;
            }
            said = self.said.1.wait_timeout(said, left).unwrap().0;
        }
    }

    /// The status the process ends with; `None` if it has not ended within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.wait_for(limit, |said| (said.open == 0).then_some(()))?;
        Some(self.child.wait().unwrap())
    }

    /// Sends a signal, by name, without "SIG".
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(
    said: &Arc<(Mutex<Said>, Condvar)>,
    stream: impl Read + Send + 'static,
    part: fn(&mut Said) -> &mut Vec<String>,
) {
    said.0.lock().unwrap().open += 1;
    let said = said.clone();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
            part(&mut said.0.lock().unwrap()).push(text);
            said.1.notify_all();
            line.clear();
        }
        said.0.lock().unwrap().open -= 1;
        said.1.notify_all();
    });
}

/// Sends a signal, by name, without "SIG".
#[track_caller]
pub fn signal(id: u32, name: &str) {
    let kill = format!("kill -{name} {id}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}

/// A number in `/proc/ID/status`; none once the process is gone.
pub fn status(id: u32, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find(|line| line.starts_with(key))?.split_whitespace().nth(1)?.parse().ok()
}

/// The fields of `/proc/ID/stat` behind the name of the program, which may hold anything.
#[track_caller]
fn stat(id: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().map(str::to_owned).collect()
}

/// What a process is doing: "R", "S", "T" and so on (proc(5)).
#[track_caller]
pub fn state(id: u32) -> String {
    stat(id).swap_remove(0)
}

/// Processor time that a process has used so far, its own and the kernel's for it, in steps of 10 ms.
#[track_caller]
pub fn cpu_time(id: u32) -> Duration {
    let fields = stat(id);
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// A command of the interpreter; `None`, and why is printed, without one.
pub fn python3() -> Option<Command> {
    let mut version = Command::new("python3");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        skip("there is no python3 here");
        return None;
    }
    Some(Command::new("python3"))
}

/// A script of `tests/python` to be run; `None`, and why is printed, without an interpreter.
fn script(name: &str) -> Option<Command> {
    let mut command = python3()?;
    command.arg("-B").arg(format!("{}/tests/python/{name}", env!("CARGO_MANIFEST_DIR")));
    Some(command)
}

/// Runs a script of `tests/python` to its end, and fails with what it said if it fails. Without an interpreter it
/// says so, and the test is skipped.
#[track_caller]
pub fn python(name: &str, arguments: &[String], limit: Duration) {
    let Some(mut command) = script(name) else { return };
    let mut process = Process::start(command.args(arguments));
    let status = process.wait(limit);
    let said = process.said().clone();
    let said = [said.out, said.err].concat().join("\n");
    match status {
        Some(status) => assert!(status.success(), "{name}: {status}\n{said}"),
        None => panic!("{name} has not ended in {limit:?}\n{said}"),
    }
}

/// A server of `tests/python`, and the port that it says; `None`, and why is printed, without an interpreter.
#[track_caller]
pub fn python_server(name: &str, arguments: &[&str]) -> Option<(Process, u16)> {
    let process = Process::start(script(name)?.args(arguments));
    let port = process.wait_for(PATIENCE, |said| said.out.first()?.parse().ok());
    let port = port.unwrap_or_else(|| panic!("it does not serve: {:?}", process.said()));
    Some((process, port))
}
