//! Many clients of one thread.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, raise_descriptor_limit, uninterrupted};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

#[test]
fn five_thousand_clients_are_greeted_by_one_thread_in_under_a_kibibyte_each() {
    const CLIENTS: usize = 5_000;
    if !raise_descriptor_limit(CLIENTS as u64 + 200) {
        return;
    }
    let daemon = Daemon::start(["tcp://127.0.0.1:0"]);
    daemon.welcomed().ping("first");
    let before = daemon.memory();

    let mut clients: Vec<_> = (0..CLIENTS).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.expect("Welcome!");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect(format!("Hello, {number}!\n"));
    }

    assert_eq!(daemon.threads(), 1);
    let each = daemon.memory().saturating_sub(before) / CLIENTS as u64;
    eprintln!("{each} bytes of resident memory for each idle client");
    assert!(each < 1024, "{each} bytes for each idle client");
    assert!(daemon.descriptors() > CLIENTS, "they are not all connected");
    // And after them one more is served as ever.
    daemon.welcomed().ping("last");
}

#[test]
fn five_hundred_patient_clients_wait_their_second_at_the_same_time() {
    const CLIENTS: usize = 500;
    if !raise_descriptor_limit(CLIENTS as u64 + 200) {
        return;
    }
    let daemon = Daemon::start(["tcp://127.0.0.1:0", "--dialect", "patient"]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| daemon.welcomed()).collect();
    let mut poll = Poll::new().unwrap();
    for (number, client) in clients.iter().enumerate() {
        let source = socket2::SockRef::from(client).as_raw_fd();
        poll.registry().register(&mut SourceFd(&source), Token(number), Interest::READABLE).unwrap();
    }

    let first = Instant::now();
    let mut sent = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        sent.push(Instant::now());
        client.write_all(format!("client {number}").as_bytes()).unwrap();
    }

    let mut events = Events::with_capacity(CLIENTS);
    let mut answered = [false; CLIENTS];
    let mut soonest = Duration::MAX;
    while answered.contains(&false) {
        let left = PATIENCE.checked_sub(first.elapsed()).expect("not all are answered");
        uninterrupted(|| poll.poll(&mut events, Some(left))).unwrap();
        let now = Instant::now();
        for event in &events {
            let number = event.token().0;
            assert!(!answered[number], "client {number} is answered twice");
            let mut answer = [0; 100];
            let n = clients[number].read(&mut answer).unwrap();
            assert_eq!(answer[..n], *format!("Hello, client {number}!").as_bytes());
            answered[number] = true;
            soonest = soonest.min(now - sent[number]);
        }
    }
    // One after the other they would take 500 seconds.
    let all = first.elapsed();
    eprintln!("the soonest after {soonest:?}, all {CLIENTS} after {all:?}");
    assert!(soonest >= Duration::from_secs(1), "one is answered after {soonest:?}");
    assert!(all < Duration::from_secs(6), "they took {all:?}");
    assert_eq!(daemon.threads(), 1);
}
