//! SIGHUP: the config is read again, all of it or nothing of it takes effect, and nobody is thrown out.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::{Daemon, PATIENCE, Peer, Serve, TempDir, eventually, is_open};

/// A config that listens on Unix sockets in `dir`, each with its dialect.
fn config(dir: &TempDir, sockets: &[(&str, &str)], more: &str) -> String {
    let listen = sockets.iter().map(|(name, dialect)| {
        format!("[[listen]]\naddress = {:?}\ndialect = \"{dialect}\"\n", dir.unix(name))
    });
    dir.write("hullo.toml", &(listen.collect::<String>() + more))
}

fn start(dir: &TempDir, sockets: &[(&str, &str)]) -> Daemon {
    let config = config(dir, sockets, "");
    Serve::new(["--config", &config]).sockets(sockets.len()).start()
}

/// The log is the only sign of a reload that changes nothing: waits until it has `count` lines of it.
#[track_caller]
fn wait_for_reloads(daemon: &Daemon, word: &str, count: usize) {
    let lines = daemon.wait_for(PATIENCE, |said| {
        let lines = said.err.iter().filter(|line| line.contains(word)).count();
        (lines >= count).then_some(lines)
    });
    assert!(lines.is_some(), "{word:?} is not in its log {count} times:\n{}", daemon.stderr());
}

#[test]
fn a_new_socket_opens_an_old_one_closes_and_clients_stay() {
    let dir = TempDir::new();
    let mut daemon = start(&dir, &[("stays", "hello"), ("goes", "hello")]);
    let mut on_stays = Peer::connect(&dir.unix("stays"));
    let mut on_goes = Peer::connect(&dir.unix("goes"));
    for client in [&mut on_stays, &mut on_goes] {
        client.expect("Welcome!");
        client.ping("before");
    }
    config(&dir, &[("stays", "hello"), ("comes", "indeed")], "");
    daemon.signal("HUP");
    eventually("the new socket opens", || is_open(&dir, "comes"));
    eventually("the old socket closes", || !is_open(&dir, "goes"));
    assert!(!dir.join("goes").exists(), "its file is left behind");

    Peer::connect(&dir.unix("comes")).expect("Hello WorldAAA");
    Peer::connect(&dir.unix("stays")).expect("Welcome!");
    on_stays.ping("after");
    on_goes.ping("after, though its socket is closed");
    // Nothing is announced on stdout a second time.
    assert_eq!(daemon.said().out.len(), 2);
    assert_eq!(daemon.terminate(), Some(0));
    for name in ["stays", "goes", "comes"] {
        assert!(!dir.join(name).exists(), "the file of {name} is left behind");
    }
}

