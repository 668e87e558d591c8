//! The benchmark's peers speak the greeting as hullo does, and its clients believe nobody.

use crate::support::{Daemon, PATIENCE, Peer, Process, TempDir, hellos, skip, udp};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
/// Where the runner, `tests/peers/run`, leaves what takes too long to build here.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers");

#[test]
fn the_peers_in_c_speak_the_greeting() {
    let temp = TempDir::new();
    for (name, libraries) in [("floor", &[][..]), ("libuv", &["-luv"]), ("libevent", &["-levent_core"])] {
        if let Some(binary) = compile(&temp, name, libraries) {
            speaks_the_greeting(&[binary.to_str().unwrap()]);
        }
    }
}

#[test]
fn the_floor_for_datagrams_answers_each_of_them() {
    let temp = TempDir::new();
    let Some(binary) = compile(&temp, "udp_floor", &[]) else { return };
    let server = Process::start(Command::new(binary).arg("raw"));
    let address = announced(&server, "udp_floor");
    let client = udp(address.strip_prefix("udp://").unwrap().parse().unwrap());
    for message in ["Michael", "", "exit", "x"] {
        client.send(message.as_bytes()).unwrap();
        let mut answer = [0; 64];
        let size = client.recv(&mut answer).unwrap();
        assert_eq!(answer[..size].escape_ascii().to_string(), format!("Hello, {message}!"));
    }
}

#[test]
fn the_peers_in_python_speak_the_greeting() {
    if !runs("python3", &["--version"]) {
        return skip("there is no python3 here");
    }
    let script = |name: &str| format!("{FOLDER}/python/{name}.py");
    speaks_the_greeting(&["python3", "-B", &script("threads")]);
    speaks_the_greeting(&["python3", "-B", &script("loop")]);
    match ["python3", "/usr/bin/python3"].iter().find(|python| runs(python, &["-c", "import uvloop"])) {
        Some(python) => speaks_the_greeting(&[python, "-B", &script("loop"), "uvloop"]),
        None => skip("there is no uvloop here (Debian's python3-uvloop)"),
    }
}

#[test]
fn the_peer_in_node_speaks_the_greeting() {
    if !runs("node", &["--version"]) {
        return skip("there is no node here (Debian's nodejs)");
    }
    speaks_the_greeting(&["node", &format!("{FOLDER}/node/net.js")]);
}

#[test]
fn the_peers_in_rust_and_go_speak_the_greeting_where_they_are_built() {
    for name in ["rust/release/tokio_net", "rust/release/mio_net", "go-net"] {
        let binary = format!("{BUILT}/{name}");
        if Path::new(&binary).exists() {
            speaks_the_greeting(&[&binary]);
        } else {
            skip(&format!("{name} is not built (tests/peers/run does it)"));
        }
    }
}

#[test]
fn the_client_in_c_takes_right_answers_and_no_other() {
    let temp = TempDir::new();
    let Some(client) = compile(&temp, "client", &[]) else { return };
    let ask = |daemon: &Daemon, arguments: &[&str]| {
        let mut command = Command::new(&client);
        command.args(arguments).arg(daemon.inet().port().to_string()).stdin(Stdio::piped());
        finish(command)
    };
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    for arguments in [
        &["-c", "8", "-a", "1", "-f", "raw", "-n", "100"][..],
        &["-c", "4", "-k", "64", "-n", "1000", "-i", "20"],
        &["-c", "4", "-x", "-n", "50"],
    ] {
        let (code, out, err) = ask(&daemon, arguments);
        let messages =
            format!("messages {} ", arguments[arguments.iter().position(|&a| a == "-n").unwrap() + 1]);
        assert!(code == Some(0) && out.contains(&messages), "{arguments:?}: {code:?} {out} {err}");
    }
    let config =
        temp.write("wrong.toml", "[dialects.wrong]\nwelcome = \"Welcome!\"\nreply = \"Hello, {message}?\"\n");
    let wrong = Daemon::start(["tcp://127.0.0.1:0", "--config", &config, "--dialect", "wrong"]);
    let unwelcoming = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "indeed"]);
    for (daemon, reason) in
        [(wrong, "from byte 23 of the reply to c00000-000000000 on"), (unwelcoming, "not a welcome")]
    {
        let (code, _, err) = ask(&daemon, &["-n", "10"]);
        assert!(code == Some(1) && err.contains(reason), "{code:?} {err}");
    }
}

