//! The loop itself: timers, panics, ids, watched descriptors, what a turn promises.

use crate::support::*;
use hullo::*;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;

/// I10.
#[test]
fn timers_never_fire_early() {
    const TIMERS: u64 = 400;
    let mut harness = Harness::new();
    let mut dice = Dice::new(1);
    let due: Arc<Mutex<HashMap<u64, Instant>>> = Arc::default();
    let early: Arc<Mutex<Vec<String>>> = Arc::default();
    let (all_due, all_early) = (due.clone(), early.clone());
    harness.on(move |net, event| {
        let Event::Timeout(_, key) = event else { return };
        let now = Instant::now();
        let mut due = all_due.lock().unwrap();
        if let Some(ahead) = due[key].checked_duration_since(now).filter(|ahead| !ahead.is_zero()) {
            all_early.lock().unwrap().push(format!("timer {key} by {ahead:?}"));
        }
        if key % 5 == 0 {
            while now.elapsed() < Duration::from_micros(300) {} // a callback that takes long
        }
        if *key < TIMERS {
            let delay = Duration::from_micros(key * 7919 % 20_000);
            due.insert(key + TIMERS, Instant::now() + delay);
            net.set_timer(delay, key + TIMERS);
        }
    });
    for key in 0..TIMERS {
        let delay = Duration::from_micros(dice.roll(50_000) as u64);
        due.lock().unwrap().insert(key, Instant::now() + delay);
        harness.net().set_timer(delay, key);
    }
    harness.until("all timers have fired", |_, recorder| recorder.events.len() as u64 == 2 * TIMERS);
    assert_eq!(*early.lock().unwrap(), [""; 0]);
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.events.len() as u64, 2 * TIMERS, "none fires twice");
    assert_eq!(harness.stats().timeouts, 2 * TIMERS);
}

/// I10.
#[test]
fn a_periodic_timer_keeps_its_phase_and_skips_what_it_missed() {
    const PERIOD: Duration = Duration::from_millis(5);
    let mut harness = Harness::new();
    let fired: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = fired.clone();
    harness.on(move |_, event| {
        if let Event::Timeout(_, 7) = event {
            let now = Instant::now();
            seen.lock().unwrap().push(now);
            if seen.lock().unwrap().len() == 3 {
                while now.elapsed() < 6 * PERIOD {} // five ticks are missed here
            }
        }
    });
    let start = Instant::now();
    let timer = harness.net().set_interval(PERIOD, 7);
    harness.until("it has fired ten times", |_, recorder| recorder.events.len() >= 10);
    let fired = fired.lock().unwrap();
    for (i, at) in fired.iter().enumerate() {
        let ticks = (i + 1 + if i >= 3 { 5 } else { 0 }) as u32;
        assert!(at.duration_since(start) >= ticks * PERIOD, "tick {i} came early");
    }
    assert!(harness.net().cancel_timer(timer));
    assert!(!harness.net().cancel_timer(timer), "it is gone");
    let count = harness.recorder.events.len();
    harness.turn_for(4 * PERIOD);
    assert_eq!(harness.recorder.events.len(), count);
    assert_eq!(harness.reactor.next_deadline(), None, "cancelling frees it");
}

#[test]
fn a_timer_that_is_reset_fires_once_at_its_new_time() {
    let mut harness = Harness::new();
    let (soon, late) = (Duration::from_millis(5), Duration::from_secs(3600));
    let timer = harness.net().set_timer(late, 1);
    let left = harness.net().timer_left(timer).unwrap();
    assert!(left > late - soon && left <= late, "{left:?}");
    assert!(harness.net().reset_timer(timer, soon), "sooner");
    let start = Instant::now();
    harness.until("it has fired", |_, recorder| recorder.events == [Event::Timeout(timer, 1)]);
    assert!(start.elapsed() >= soon - Duration::from_millis(1), "{:?}", start.elapsed());
    assert!(!harness.net().reset_timer(timer, soon), "it is gone");
    assert_eq!(harness.net().timer_left(timer), None);

    let watchdog = harness.net().set_timer(4 * soon, 2);
    assert!(harness.net().reset_timer(watchdog, late), "later");
    harness.turn_for(8 * soon);
    assert_eq!(harness.recorder.events.len(), 1);

    let start = Instant::now();
    let interval = harness.net().set_interval(late, 3);
    assert!(harness.net().reset_timer(interval, soon));
    harness.until("it ticks", |_, recorder| recorder.events.len() == 2);
    assert!(start.elapsed() >= soon);
    assert!(harness.net().timer_left(interval).is_some_and(|left| left > late - Duration::from_secs(60)));
}

