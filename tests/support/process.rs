use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::skip::skip;

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
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
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

/// Runs a script of `tests/python` to its end, and fails with what it said if it fails. Without an interpreter it
/// says so, and the test is skipped.
#[track_caller]
pub fn python(script: &str, arguments: &[String], limit: Duration) {
    let path = format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut version = Command::new("python3");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        return skip("there is no python3 here");
    }
    let mut process = Process::start(Command::new("python3").arg("-B").arg(path).args(arguments));
    let status = process.wait(limit);
    let said = process.said().clone();
    let said = [said.out, said.err].concat().join("\n");
    match status {
        Some(status) => assert!(status.success(), "{script}: {status}\n{said}"),
        None => panic!("{script} has not ended in {limit:?}\n{said}"),
    }
}
