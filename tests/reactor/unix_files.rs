//! The file of a Unix socket: who makes it, who may reach it, who removes it.

use crate::support::*;
use hullo::*;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

const KINDS: [&str; 3] = ["unix", "unixgram", "unixpacket"];

fn open(net: &mut Net, kind: &str, path: &Path, options: &SocketOptions) -> io::Result<SourceId> {
    let address: Address = format!("{kind}:{}", path.display()).parse().unwrap();
    match kind {
        "unixgram" => net.bind_with(&address, options).map(SourceId::from),
        _ => net.listen_with(&address, options).map(SourceId::from),
    }
}

fn close(net: &mut Net, id: SourceId) {
    assert!(match id {
        SourceId::Listener(listener) => net.close_listener(listener),
        SourceId::Datagrams(udp) => net.close_datagrams(udp),
        _ => unreachable!(),
    });
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What the umask would take is given all the same.
#[test]
fn a_socket_has_the_mode_that_was_asked_for() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    for kind in KINDS {
        for wanted in [0o600, 0o660, 0o666, 0o777, 0o000] {
            let path = directory.join(format!("{kind}-{wanted:o}"));
            let id = open(harness.net(), kind, &path, &SocketOptions::default().mode(wanted)).unwrap();
            assert_eq!(mode(&path), wanted, "{kind}");
            harness.net().set_mode(id, 0o640).unwrap();
            assert_eq!(mode(&path), 0o640, "{kind}");
            close(harness.net(), id);
            assert!(!path.exists());
        }
    }
}

#[test]
fn a_mode_is_changed_on_the_socket_alone_whatever_is_in_its_place() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    let precious = directory.join("precious");
    fs::write(&precious, "mine").unwrap();
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o604)).unwrap();
    for kind in KINDS {
        let path = directory.join(kind);
        let id = open(harness.net(), kind, &path, &SocketOptions::default()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(harness.net().set_mode(id, 0o666).unwrap_err().kind(), io::ErrorKind::NotFound);

        std::os::unix::fs::symlink(&precious, &path).unwrap();
        assert!(harness.net().set_mode(id, 0o666).is_err());
        fs::remove_file(&path).unwrap();
        fs::hard_link(&precious, &path).unwrap();
        let error = harness.net().set_mode(id, 0o666).unwrap_err();
        assert!(error.to_string().contains("another file"), "{error}");
        assert_eq!(mode(&precious), 0o604);
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        let theirs = mode(&path);
        assert!(harness.net().set_mode(id, 0o666).is_err());
        assert_eq!(mode(&path), theirs);
        close(harness.net(), id);
        assert!(path.exists(), "somebody else's socket was removed");
        drop(other);
    }
    let tcp = harness.listen().0;
    assert_eq!(harness.net().set_mode(tcp, 0o600).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    harness.net().close_listener(tcp);
    assert_eq!(harness.net().set_mode(tcp, 0o600).unwrap_err().kind(), io::ErrorKind::NotConnected);
}

#[test]
fn an_address_without_a_file_has_no_mode() {
    let mut harness = Harness::new();
    let name = format!("hullo-no-mode-{}", std::process::id());
    for kind in KINDS {
        let error =
            open(harness.net(), kind, Path::new(&format!("@{name}")), &SocketOptions::default().mode(0o600))
                .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("has no file"), "{error}");
    }
    assert!(
        harness
            .net()
            .listen_with(&"tcp://127.0.0.1:0".parse().unwrap(), &SocketOptions::default().mode(0o600))
            .is_err()
    );
    assert!(!Path::new(&format!("@{name}")).exists());
}

/// Every one of them finds the same stale file, and none may take what another has just made for stale.
#[test]
fn of_many_that_bind_one_path_at_once_one_wins() {
    const RIVALS: usize = 6;
    let directory = TempDir::new();
    for round in 0..20 {
        for kind in KINDS {
            let path = directory.join(format!("{kind}-{round}"));
            drop(UnixListener::bind(&path).unwrap());
            let (starts, ends) = (Barrier::new(RIVALS), Barrier::new(RIVALS));
            let winners: usize = thread::scope(|scope| {
                let rival = || {
                    let mut harness = Harness::new();
                    starts.wait();
                    let result = open(harness.net(), kind, &path, &SocketOptions::default());
                    ends.wait();
                    match result {
                        Ok(_) => 1,
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
                            0
                        }
                    }
                };
                let rivals: Vec<_> = (0..RIVALS).map(|_| scope.spawn(rival)).collect();
                rivals.into_iter().map(|rival| rival.join().unwrap()).sum()
            });
            assert_eq!(winners, 1, "{kind}");
        }
    }
    assert_eq!(names(directory.path()), [""; 0], "all are closed");
}

