//! How it starts, or says in one sentence why it does not; nothing is left half open.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use crate::support::{Daemon, PATIENCE, Peer, Serve, TempDir, eventually, is_root, skip};

/// Asserts that `serve ARGUMENTS` ends with `code`, announces nothing, and says one sentence that holds `parts`.
#[track_caller]
fn assert_refused(arguments: &[&str], code: i32, parts: &[&str]) {
    let (got, stdout, stderr) = Serve::new(arguments.iter().copied()).run();
    assert_eq!(got, Some(code), "{arguments:?}: {stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    assert!(!stderr.contains("panicked") && !stderr.contains("Os {"), "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: {part:?} is not in {stderr:?}");
    }
    // One plain sentence; only the argument parser's own complaints take more than a line.
    if code == 1 {
        assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_tcp_port_in_use_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", taken.local_addr().unwrap());
    assert_refused(&[&address], 1, &[&address, "in use", "port"]);
}

#[test]
fn a_udp_port_in_use_is_named_with_a_remedy() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", taken.local_addr().unwrap());
    assert_refused(&[&address], 1, &[&address, "in use", "port"]);
}

#[test]
fn a_second_daemon_on_one_address_is_refused_and_the_first_goes_on() {
    let dir = TempDir::new();
    let arguments = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", &dir.unix("s"), &dir.unixgram("d")];
    let daemon = Daemon::start(arguments.map(str::to_owned));
    for listening in &daemon.listening {
        assert_refused(&[&listening.address], 1, &[&listening.address, "in use"]);
    }
    for listening in [&daemon.listening[0], &daemon.listening[2]] {
        Peer::connect(&listening.address).expect("Welcome!");
    }
    assert!(dir.join("s").exists() && dir.join("d").exists());
}

#[test]
fn a_port_that_is_not_allowed_is_named_with_a_remedy() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if is_root() {
        return skip("root may bind port 80");
    }
    if first.is_ok_and(|first| first.trim().parse::<u32>().is_ok_and(|first| first <= 80)) {
        return skip("everybody may bind port 80 here");
    }
    assert_refused(&["tcp://127.0.0.1:80"], 1, &["tcp://127.0.0.1:80", "1024"]);
}

#[test]
fn an_address_of_another_machine_is_named_with_a_remedy() {
    // From the block set aside for documentation: nobody's.
    assert_refused(&["tcp://192.0.2.1:0"], 1, &["tcp://192.0.2.1:0"]);
    assert_refused(&["udp://192.0.2.1:0"], 1, &["udp://192.0.2.1:0"]);
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    for address in ["tcp://no-such-host.invalid:7000", "udp://no-such-host.invalid:7000"] {
        assert_refused(&[address], 1, &["no-such-host.invalid"]);
    }
}

#[test]
fn every_address_of_a_name_is_bound_and_announced_with_numbers() {
    let daemon = Serve::new(["tcp://localhost:0"]).sockets(1).start();
    let address = daemon.inet();
    assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
    daemon.welcomed().ping("by name");
}

#[test]
fn usage_errors_exit_with_2() {
    let tcp = "tcp://127.0.0.1:0";
    assert_refused(&[tcp, "--dialect", "helo"], 2, &["helo", "hello"]);
    assert_refused(&[tcp, "--dialect", "echo"], 2, &["echo"]);
    assert_refused(&["udp://127.0.0.1:0", "--dialect", "receipt"], 2, &["receipt"]);
    assert_refused(&[tcp, "--framing", "lines"], 2, &["lines", "line"]);
    assert_refused(&[tcp, "--drain-timeout", "soon"], 2, &["soon"]);
    assert_refused(&[tcp, "--max-connections", "0"], 2, &["--max-connections"]);
    assert_refused(&[tcp, "--max-conections", "10"], 2, &["--max-conections"]);
    for address in ["127.0.0.1:9", "http://127.0.0.1:9", "tcp://127.0.0.1", "tcp://127.0.0.1:70000", "unix:"]
    {
        assert_refused(&[address], 2, &[address]);
    }
}

#[test]
fn an_error_in_the_config_is_named_with_its_file_and_line_and_exits_with_2() {
    let dir = TempDir::new();
    for (text, line, parts) in [
        ("[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialec = \"hello\"\n", 3, &["dialec", "dialect"][..]),
        ("[limits]\nconections = 10\n", 2, &["conections", "connections"]),
        ("[limit]\n", 1, &["limit", "limits"]),
        ("\n[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"helo\"\n", 4, &["helo", "hello"]),
        ("[limits]\nidle = \"soon\"\n", 2, &["soon"]),
        ("[limits\n", 1, &[]),
        ("[dialects.mine]\nreply = \"{massage}\"\nmax_mesage = 3\n", 3, &["max_mesage", "max_message"]),
    ] {
        let config = dir.write("hullo.toml", text);
        let place = format!("{config}:{line}");
        assert_refused(&["--config", &config], 2, &[&[&*place], parts].concat());
        assert_refused(&["--config", &config, "--check-config"], 2, &[&[&*place], parts].concat());
    }
    let missing = dir.join("missing.toml");
    let missing = missing.to_str().unwrap();
    assert_refused(&["--config", missing], 2, &[missing]);
}

