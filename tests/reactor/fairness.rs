//! I4: one fast peer does not own the thread.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Raises its flag when dropped, whatever happens, so that a flooding thread ends with the test.
struct StopFlood(Arc<AtomicBool>);

impl Drop for StopFlood {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_flooding_client_does_not_starve_a_hundred_others() {
    const OTHERS: usize = 100;
    const ROUNDS: usize = 20;
    let mut harness = Harness::new();
    let budget = harness.net().limits().read_budget as u64;
    let (_, address) = harness.listen();
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event
            && bytes.len() == 5
        {
            net.send(*conn, bytes);
        }
    });
    let (mut flooding, flood_id) = harness.client(address);
    let mut others: Vec<_> = (0..OTHERS).map(|_| harness.client(address).0).collect();
    for other in &mut others {
        other.set_nonblocking(true).unwrap();
        other.set_nodelay(true).unwrap();
    }
    let stop = StopFlood(Arc::default());
    let is_over = stop.0.clone();
    flooding.set_nodelay(true).unwrap();
    let flood = std::thread::spawn(move || {
        let chunk = vec![0; 256 * 1024];
        while !is_over.load(Ordering::Relaxed) {
            if flooding.write_all(&chunk).is_err() {
                break;
            }
        }
        flooding
    });
    // The reactor turns here, with the others' side in between: each has one question under way at any time.
    let mut answered = vec![0; OTHERS];
    let mut asked = vec![0; OTHERS];
    let mut asked_in = vec![0; OTHERS];
    let mut flooded_turns = 0;
    let mut turns = 0;
    while answered.iter().any(|&n| n < ROUNDS) || flooded_turns < ROUNDS {
        turns += 1;
        assert!(turns < 20_000, "{answered:?}");
        for (i, other) in others.iter_mut().enumerate() {
            if asked[i] == answered[i] && asked[i] < ROUNDS {
                other.write_all(b"hello").unwrap();
                asked[i] += 1;
                asked_in[i] = turns;
            }
        }
        let before = harness.recorder.bytes.get(&flood_id).copied().unwrap_or(0) as u64;
        harness.turn(Duration::from_millis(10));
        let flooded = harness.recorder.bytes.get(&flood_id).copied().unwrap_or(0) as u64 - before;
        assert!(flooded <= budget, "{flooded} bytes of one client in one turn");
        flooded_turns += (flooded > 0) as usize;
        harness.recorder.events.retain(|event| !matches!(event, Event::Data(..)));
        for (i, other) in others.iter_mut().enumerate() {
            let mut answer = [0; 16];
            if let Ok(n) = other.read(&mut answer) {
                assert_eq!(&answer[..n], b"hello");
                answered[i] += 1;
                assert!(turns - asked_in[i] < 10, "an answer took {} turns", turns - asked_in[i] + 1);
            }
        }
    }
    drop(stop);
    harness.recorder.keeps_data = false;
    harness.until("the flood ends", |_, _| flood.is_finished());
    drop(flood.join().unwrap());
}

#[test]
fn a_udp_flood_leaves_timers_and_tcp_running() {
    const PERIOD: Duration = Duration::from_millis(2);
    let mut harness = Harness::new();
    harness.recorder.keeps_data = true;
    let batch = harness.net().limits().datagrams as u64;
    let (_, address) = harness.listen();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let target = udp_addr(&harness.reactor, udp);
    harness.on(|net, event| {
        if let Event::Data(conn, bytes) = event {
            net.send(*conn, bytes);
        }
    });
    let (mut client, _) = harness.client(address);
    client.set_nonblocking(true).unwrap();
    let stop = StopFlood(Arc::default());
    let sent = Arc::new(AtomicU64::new(0));
    let (is_over, count) = (stop.0.clone(), sent.clone());
    let flood = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        while !is_over.load(Ordering::Relaxed) {
            if socket.send_to(&[7; 100], target).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    harness.net().set_interval(PERIOD, 1);
    let is_tick = |event: &Event| matches!(event, Event::Timeout(_, 1));
    let (mut ticks, mut answers, mut most, mut is_asked) = (0, 0, 0, false);
    let mut turns = 0;
    while ticks < 100 || answers < 100 {
        turns += 1;
        assert!(turns < 200_000, "{ticks} ticks, {answers} answers");
        if !std::mem::replace(&mut is_asked, true) {
            client.write_all(b"hello").unwrap();
        }
        let before = harness.stats().datagrams_in;
        harness.turn(Duration::from_millis(10));
        let got = harness.stats().datagrams_in - before;
        assert!(got <= batch, "{got} datagrams in one turn");
        most = most.max(got);
        ticks += harness.recorder.count(is_tick);
        harness.recorder.events.clear();
        if let Ok(n) = client.read(&mut [0; 16]) {
            assert_eq!(n, 5);
            answers += 1;
            is_asked = false;
        }
    }
    let arrived = harness.stats().datagrams_in;
    assert!(arrived > 100 && sent.load(Ordering::Relaxed) >= arrived, "the flood went on: {arrived}");
    assert!(most > 1, "datagrams came in batches");
    drop(stop);
    flood.join().unwrap();
}

/// One turn takes at most so many datagrams, and the rest of them in later turns, without another event.
#[test]
fn the_bounds_of_a_turn_hold_for_datagrams_accepts_timers_and_commands() {
    let limits = Limits { datagrams: 40, accepts: 3, timers: 5, commands: 7, ..Limits::default() };
    let mut harness = Harness::with_limits(limits);
    let (_, address) = harness.listen();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let target = udp_addr(&harness.reactor, udp);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        sender.send_to(b"x", target).unwrap();
    }
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    for key in 0..12 {
        harness.net().set_timer(Duration::ZERO, key);
        harness.net().remote().message(Box::new(key)).unwrap();
    }
    harness.net().remote().message(Box::new(12u64)).unwrap();
    let mut rounds = Vec::new();
    let start = std::time::Instant::now();
    loop {
        let before = harness.stats();
        harness.turn(Duration::from_millis(5));
        let after = harness.stats();
        let round = (
            after.datagrams_in - before.datagrams_in,
            after.opened - before.opened,
            after.timeouts - before.timeouts,
            after.commands - before.commands,
        );
        assert!(round.0 <= 40 && round.1 <= 3 && round.2 <= 5 && round.3 <= 7, "{round:?}");
        rounds.push(round);
        if (after.datagrams_in, after.opened, after.timeouts, after.commands) == (100, 10, 12, 13) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{rounds:?}");
    }
    assert_eq!(rounds.iter().filter(|round| round.0 == 40).count(), 2, "full turns: {rounds:?}");
    assert_eq!(rounds.iter().filter(|round| round.1 == 3).count(), 3, "full turns: {rounds:?}");
    assert_eq!(rounds.iter().filter(|round| round.2 == 5).count(), 2, "full turns: {rounds:?}");
    assert_eq!(rounds.iter().filter(|round| round.3 == 7).count(), 1, "full turns: {rounds:?}");
    let messages: Vec<u64> = harness
        .recorder
        .events
        .iter()
        .filter_map(|event| if let Event::Message(n) = event { Some(*n) } else { None })
        .collect();
    assert_eq!(messages, (0..=12).collect::<Vec<_>>());
    drop(clients);
}