#[test]
fn sockets_that_asked_for_any_port_are_told_apart() {
    let dir = TempDir::new();
    let write = |dialects: &[&str]| {
        let table = |name| format!("[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = {name:?}\n");
        dir.write("hullo.toml", dialects.iter().map(table).collect::<String>())
    };
    let config = write(&["hello", "indeed", "patient"]);
    let mut daemon = Serve::new(["--config", &config]).sockets(3).start();
    let [hello, indeed, patient] = [0, 1, 2].map(|place| daemon.listening[place].address.clone());
    daemon.signal("HUP");
    wait_for_reloads(&daemon, "reloaded: listening", 3);
    Peer::connect(&hello).expect("Welcome!");
    Peer::connect(&indeed).expect("Hello WorldAAA");
    let said = daemon.stderr();
    assert!(said.contains(&format!("{patient} (patient)")), "{said}");

    write(&["indeed", "plain"]);
    daemon.signal("HUP");
    wait_for_reloads(&daemon, "reloaded: listening", 5);
    Peer::connect(&indeed).expect("Hello WorldAAA");
    assert!(daemon.stderr().contains(&format!("{hello} (plain)")), "{}", daemon.stderr());
    assert!(Peer::try_connect(&patient).is_err(), "it is asked for no longer");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn an_accepted_client_keeps_its_dialect_and_the_next_has_the_new_one() {
    let dir = TempDir::new();
    let daemon = start(&dir, &[("s", "hello")]);
    let mut old = Peer::connect(&dir.unix("s"));
    old.expect("Welcome!");
    config(&dir, &[("s", "indeed"), ("sign", "hello")], "");
    daemon.signal("HUP");
    eventually("the reload is done", || is_open(&dir, "sign"));
    let mut new = Peer::connect(&dir.unix("s"));
    new.expect("Hello WorldAAA");
    new.send("Ann");
    new.expect("Ann 是的呢");
    old.ping("as before");
    old.send("exit\n");
    old.expect_last("");
}

#[test]
fn a_changed_dialect_of_ones_own_is_the_new_one_for_new_clients_only() {
    let dir = TempDir::new();
    let dialect = |reply: &str| format!("[dialects.mine]\nreply = \"{reply}\"\n");
    let path = config(&dir, &[("s", "mine")], &dialect("old {message}"));
    let daemon = Serve::new(["--config", &path]).sockets(1).start();
    let mut old = Peer::connect(&dir.unix("s"));
    old.send("a");
    old.expect("old a");
    config(&dir, &[("s", "mine"), ("sign", "hello")], &dialect("new {message}"));
    daemon.signal("HUP");
    eventually("the reload is done", || is_open(&dir, "sign"));
    let mut new = Peer::connect(&dir.unix("s"));
    new.send("b");
    new.expect("new b");
    old.send("c");
    old.expect("old c");
}

#[test]
fn a_broken_config_changes_nothing_and_is_logged() {
    let dir = TempDir::new();
    let mut daemon = start(&dir, &[("s", "hello")]);
    let mut client = Peer::connect(&dir.unix("s"));
    client.expect("Welcome!");
    let broken = [
        "[[listen]\n".to_owned(),
        format!("[[listen]]\naddress = {:?}\n[limits]\nconections = 1\n", dir.unix("other")),
        format!(
            "[[listen]]\naddress = {:?}\n[[listen]]\naddress = {:?}\n",
            dir.unix("other"),
            dir.unix("no/dir")
        ),
        format!("[[listen]]\naddress = {:?}\ndialect = \"helo\"\n", dir.unix("other")),
    ];
    for (count, text) in broken.iter().enumerate() {
        dir.write("hullo.toml", text);
        daemon.signal("HUP");
        wait_for_reloads(&daemon, "nothing has changed", count + 1);
        client.ping(count);
        let mut new = Peer::connect(&dir.unix("s"));
        new.expect("Welcome!");
        new.ping("new");
        assert!(!dir.join("other").exists(), "half of it has taken effect");
    }
    // A file that is gone is broken as well; and one that is whole again is taken.
    std::fs::remove_file(dir.join("hullo.toml")).unwrap();
    daemon.signal("HUP");
    wait_for_reloads(&daemon, "nothing has changed", broken.len() + 1);
    client.ping("without a file");
    config(&dir, &[("other", "hello")], "");
    daemon.signal("HUP");
    eventually("the new socket opens", || is_open(&dir, "other"));
    client.ping("with a file");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn limits_take_effect_at_once() {
    let dir = TempDir::new();
    let daemon = start(&dir, &[("s", "hello")]);
    let mut first = Peer::connect(&dir.unix("s"));
    first.expect("Welcome!");
    config(&dir, &[("s", "hello"), ("sign", "hello")], "[limits]\nconnections = 1\n");
    daemon.signal("HUP");
    eventually("the reload is done", || dir.join("sign").exists());
    let mut second = Peer::connect(&dir.unix("s"));
    second.expect_silence(Duration::from_millis(200));
    first.ping("still here");
    config(&dir, &[("s", "hello")], "[limits]\nconnections = 2\n");
    daemon.signal("HUP");
    second.expect("Welcome!");
    first.ping("still here");
}

#[test]
fn without_a_config_a_hangup_changes_nothing() {
    let mut daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    let mut client = daemon.welcomed();
    for round in 0..3 {
        daemon.signal("HUP");
        client.ping(round);
        daemon.welcomed().ping("new");
    }
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn many_reloads_leave_nothing_behind() {
    let dir = TempDir::new();
    let daemon = start(&dir, &[("a", "hello")]);
    let mut client = Peer::connect(&dir.unix("a"));
    client.expect("Welcome!");
    let descriptors = daemon.descriptors();
    for round in 0..50 {
        let (comes, goes) = if round % 2 == 0 { ("b", "a") } else { ("a", "b") };
        config(&dir, &[(comes, "hello")], "");
        daemon.signal("HUP");
        eventually("one opens, the other closes", || is_open(&dir, comes) && !dir.join(goes).exists());
        client.ping(round);
    }
    eventually("every descriptor is closed again", || daemon.descriptors() <= descriptors);
    assert_eq!(daemon.threads(), 1);
}

#[test]
fn a_socket_that_stays_takes_another_mode() {
    let dir = TempDir::new();
    let text = |mode: &str| format!("[[listen]]\naddress = {:?}\nmode = \"{mode}\"\n", dir.unix("s"));
    let path = dir.write("hullo.toml", text("0600"));
    let daemon = Serve::new(["--config", &path]).sockets(1).start();
    let mode = || std::fs::metadata(dir.join("s")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let mut old = Peer::connect(&dir.unix("s"));
    old.expect("Welcome!");
    dir.write("hullo.toml", text("0660"));
    daemon.signal("HUP");
    eventually("the mode changes", || mode() == 0o660);
    old.ping("still here");
    Peer::connect(&dir.unix("s")).expect("Welcome!");
}

/// Here a link, which leads a careless chmod(2) to a file that is no business of ours.
#[test]
fn the_mode_of_a_file_in_the_sockets_place_stays_as_it_is() {
    let dir = TempDir::new();
    let text = |mode: &str| format!("[[listen]]\naddress = {:?}\nmode = \"{mode}\"\n", dir.unixgram("s"));
    let path = dir.write("hullo.toml", text("0600"));
    let mut daemon = Serve::new(["--config", &path]).sockets(1).start();
    let precious = dir.write("precious", "mine");
    let set_mode = |mode| std::fs::set_permissions(&precious, std::fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o640);
    std::fs::remove_file(dir.join("s")).unwrap();
    std::os::unix::fs::symlink(&precious, dir.join("s")).unwrap();
    dir.write("hullo.toml", text("0666"));
    daemon.signal("HUP");
    daemon.wait_for_log("its mode stays as it is");
    assert_eq!(std::fs::metadata(&precious).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(daemon.terminate(), Some(0));
    assert!(dir.join("s").is_symlink());
}

#[test]
fn a_changed_option_of_a_socket_that_stays_does_not_stop_the_rest_of_a_reload() {
    let dir = TempDir::new();
    let text = |more: &str| {
        format!(
            "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\n{more}[limits]\nnodelay = {}\n",
            more.is_empty()
        )
    };
    let path = dir.write("hullo.toml", text(""));
    let daemon = Serve::new(["--config", &path]).sockets(1).start();
    let mut old = daemon.welcomed();
    dir.write("hullo.toml", text(&format!("[[listen]]\naddress = {:?}\n", dir.unix("sign"))));
    daemon.signal("HUP");
    eventually("the reload is done", || is_open(&dir, "sign"));
    old.ping("still here");
    daemon.welcomed().ping("on the same port");
}

#[test]
fn a_path_that_is_written_another_way_is_the_same_socket() {
    let dir = TempDir::new();
    let mut daemon = start(&dir, &[("s", "hello")]);
    let client = Peer::connect(&dir.unix("s"));
    let odd = format!("unix:{}//./s", dir.path().display());
    dir.write("hullo.toml", format!("[[listen]]\naddress = {odd:?}\ndialect = \"indeed\"\n"));
    daemon.signal("HUP");
    daemon.wait_for_log("reloaded: listening");
    Peer::connect(&dir.unix("s")).expect("Hello WorldAAA");
    assert!(!daemon.stderr().contains("reloaded: opened"), "{}", daemon.stderr());
    drop(client);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_reload_says_what_it_opens_and_closes_and_takes_the_log_level_but_not_the_reactors() {
    let dir = TempDir::new();
    let mut daemon = start(&dir, &[("a", "hello"), ("b", "hello")]);
    let write = |name: &str, level: &str| {
        let listen = format!("[[listen]]\naddress = {:?}\ndialect = \"indeed\"\n", dir.unix(name));
        dir.write("hullo.toml", format!("log_level = {level:?}\nreactors = 2\n{listen}"));
    };
    write("c", "debug");
    daemon.signal("HUP");
    daemon.wait_for_log(&format!("reloaded: opened {} (indeed)", dir.unix("c")));
    daemon.wait_for_log(&format!("reloaded: closed {} (hello)", dir.unix("a")));
    daemon.wait_for_log(&format!("reloaded: closed {} (hello)", dir.unix("b")));
    daemon.wait_for_log("the number of reactors stays 1: to have 2, restart");
    Peer::connect(&dir.unix("c")).expect("Hello WorldAAA");
    daemon.wait_for_log("opened by unnamed (indeed)");
    assert_eq!(daemon.threads(), 1);

    write("d", "error");
    daemon.signal("HUP");
    eventually("the reload is done", || is_open(&dir, "d"));
    Peer::connect(&dir.unix("d")).expect("Hello WorldAAA");
    assert_eq!(daemon.terminate(), Some(0));
    let said = daemon.stderr();
    assert!(!said.contains("draining") && said.contains("hullo: drained"), "{said}");
}