#[test]
fn the_client_for_datagrams_takes_right_answers_and_no_other() {
    let temp = TempDir::new();
    let Some(client) = compile(&temp, "udp_client", &[]) else { return };
    for (dialect, expected) in [("hello", Some(0)), ("echo", Some(1))] {
        let daemon = Daemon::start(["udp://127.0.0.1:0", "--dialect", dialect]);
        for more in [&[][..], &["-g"]] {
            let mut command = Command::new(&client);
            command
                .args(["-n", "640"])
                .args(more)
                .arg(daemon.inet().port().to_string())
                .stdin(Stdio::piped());
            let (code, out, err) = finish(command);
            assert_eq!(code, expected, "{dialect} {more:?}: {out} {err}");
        }
    }
}

#[test]
fn every_table_of_the_benchmarks_is_written_by_the_command_above_it() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/BENCHMARKS.md")).unwrap();
    let between = |text: &str, start: &str, end: &str| -> Vec<String> {
        text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap().to_owned()).collect()
    };
    let tables = between(&page, "<!-- begin ", " -->");
    assert_eq!(tables, between(&page, "<!-- end ", " -->"));
    assert_eq!(tables, between(&page, "`tests/peers/run --only ", "`"));
    let help = Command::new("python3").args(["-B", &format!("{FOLDER}/run"), "--help"]).output();
    let Ok(help) = help else { return skip("there is no python3 here") };
    let help = String::from_utf8_lossy(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("some of: {}", tables.join(" "))), "{help}");
    for plot in between(&page, "](docs/plots/", ")") {
        assert!(Path::new(&format!("{}/docs/plots/{plot}", env!("CARGO_MANIFEST_DIR"))).exists(), "{plot}");
    }
}

/// Compiles a program of `tests/peers/c`; says why it does not.
fn compile(temp: &TempDir, name: &str, libraries: &[&str]) -> Option<PathBuf> {
    let binary = temp.join(name);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra", "-o"])
        .arg(&binary)
        .arg(format!("{FOLDER}/c/{name}.c"))
        .args(libraries);
    let Ok(output) = gcc.output() else {
        skip(&format!("{name}: there is no gcc here"));
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !libraries.is_empty() && said.contains("No such file") {
        skip(&format!("{name}: its headers are not here (Debian's libuv1-dev, libevent-dev)"));
        return None;
    }
    assert!(output.status.success(), "{name}: {said}");
    Some(binary)
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a client to its end, told to begin and then to leave.
fn finish(mut command: Command) -> (Option<i32>, String, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n");
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn announced(server: &Process, name: &str) -> String {
    server
        .wait_for(PATIENCE, |said| Some(said.out.first()?.strip_prefix("listening on ")?.to_owned()))
        .unwrap_or_else(|| panic!("{name} does not listen: {}", server.stderr()))
}

/// In both framings, as the floor's yardstick presumes: any difference would be a difference in work.
#[track_caller]
fn speaks_the_greeting(command: &[&str]) {
    for (framing, talk) in [("raw", talk_raw as fn(&str)), ("line", talk_in_lines)] {
        let mut start = Command::new(command[0]);
        start.args(&command[1..]).arg(framing);
        let server = Process::start(&mut start);
        talk(&announced(&server, command[command.len() - 1]));
        assert_eq!(server.stderr(), "", "{command:?}");
    }
}

#[track_caller]
fn talk_raw(address: &str) {
    let (mut one, mut other) = (Peer::connect(address), Peer::connect(address));
    one.expect("Welcome!");
    other.expect("Welcome!");
    for message in [&b"Michael"[..], b"a\nb\n", b"\xff\xfe\x00", b"exit "] {
        one.send(message);
        one.expect([b"Hello, ", message, b"!"].concat());
    }
    other.send("exit");
    other.expect_last("");
    one.send("still here");
    one.expect("Hello, still here!");
}

#[track_caller]
fn talk_in_lines(address: &str) {
    let (mut one, mut other) = (Peer::connect(address), Peer::connect(address));
    one.expect("Welcome!\n");
    other.expect("Welcome!\n");
    one.send("a\nb\r\n\nha");
    one.expect("Hello, a!\nHello, b!\nHello, !\n");
    one.send(b"lf\n\xff\n");
    one.expect(b"Hello, half!\nHello, \xff!\n");
    let long = "x".repeat(64 * 1024);
    one.send(format!("{long}\n"));
    one.expect(hellos([&long]));
    let lines: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    one.send(lines.join("\n") + "\n");
    one.expect(hellos(&lines));
    other.send("x\nexit\n");
    other.expect_last("Hello, x!\n");
    one.send("still here\n");
    one.expect("Hello, still here!\n");
}
