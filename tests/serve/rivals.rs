//! What a start does in one moment, drawn out with strace: others may come in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::support::{HULLO, PATIENCE, Peer, Process, Serve, TempDir, eventually, skip};

/// How long a system call is drawn out, in microseconds.
const DELAY: u32 = 600_000;

fn has_strace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    let has = strace.status().is_ok_and(|status| status.success());
    if !has {
        skip("there is no strace here, or it may trace nothing");
    }
    has
}

/// A daemon whose every call of `call` is drawn out. The tracer is a process of its own (-D) and ends with it.
fn drawn_out(call: &str, when: &str, arguments: &[&str]) -> Process {
    let inject = format!("inject={call}:{when}={DELAY}");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec strace -D -f -qq -o /dev/null -e \"$0\" \"$@\"", &inject]);
    Process::start(command.args([HULLO, "serve"]).args(arguments))
}

fn listens(process: &Process) -> bool {
    process.wait_for(PATIENCE, |said| (!said.out.is_empty()).then_some(())).is_some()
}

/// Exactly one of two that start in the same moment listens, and the other is told why not.
#[track_caller]
fn one_of_two_wins(call: &str, when: &str, arguments: &[&str]) -> Process {
    let rivals = [(); 2].map(|()| drawn_out(call, when, arguments));
    let (mut winners, mut losers): (Vec<_>, Vec<_>) = rivals.into_iter().partition(listens);
    let both: Vec<String> = winners.iter().chain(&losers).map(|rival| rival.stderr()).collect();
    assert_eq!((winners.len(), losers.len()), (1, 1), "{call}:{when} {arguments:?}: {both:?}");
    let loser = &mut losers[0];
    assert_eq!(loser.wait(PATIENCE).unwrap().code(), Some(1));
    assert!(loser.stderr().contains("is in use"), "{}", loser.stderr());
    winners.remove(0)
}

#[test]
fn of_two_starts_on_one_path_one_wins_and_keeps_its_file() {
    if !has_strace() {
        return;
    }
    for (call, when) in [
        ("bind", "delay_enter"),
        ("bind", "delay_exit"),
        ("listen", "delay_enter"),
        ("unlink,unlinkat", "delay_enter"),
    ] {
        let dir = TempDir::new();
        drop(UnixListener::bind(dir.join("s")).unwrap());
        let address = dir.unix("s");
        let mut winner = one_of_two_wins(call, when, &[&address]);
        let mut client = Peer::connect(&address);
        client.expect("Welcome!");
        client.ping("here");
        winner.signal("TERM");
        assert_eq!(winner.wait(PATIENCE).unwrap().code(), Some(0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{call}: something is left behind");
    }
}

#[test]
fn of_two_starts_on_one_datagram_path_one_wins_and_keeps_its_file() {
    if !has_strace() {
        return;
    }
    for (call, when) in [("bind", "delay_enter"), ("bind", "delay_exit"), ("unlink,unlinkat", "delay_enter")]
    {
        let dir = TempDir::new();
        drop(UnixListener::bind(dir.join("d")).unwrap());
        let mut winner = one_of_two_wins(call, when, &[&dir.unixgram("d")]);
        assert!(dir.join("d").exists());
        winner.signal("TERM");
        assert_eq!(winner.wait(PATIENCE).unwrap().code(), Some(0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{call}: something is left behind");
    }
}

/// One that was killed leaves its lock, and who may not open that cannot tell whether anybody has it.
#[test]
fn a_lock_that_is_another_users_is_told_as_what_is_in_the_way() {
    let dir = TempDir::new();
    let lock = dir.write("s.lock", "");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may open everything, unless it is without the right to.
    let drop_right = "[ \"$(id -u)\" != 0 ] || \
                      exec setpriv --bounding-set=-dac_override,-dac_read_search -- \"$0\" \"$@\"";
    let (code, _, stderr) = Serve::new([dir.unix("s")]).after(drop_right).run();
    if stderr.contains("setpriv") {
        return skip("there is no setpriv here, or it may drop no right");
    }
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&format!("{lock} is in the way: it is another user's, remove it")), "{stderr}");
}

/// With several reactors it is shared among those of one daemon, and with no other.
#[test]
fn of_two_starts_on_one_port_one_wins() {
    if !has_strace() {
        return;
    }
    for (kind, port, call, when, reactors) in [
        ("tcp", free_tcp_port(), "bind", "delay_enter", "2"),
        ("tcp", free_tcp_port(), "bind", "delay_exit", "2"),
        ("tcp", free_tcp_port(), "listen", "delay_enter", "2"),
        ("tcp", free_tcp_port(), "listen", "delay_enter", "1"),
        ("udp", free_udp_port(), "bind", "delay_enter", "2"),
        ("udp", free_udp_port(), "bind", "delay_exit", "2"),
    ] {
        let address = format!("{kind}://127.0.0.1:{port}");
        let mut winner = one_of_two_wins(call, when, &[&address, "--reactors", reactors]);
        winner.signal("TERM");
        assert_eq!(winner.wait(PATIENCE).unwrap().code(), Some(0), "{}", winner.stderr());
    }
}

fn free_tcp_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_socket_is_never_open_to_more_than_its_mode_says() {
    if !has_strace() {
        return;
    }
    let dir = TempDir::new();
    for kind in ["unix", "unixgram", "unixpacket"] {
        let path = dir.join(kind);
        let listen = format!("[[listen]]\naddress = \"{kind}:{}\"\nmode = \"0600\"\n", path.display());
        let config = dir.write("hullo.toml", &listen);
        let mut daemon = drawn_out("bind", "delay_exit", &["--config", &config]);
        eventually("the file is there", || path.exists());
        while daemon.said().out.is_empty() {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{kind}, with an umask of 0");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        daemon.signal("TERM");
        assert_eq!(daemon.wait(PATIENCE).unwrap().code(), Some(0));
    }
}