#[test]
fn a_timer_set_in_a_callback_fires_in_a_later_turn() {
    let mut harness = Harness::new();
    harness.on(|net, event| {
        if let Event::Timeout(_, left @ 1..) = event {
            net.set_timer(ZERO, left - 1);
        }
    });
    harness.net().set_timer(ZERO, 5);
    for round in 1..=6 {
        harness.turn(ZERO);
        assert_eq!(harness.recorder.events.len(), round, "one in each turn");
    }
    harness.turn(ZERO);
    assert_eq!(harness.recorder.events.len(), 6);
}

#[test]
fn a_timer_cancelled_in_a_callback_does_not_fire() {
    let mut harness = Harness::new();
    let timers: Vec<TimerId> = (0..20).map(|key| harness.net().set_timer(ZERO, key)).collect();
    let others = timers.clone();
    harness.on(move |net, _| assert_eq!(others.iter().filter(|&&timer| net.cancel_timer(timer)).count(), 19));
    harness.turn(ZERO);
    harness.turn(ZERO);
    assert_eq!(harness.recorder.events.len(), 1);
    assert_eq!(harness.stats().panics, 0, "nineteen were still pending");
    assert_eq!(harness.reactor.next_deadline(), None);
}

/// The panics here pass over the panic hook, which would print them.
fn panic_quietly() {
    resume_unwind(Box::new("as planned"));
}

/// I12.
#[test]
fn a_panic_costs_one_connection() {
    let mut harness = Harness::new();
    harness.recorder.panics_wanted = true;
    let (_, address) = harness.listen();
    harness.on(|net, event| match event {
        Event::Data(_, bytes) if bytes == b"boom" => panic_quietly(),
        Event::Data(conn, bytes) => drop(net.send(*conn, bytes)),
        _ => {}
    });
    let (mut good, _) = harness.client(address);
    let (mut bad, bad_id) = harness.client(address);
    bad.write_all(b"boom").unwrap();
    let closed = harness.until_closed(bad_id);
    assert_eq!((closed.reason, closed.bytes_in), (CloseReason::HandlerPanicked, 4));
    let error = bad.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    good.write_all(b"still there?").unwrap();
    let mut answer = Vec::new();
    harness.until("the other is answered", |_, _| {
        read_some(&mut good, &mut answer).unwrap();
        answer == b"still there?"
    });
    assert_eq!(harness.stats().panics, 1);
    assert_eq!(harness.recorder.closed().len(), 1);
}

