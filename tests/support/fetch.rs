//! `hullo fetch` as a process, and servers for it that are other people's programs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::{HULLO, PATIENCE, Process, python3, signal};

/// How a fetch went.
pub struct Fetched {
    pub code: Option<i32>,
    pub body: Vec<u8>,
    pub err: String,
}

impl Fetched {
    #[track_caller]
    pub fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.err);
        std::str::from_utf8(&self.body).unwrap()
    }

    /// It has failed, with this one sentence.
    #[track_caller]
    pub fn sentence(&self) -> &str {
        assert_eq!(self.code, Some(1), "{}", self.err);
        let mut sentences = self.err.lines().filter_map(|line| line.strip_prefix("error: "));
        let sentence = sentences.next().unwrap_or_else(|| panic!("no sentence: {}", self.err));
        assert_eq!(sentences.next(), None, "{}", self.err);
        sentence
    }
}

#[track_caller]
pub fn run(command: &mut Command) -> Fetched {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (done, output) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output().unwrap()));
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        signal(id, "KILL");
        panic!("not done within {PATIENCE:?}: {command:?}");
    };
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(!err.contains("panicked"), "{err}");
    Fetched { code: output.status.code(), body: output.stdout, err }
}

#[track_caller]
pub fn fetch<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> Fetched {
    let mut command = Command::new(HULLO);
    command.arg("fetch").env_remove("HULLO_LOG").env("NO_COLOR", "1");
    run(command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned())))
}

/// A server that is somebody else's program.
pub struct Server {
    _process: Process,
    pub root: String,
}

impl Server {
    /// Python's own server of files; `None`, and why is printed, without an interpreter.
    pub fn files(folder: &Path) -> Option<Server> {
        let folder = folder.to_str().unwrap();
        Server::python(&["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder])
    }

    /// `tests/python/odd_server.py`
    pub fn odd() -> Option<Server> {
        Server::python(&["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/odd_server.py")])
    }

    /// `tests/python/tls_server.py`; with `asks_for_ours` it wants a certificate of its client.
    pub fn tls(files: &(String, String), asks_for_ours: bool) -> Option<Server> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/tls_server.py");
        let more = if asks_for_ours { "ca" } else { "" };
        let mut server = Server::python(&["-B", program, &files.0, &files.1, more])?;
        server.root = server.root.replace("http://127.0.0.1", "https://localhost");
        Some(server)
    }

    fn python(arguments: &[&str]) -> Option<Server> {
        let process = Process::start(python3()?.args(arguments));
        let port = process.wait_for(PATIENCE, |said| {
            let mut words = said.out.first()?.split_whitespace().skip_while(|word| *word != "port");
            words.nth(1).map(str::to_owned)
        });
        let port = port.unwrap_or_else(|| panic!("it does not serve: {:?}", process.said()));
        Some(Server { _process: process, root: format!("http://127.0.0.1:{port}") })
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }
}

/// Bytes that repeat at no power of two.
pub fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