#[test]
fn check_config_opens_nothing_and_prints_a_config_that_means_the_same() {
    let dir = TempDir::new();
    let text =
        format!("[[listen]]\naddress = {:?}\ndialect = \"indeed\"\n[limits]\nidle = \"7s\"\n", dir.unix("s"));
    let config = dir.write("hullo.toml", &text);
    let (code, printed, stderr) = Serve::new(["--config", &config, "--check-config"]).run();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(!dir.join("s").exists());
    for part in [
        "log_level = \"info\"\nreactors = 1\n",
        "idle = \"7s\"",
        "outbox_high = ",
        "connections = ",
        &dir.unix("s"),
        "indeed",
    ] {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    let again = dir.write("again.toml", &printed);
    let (code, printed_again, stderr) = Serve::new(["--config", &again, "--check-config"]).run();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(printed_again, printed);
}

#[test]
fn a_unix_path_that_cannot_be_bound_is_named() {
    let dir = TempDir::new();
    let missing = format!("unix:{}/missing/s", dir.path().display());
    assert_refused(&[&missing], 1, &[&missing]);
    let long = format!("unix:{}/{}", dir.path().display(), "l".repeat(200));
    let (code, _, stderr) = Serve::new([&*long]).run();
    assert!(matches!(code, Some(1 | 2)) && stderr.contains("unix:"), "{code:?}: {stderr}");
    if is_root() {
        return skip("root may write everywhere");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert_refused(&[&dir.unix("s")], 1, &[&dir.unix("s")]);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let dir = TempDir::new();
    let file = dir.write("file", "precious");
    fs::create_dir(dir.join("directory")).unwrap();
    std::os::unix::fs::symlink(&file, dir.join("link")).unwrap();
    for kind in ["unix", "unixgram"] {
        for name in ["file", "directory", "link"] {
            let address = format!("{kind}:{}", dir.join(name).display());
            assert_refused(&[&address], 1, &[&address]);
        }
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(dir.join("link").is_symlink() && dir.join("directory").is_dir());
}

#[test]
fn a_live_unix_socket_is_in_use_and_left_alone() {
    let dir = TempDir::new();
    let stream = UnixListener::bind(dir.join("stream")).unwrap();
    let datagram = UnixDatagram::bind(dir.join("datagram")).unwrap();
    for name in ["stream", "datagram"] {
        for address in [dir.unix(name), dir.unixgram(name)] {
            assert_refused(&[&address], 1, &[&address, "in use"]);
        }
        assert!(dir.join(name).exists());
    }
    drop((stream, datagram));
}

#[test]
fn a_stale_unix_socket_is_replaced_and_the_file_goes_with_the_daemon() {
    let dir = TempDir::new();
    drop(UnixListener::bind(dir.join("s")).unwrap());
    drop(UnixDatagram::bind(dir.join("d")).unwrap());
    assert!(dir.join("s").exists() && dir.join("d").exists());
    let mut daemon = Daemon::start([dir.unix("s"), dir.unixgram("d")]);
    daemon.welcomed().ping("over a new socket");
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!dir.join("s").exists() && !dir.join("d").exists(), "a socket's file is left behind");
}

#[test]
fn what_a_killed_daemon_leaves_is_replaced_by_the_next() {
    let dir = TempDir::new();
    for _ in 0..3 {
        let mut daemon = Daemon::start([dir.unix("s"), dir.unixgram("d")]);
        daemon.welcomed().ping("here");
        daemon.signal("KILL");
        assert_eq!(daemon.exit_code(PATIENCE), None);
        assert!(dir.join("s").exists());
    }
}

#[test]
fn a_file_put_in_the_place_of_the_socket_is_not_removed() {
    let dir = TempDir::new();
    let mut daemon = Daemon::start([dir.unix("s")]);
    fs::remove_file(dir.join("s")).unwrap();
    let other = UnixListener::bind(dir.join("s")).unwrap();
    assert_eq!(daemon.terminate(), Some(0));
    assert!(dir.join("s").exists(), "somebody else's socket was removed");
    drop(other);
}

#[test]
fn the_mode_of_a_unix_socket_is_as_configured() {
    let dir = TempDir::new();
    let text = format!("[[listen]]\naddress = {:?}\nmode = \"0620\"\n", dir.unix("s"));
    let config = dir.write("hullo.toml", &text);
    let daemon = Serve::new(["--config", &config]).sockets(1).start();
    let metadata = fs::metadata(dir.join("s")).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o620);
    daemon.welcomed().ping("here");
}

#[test]
fn when_one_socket_fails_those_before_it_are_gone() {
    let dir = TempDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", taken.local_addr().unwrap());
    assert_refused(&[&dir.unix("s"), &dir.unixgram("d"), &address], 1, &[&address]);
    assert!(!dir.join("s").exists() && !dir.join("d").exists(), "a socket's file is left behind");
}

#[test]
fn addresses_on_the_command_line_take_the_place_of_those_in_the_config() {
    let dir = TempDir::new();
    let config = dir.write("hullo.toml", format!("[[listen]]\naddress = {:?}\n", dir.unix("configured")));
    let daemon = Daemon::start(["--config".to_owned(), config, dir.unix("given")]);
    daemon.welcomed().ping("here");
    assert!(!dir.join("configured").exists());
}

#[test]
fn one_process_speaks_every_dialect_of_its_config_at_once() {
    let dir = TempDir::new();
    let mut text =
        "[dialects.formal]\nwelcome = \"Good day.\"\nreply = \"How do you do, {message}? {message}!\"\n\
                    farewell = \"good day\"\nfarewell_reply = \"Good day to you.\"\n"
            .to_owned();
    for dialect in ["hello", "indeed", "formal"] {
        text += &format!("[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"{dialect}\"\n");
    }
    text += "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"formal\"\nframing = \"line\"\n";
    let config = dir.write("hullo.toml", &text);
    let daemon = Serve::new(["--config", &config]).sockets(4).start();
    for (listening, conversation) in daemon.listening.iter().zip([
        "Welcome!Hello, Ann!",
        "Hello WorldAAAAnn 是的呢",
        "Good day.How do you do, Ann? Ann!",
        "Good day.\nHow do you do, Ann? Ann!\n",
    ]) {
        let mut client = Peer::connect(&listening.address);
        client.send("Ann");
        client.end();
        client.expect_last(conversation);
    }
    let mut client = Peer::connect(&daemon.listening[2].address);
    client.send("good day\n");
    client.expect_last("Good day.Good day to you.\n");
}

#[test]
fn a_closed_stdout_does_not_stop_it() {
    let dir = TempDir::new();
    assert_serves_unannounced(Serve::new([dir.unix("s")]).with_closed_stdout(), &dir);
}

#[test]
fn a_stdout_that_nobody_reads_any_more_does_not_stop_it() {
    let dir = TempDir::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_serves_unannounced(Serve::new([dir.unix("s")]).stdout(writer), &dir);
}

#[test]
fn a_full_stdout_does_not_stop_it() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return skip("there is no /dev/full here");
    };
    let dir = TempDir::new();
    assert_serves_unannounced(Serve::new([dir.unix("s")]).stdout(full), &dir);
}