/// Who asks whether a socket lives is no client of it.
#[test]
fn a_refused_start_does_not_disturb_the_one_that_serves() {
    let directory = TempDir::new();
    let mut harness = Harness::new();
    for kind in KINDS {
        let path = directory.join(kind);
        open(harness.net(), kind, &path, &SocketOptions::default()).unwrap();
        for rival in KINDS {
            let error = open(Harness::new().net(), rival, &path, &SocketOptions::default()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{kind}, {rival}");
        }
    }
    let mut client = UnixStream::connect(directory.join("unix")).unwrap();
    client.write_all(b"here").unwrap();
    harness.until("it is heard", |_, recorder| recorder.bytes.values().sum::<usize>() == 4);
    let stats = harness.stats();
    assert_eq!((stats.opened, stats.datagrams_in, stats.accept_errors), (1, 0, 0));
}

/// It has its name and does not listen yet.
#[test]
fn a_socket_that_is_only_bound_is_in_use() {
    let directory = TempDir::new();
    let path = directory.join("s");
    let bound = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    bound.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    let mut harness = Harness::new();
    for kind in KINDS {
        let error = open(harness.net(), kind, &path, &SocketOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
    drop(bound);
    for kind in KINDS {
        let id = open(harness.net(), kind, &path, &SocketOptions::default()).unwrap();
        close(harness.net(), id);
    }
}

#[test]
fn a_lock_beside_the_path_is_left_by_none_and_takes_nothing_along() {
    let directory = TempDir::new();
    let (path, lock) = (directory.join("s"), directory.join("s.lock"));
    let mut harness = Harness::new();
    let mut open = || open(harness.net(), "unix", &path, &SocketOptions::default());

    fs::write(&lock, "a note of somebody else's").unwrap();
    open().unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), "a note of somebody else's");
    fs::remove_file(&lock).unwrap();

    for other in ["link", "fifo", "directory"] {
        let path = directory.join(other);
        let lock = directory.join(format!("{other}.lock"));
        match other {
            "link" => std::os::unix::fs::symlink(directory.join("nowhere"), &lock).unwrap(),
            "fifo" => {
                let made = std::process::Command::new("mkfifo").arg(&lock).status().unwrap();
                assert!(made.success());
            }
            _ => fs::create_dir(&lock).unwrap(),
        }
        let error = Harness::new().net().listen(format!("unix:{}", path.display()).as_str()).unwrap_err();
        assert!(error.to_string().contains("s no lock file"), "{other}: {error}");
        assert!(!path.exists() && fs::symlink_metadata(&lock).is_ok(), "{other}");
    }
    assert!(!directory.join("nowhere").exists());
}

/// The old reactor drains, or closes, and the new one serves on under the same name.
#[test]
fn a_socket_that_was_handed_over_keeps_its_file() {
    let directory = TempDir::new();
    for (kind, by_clone) in KINDS.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let path = directory.join(format!("{kind}-{by_clone}"));
        let mut old = Harness::new();
        let id = open(old.net(), kind, &path, &SocketOptions::default()).unwrap();
        let handed_over: OwnedFd = match id {
            _ if by_clone => old.net().descriptor(id).unwrap().try_clone_to_owned().unwrap(),
            SourceId::Listener(listener) => old.net().release_listener(listener).unwrap(),
            SourceId::Datagrams(udp) => old.net().release_datagrams(udp).unwrap(),
            _ => unreachable!(),
        };
        assert_eq!(old.net().local_addr(id).is_ok(), by_clone);
        let mut new = Harness::new();
        new.recorder.on_datagram =
            Box::new(|net, udp, datagram| assert!(net.reply(udp, datagram, datagram.bytes)));
        new.on(|net, event| {
            if let Event::Data(conn, bytes) = event {
                net.send(*conn, bytes);
            }
        });
        let adopted = new.net().adopt(handed_over).unwrap();
        old.net().drain(PATIENCE);
        old.until("it is drained", |reactor, _| reactor.drained().is_some());
        drop(old);
        assert!(path.exists(), "{kind}: the file is gone, and nobody can reach who listens");
        ask(&mut new, kind, &path, &directory.join("client"));

        match adopted {
            Adopted::Listener(listener) => assert!(new.net().close_listener(listener)),
            Adopted::Datagrams(udp) => assert!(new.net().close_datagrams(udp)),
            other => panic!("{other:?}"),
        }
        assert!(path.exists(), "the file of an adopted socket is the affair of whoever handed it over");
    }
}

fn ask(harness: &mut Harness, kind: &str, path: &Path, own: &Path) {
    let mut answer = [0; 4];
    match kind {
        "unixgram" => {
            let client = UnixDatagram::bind(own).unwrap();
            client.send_to(b"who?", path).unwrap();
            harness.until("it is heard", |_, recorder| !recorder.events.is_empty());
            client.recv(&mut answer).unwrap();
            fs::remove_file(own).unwrap();
        }
        _ => {
            let kind = if kind == "unix" { socket2::Type::STREAM } else { socket2::Type::SEQPACKET };
            let mut client = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
            client.connect(&socket2::SockAddr::unix(path).unwrap()).unwrap();
            client.write_all(b"who?").unwrap();
            harness.until("it is heard", |_, recorder| recorder.bytes.values().sum::<usize>() == 4);
            client.read_exact(&mut answer).unwrap();
        }
    }
    assert_eq!(&answer, b"who?");
}

/// A clone that is gone by then keeps nothing.
#[test]
fn the_last_one_who_has_the_socket_removes_the_file() {
    let directory = TempDir::new();
    for kind in KINDS {
        let path = directory.join(kind);
        let mut harness = Harness::new();
        let id = open(harness.net(), kind, &path, &SocketOptions::default().mode(0o600)).unwrap();
        drop(harness.net().descriptor(id).unwrap().try_clone_to_owned().unwrap());
        drop(harness);
        assert!(!path.exists(), "{kind}");
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_dead_id_has_nothing_to_give_back() {
    let mut harness = Harness::new();
    let listener = harness.listen().0;
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    assert!(
        harness.net().release_listener(listener).is_some() && harness.net().release_datagrams(udp).is_some()
    );
    let before = harness.stats().dead_ids;
    assert!(
        harness.net().release_listener(listener).is_none() && harness.net().release_datagrams(udp).is_none()
    );
    assert_eq!(harness.stats().dead_ids, before + 2);
}