/// I12.
#[test]
fn a_panic_in_any_other_callback_is_counted_and_costs_nobody() {
    let limits = Limits { outbox_high: 4096, outbox_low: 1024, ..Limits::default() };
    let mut harness = Harness::with_limits(limits);
    harness.recorder.panics_wanted = true;
    let (_, address) = harness.listen();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let (pipe, mut into_pipe) = std::io::pipe().unwrap();
    let pipe = harness.net().watch(pipe).unwrap();
    let told: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let list = told.clone();
    harness.recorder.closes_at_eof = false;
    harness.on(move |net, event| {
        let name = match event {
            Event::Data(conn, _) => {
                net.send(*conn, pattern(4 << 20)); // more than the kernel takes: `output_low` follows
                return;
            }
            Event::Opened(..) => "opened",
            Event::Eof(_) => "peer_eof",
            Event::OutputLow(_) => "output_low",
            Event::Draining(_) => "draining",
            Event::Closed(..) => "closed",
            Event::Datagram { .. } => "datagram",
            Event::Timeout(..) => "timeout",
            Event::Ready(_) => {
                net.unwatch(pipe);
                "ready"
            }
            Event::Message(_) => "message",
            Event::ConnectFailed(..) => "connect_failed",
            Event::DatagramError(..) => "datagram_error",
        };
        list.lock().unwrap().push(name);
        panic_quietly();
    });
    let limits = Limits { outbox_cap: 64 << 20, ..harness.net().limits().clone() };
    harness.net().set_limits(limits);
    let mut client = connect(address);
    let heard = |told: &Arc<Mutex<Vec<&str>>>, name: &str| told.lock().unwrap().contains(&name);
    harness.until("opened", |_, _| heard(&told, "opened"));
    client.write_all(b"x").unwrap();
    let mut answer = Vec::new();
    harness.until("the output is low", |_, _| {
        read_some(&mut client, &mut answer).unwrap();
        heard(&told, "output_low") && answer.len() == 4 << 20
    });
    client.shutdown(std::net::Shutdown::Write).unwrap();
    harness.net().set_timer(ZERO, 0);
    harness.net().remote().message(Box::new(1u64)).unwrap();
    into_pipe.write_all(b"x").unwrap();
    assert!(harness.net().connect("unix:/nowhere/to/be/found").is_ok());
    let absent = {
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        harness.net().connect_datagrams(format!("udp://{}", peer.local_addr().unwrap()).as_str()).unwrap()
    };
    harness.net().send_datagram(absent, b"x");
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"x", udp_addr(&harness.reactor, udp)).unwrap();
    let mut asked = false;
    let start = Instant::now();
    while harness.stats().panics < 11 || told.lock().unwrap().len() < 11 {
        assert!(start.elapsed() < PATIENCE, "{:?}", told.lock().unwrap());
        let names = told.lock().unwrap().len();
        if names == 9 && !std::mem::replace(&mut asked, true) {
            assert_eq!(harness.recorder.violations, [""; 0]);
            assert_eq!(harness.net().connections().count(), 1, "nobody was closed for it");
            harness.net().drain(Duration::from_millis(50));
        }
        harness.turn(Duration::from_millis(10));
    }
    let mut names = told.lock().unwrap().clone();
    names.sort_unstable();
    let all = [
        "closed",
        "connect_failed",
        "datagram",
        "datagram_error",
        "draining",
        "message",
        "opened",
        "output_low",
        "peer_eof",
        "ready",
        "timeout",
    ];
    assert_eq!(names, all);
    assert_eq!(harness.reactor.drained().unwrap().cut, 1);
}

#[test]
fn an_operation_on_a_dead_id_does_nothing_and_is_counted() {
    let mut harness = Harness::new();
    let (listener, address) = harness.listen();
    let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
    let (_client, dead) = harness.client(address);
    assert!(harness.net().abort(dead));
    harness.until_closed(dead);
    assert!(harness.net().close_listener(listener));
    assert!(harness.net().close_datagrams(udp));
    let before = harness.stats();
    let net = harness.net();
    assert_eq!(net.send(dead, b"x"), Sent::Gone);
    assert_eq!(net.send_with(dead, |out| out.push(1)), Sent::Gone);
    assert_eq!(net.waiting(dead), 0);
    assert!(!net.close(dead) && !net.abort(dead) && !net.shutdown_write(dead));
    assert!(!net.pause_reading(dead) && !net.resume_reading(dead) && !net.limit_reads(dead, 1));
    assert!(!net.close_listener(listener) && !net.close_datagrams(udp));
    let nobody = PeerAddr::from(address);
    assert!(!net.send_to(udp, &nobody, b"x"));
    assert!(net.origin(dead).is_none() && net.peer_addr(dead).is_err() && net.local_addr(dead).is_err());
    assert!(net.unwatch(FdId::from_bits(dead.to_bits())).is_none());
    harness.turn(ZERO);
    let after = harness.stats();
    assert_eq!(after.dead_ids - before.dead_ids, 11);
    assert_eq!((after.writes, after.datagrams_out), (before.writes, before.datagrams_out));
}

#[test]
fn a_watched_pipe_is_told_again_until_it_is_empty() {
    let mut harness = Harness::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let number = reader.as_raw_fd();
    let got: Arc<Mutex<Vec<u8>>> = Arc::default();
    let bytes = got.clone();
    harness.on(move |net, event| {
        if let Event::Ready(fd) = event {
            let mut byte = [0];
            let mut pipe: std::fs::File = net.watched(*fd).unwrap().try_clone_to_owned().unwrap().into();
            assert_eq!(pipe.read(&mut byte).unwrap(), 1); // one byte a time, of a blocking descriptor
            bytes.lock().unwrap().push(byte[0]);
        }
    });
    let fd = harness.net().watch(reader).unwrap();
    writer.write_all(b"level").unwrap();
    harness.until("all is read", |_, _| *got.lock().unwrap() == b"level");
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.events.len(), 5, "an empty pipe is not told");
    let back = harness.net().unwatch(fd).unwrap();
    assert_eq!(back.as_raw_fd(), number, "it is the same descriptor");
    writer.write_all(b"more").unwrap();
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(harness.recorder.events.len(), 5, "nobody watches any more");
    let mut pipe = std::fs::File::from(back);
    let mut rest = [0; 4];
    pipe.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"more");
    assert!(harness.net().unwatch(fd).is_none());
    assert_eq!(harness.stats().panics, 0);
}