#[track_caller]
fn assert_serves_unannounced(serve: Serve, dir: &TempDir) {
    let mut daemon = serve.start();
    eventually("it listens", || Peer::try_connect(&dir.unix("s")).is_ok());
    for number in 0..10 {
        let mut client = Peer::connect(&dir.unix("s"));
        client.expect("Welcome!");
        client.ping(number);
    }
    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.stderr());
    assert!(!daemon.stderr().contains("panicked"), "{}", daemon.stderr());
}

#[test]
fn a_stderr_that_nobody_reads_does_not_stop_it() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut full = writer.try_clone().unwrap();
    let filler = thread::spawn(move || while full.write_all(&[b'.'; 512]).is_ok() {});
    let mut daemon = Serve::new(["tcp://127.0.0.1:0", "--log-level", "debug"]).stderr(writer).start();
    for number in 0..1_000 {
        let mut client = TcpStream::connect(daemon.inet()).unwrap();
        client.write_all(format!("{number}\n").as_bytes()).unwrap();
    }
    let mut client = daemon.welcomed();
    for number in 0..100 {
        client.ping(number);
    }
    assert_eq!(daemon.threads(), 1);
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!filler.is_finished(), "the pipe was never full");
    drop(reader);
    filler.join().unwrap();
}

#[test]
fn a_stderr_that_nobody_reads_any_more_does_not_stop_it() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut daemon = Serve::new(["tcp://127.0.0.1:0", "--log-level", "debug"]).stderr(writer).start();
    for number in 0..100 {
        daemon.welcomed().ping(number);
    }
    assert_eq!(daemon.terminate(), Some(0));
}

/// Each kind of socket has names of its own (unix(7)).
#[test]
fn one_abstract_name_serves_every_kind_of_unix_socket() {
    let name = format!("@hullo-start-{}", std::process::id());
    let addresses = ["unix", "unixgram", "unixpacket"].map(|kind| format!("{kind}:{name}"));
    let mut daemon = Serve::new(addresses.clone()).start();
    let announced = daemon.listening.iter().map(|listening| listening.address.clone());
    assert_eq!(announced.collect::<Vec<_>>(), addresses);
    assert_eq!(daemon.terminate(), Some(0));
    let (code, _, stderr) = Serve::new([&addresses[0], &addresses[0]]).run();
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is asked for twice"), "{stderr}");
}
