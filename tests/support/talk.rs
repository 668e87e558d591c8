//! `hullo talk` as a process, and servers that it talks to.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{JoinHandle, spawn};
use std::time::Instant;

use super::{Daemon, HULLO, PATIENCE};

/// A `hullo talk` that runs. What it writes is read as it comes, so that it never waits for us.
pub struct Talk {
    child: Child,
    out: Option<JoinHandle<Vec<u8>>>,
    err: Option<JoinHandle<Vec<u8>>>,
}

/// How it ended, and what it wrote.
#[derive(PartialEq, Debug)]
pub struct Talked {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Talk {
    pub fn start<T: AsRef<std::ffi::OsStr>>(
        arguments: impl IntoIterator<Item = T>,
        stdin: impl Into<Stdio>,
    ) -> Talk {
        Talk::start_with_stdout(arguments, stdin, Stdio::piped())
    }

    pub fn start_with_stdout<T: AsRef<std::ffi::OsStr>>(
        arguments: impl IntoIterator<Item = T>,
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
    ) -> Talk {
        let mut command = Command::new(HULLO);
        command.arg("talk").args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().map(read_all);
        let err = child.stderr.take().map(read_all);
        Talk { child, out, err }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, if that is a pipe of ours.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    #[track_caller]
    pub fn end(mut self) -> Talked {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "hullo talk has not ended");
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        let text = |stream: Option<JoinHandle<Vec<u8>>>| stream.map_or(Vec::new(), |s| s.join().unwrap());
        let (out, err) = (text(self.out.take()), text(self.err.take()));
        Talked { code: status.code(), out, err: String::from_utf8(err).unwrap() }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// Runs it to its end with nothing on its standard input.
#[track_caller]
pub fn talk(arguments: &[&str]) -> Talked {
    Talk::start(arguments, Stdio::null()).end()
}

/// Runs it to its end with `input` in a pipe.
#[track_caller]
pub fn talk_piped(arguments: &[&str], input: impl Into<Vec<u8>>) -> Talked {
    let mut talk = Talk::start(arguments, Stdio::piped());
    let (mut stdin, input) = (talk.stdin(), input.into());
    let writer = spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let talked = talk.end();
    writer.join().unwrap();
    talked
}

/// Runs it to its end with its standard input from a file.
#[track_caller]
pub fn talk_from(arguments: &[&str], path: &str) -> Talked {
    Talk::start(arguments, File::open(path).unwrap()).end()
}

/// A daemon with one socket, and its address.
pub fn hello() -> (Daemon, String) {
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let address = daemon.listening[0].address.clone();
    (daemon, address)
}

/// Serves one client with `serve`, on a thread.
pub fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let thread = spawn(move || {
        let client = listener.accept().unwrap().0;
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        serve(client)
    });
    (address, thread)
}

/// What one read returns.
pub fn one_read(client: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let length = client.read(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

impl Talked {
    /// It went well, and this is all that it showed.
    #[track_caller]
    pub fn showed(&self, text: impl AsRef<[u8]>) {
        let (out, text) = (self.out.escape_ascii().to_string(), text.as_ref().escape_ascii().to_string());
        assert!(self.code == Some(0) && out == text, "{:?}: {out}, not {text}\n{}", self.code, self.err);
    }

    /// It failed with one sentence that has all these parts.
    #[track_caller]
    pub fn failed(&self, code: i32, parts: &[&str]) {
        let sentences: Vec<&str> = self.err.lines().filter(|line| !line.starts_with("talking to ")).collect();
        assert_eq!(self.code, Some(code), "{}", self.err);
        let [sentence] = sentences[..] else { panic!("not one sentence: {sentences:?}") };
        assert!(sentence.starts_with("error: "), "{sentence}");
        for part in parts {
            assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
        }
    }
}