#[test]
fn a_reactor_moves_to_another_thread_and_serves_a_dyn_handler() {
    fn is_send<T: Send>(_: &T) {}
    let mut harness = Harness::new();
    is_send(&harness.reactor);
    harness.net().set_timer(Duration::from_millis(5), 3);
    let Harness { mut reactor, mut recorder } = harness;
    recorder.on = Box::new(|net, _| net.stop());
    let recorder = std::thread::spawn(move || {
        let handler: &mut dyn Handler = &mut recorder;
        assert_eq!(reactor.run(handler).unwrap(), None);
        recorder
    });
    assert_eq!(recorder.join().unwrap().events.len(), 1);
}

#[test]
fn after_a_turn_without_waiting_every_call_is_applied() {
    let mut harness = Harness::new();
    let (mut one, other) = UnixStream::pair().unwrap();
    let Adopted::Conn(conn) = harness.net().adopt(other).unwrap() else { panic!("a stream") };
    let near = |reactor: &Reactor| reactor.next_deadline().is_some_and(|at| at <= Instant::now());
    assert!(near(&harness.reactor), "work is left");
    harness.turn(ZERO);
    assert_eq!(harness.recorder.events, [Event::Opened(conn, Origin::Adopted)]);
    assert!(!near(&harness.reactor), "nothing is left");

    harness.net().send(conn, b"hello");
    assert!(near(&harness.reactor));
    harness.turn(ZERO);
    let mut five = [0; 5];
    one.set_nonblocking(true).unwrap();
    one.read_exact(&mut five).unwrap();
    assert_eq!(&five, b"hello");

    harness.net().pause_reading(conn);
    one.write_all(b"wait").unwrap();
    harness.turn(ZERO);
    assert_eq!(harness.recorder.data(conn), b"");
    harness.net().resume_reading(conn);
    assert!(near(&harness.reactor));
    harness.turn(ZERO);
    assert_eq!(harness.recorder.data(conn), b"wait");

    harness.net().shutdown_write(conn);
    harness.turn(ZERO);
    assert_eq!(one.read(&mut five).unwrap(), 0, "our side has ended");
    harness.net().close(conn);
    harness.turn(ZERO);
    assert_eq!(harness.recorder.reason(conn), Some(CloseReason::ByUs));
    assert_eq!(harness.reactor.next_deadline(), None);
    let before = Instant::now();
    harness.net().set_timer(Duration::from_secs(9), 0);
    let deadline = harness.reactor.next_deadline().unwrap();
    assert!(deadline >= before + Duration::from_secs(9) && deadline < before + Duration::from_secs(10));
    harness.net().remote().message(Box::new(4u64)).unwrap();
    assert!(near(&harness.reactor), "a command waits");
    harness.until("the message", |_, recorder| recorder.has(&Event::Message(4)));
}

#[test]
fn the_pollers_descriptor_tells_a_host_when_to_turn() {
    #[cfg(mio_unsupported_force_poll_poll)]
    skip("the poll(2) selector has no descriptor of its own");
    #[cfg(not(mio_unsupported_force_poll_poll))]
    {
        let mut harness = Harness::new();
        harness.net().set_timer(Duration::from_millis(3), 1);
        harness.turn(ZERO); // arms the timer
        let mut host = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(8);
        let mut source = mio::unix::SourceFd(&harness.reactor.as_raw_fd());
        let interest = mio::Interest::READABLE;
        mio::event::Source::register(&mut source, host.registry(), mio::Token(9), interest).unwrap();
        host.poll(&mut events, Some(PATIENCE)).unwrap();
        assert_eq!(events.iter().count(), 1);
        harness.turn(ZERO);
        assert_eq!(harness.recorder.count(|event| matches!(event, Event::Timeout(_, 1))), 1);
    }
}
