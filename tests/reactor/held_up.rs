//! A loop that was held up: what came in time is heard before anybody is told that time is up.

use crate::support::*;
use hullo::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ZERO: Duration = Duration::ZERO;
const MILLISECOND: Duration = Duration::from_millis(1);

/// Holds the thread, and so the loop, up.
fn block(time: Duration) {
    let start = Instant::now();
    while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// As many streams as asked for, with their peers.
fn streams(harness: &mut Harness, count: usize) -> Vec<(UnixStream, ConnId)> {
    let streams = (0..count)
        .map(|_| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let Adopted::Conn(conn) = harness.net().adopt(theirs).unwrap() else { panic!("a stream") };
            (ours, conn)
        })
        .collect();
    harness.until("all are open", |reactor, _| reactor.net().stats().opened == count as u64);
    streams
}

/// More of them than one batch of events holds.
#[test]
fn whatever_came_in_time_is_heard_before_a_timeout_however_many_sent_it() {
    const COUNT: usize = 2500;
    const TIMEOUT: Duration = Duration::from_millis(100);
    if !raise_descriptor_limit(3 * COUNT as u64) {
        return;
    }
    let mut harness = Harness::new();
    let streams = streams(&mut harness, COUNT);
    let timer = harness.net().set_timer(TIMEOUT, 1);
    let start = Instant::now();
    harness.on(move |_, event| {
        if let Event::Timeout(_, 0) = event {
            streams.iter().for_each(|(peer, _)| (&*peer).write_all(b"in time").unwrap());
            block((2 * TIMEOUT).saturating_sub(start.elapsed()));
        }
    });
    harness.net().set_timer(ZERO, 0);
    harness.until("the time is up", |_, recorder| recorder.has(&Event::Timeout(timer, 1)));
    let is_data = |event: &Event| matches!(event, Event::Data(..));
    let before = harness.recorder.events.iter().take_while(|event| **event != Event::Timeout(timer, 1));
    assert_eq!(before.filter(|event| is_data(event)).count(), COUNT);
    let stats = harness.stats();
    assert!(stats.late_turns > 0 && stats.longest_delay >= TIMEOUT / 2, "{stats:?}");
}

/// One stream has more to be read than one turn takes.
#[test]
fn a_long_answer_that_came_in_time_is_heard_before_a_timeout() {
    const TIMEOUT: Duration = Duration::from_millis(200);
    const BUDGET: usize = 512;
    let mut harness = Harness::with_limits(Limits { read_budget: BUDGET, ..Limits::default() });
    let (peer, conn) = streams(&mut harness, 1).pop().unwrap();
    let timer = harness.net().set_timer(TIMEOUT, 1);
    harness.on(move |_, event| {
        if let Event::Timeout(_, 0) = event {
            (&peer).write_all(&pattern(100 * BUDGET)).unwrap();
            block(3 * TIMEOUT);
        }
    });
    harness.net().set_timer(ZERO, 0);
    harness.until("the time is up", |_, recorder| recorder.has(&Event::Timeout(timer, 1)));
    assert!(harness.recorder.data(conn) == pattern(100 * BUDGET));
}

/// A message of another thread is input as well.
#[test]
fn a_message_that_came_in_time_is_heard_before_a_timeout() {
    let mut harness = Harness::new();
    let remote = harness.net().remote();
    harness.on(move |_, event| {
        if let Event::Timeout(_, 0) = event {
            remote.message(Box::new(7u64)).unwrap();
            block(30 * MILLISECOND);
        }
    });
    harness.net().set_timer(ZERO, 0);
    let timer = harness.net().set_timer(15 * MILLISECOND, 1);
    harness.until("the time is up", |_, recorder| recorder.has(&Event::Timeout(timer, 1)));
    let at = |wanted: &Event| harness.recorder.events.iter().position(|event| event == wanted).unwrap();
    assert!(at(&Event::Message(7)) < at(&Event::Timeout(timer, 1)), "{:?}", harness.recorder.events);
}

/// The other side of it: input that never ends does not stop the clock.
#[test]
fn a_stream_that_is_never_read_to_its_end_does_not_stop_the_timers() {
    const PERIOD: Duration = Duration::from_millis(2);
    let mut harness = Harness::new();
    harness.recorder.keeps_data = true;
    let (peer, conn) = streams(&mut harness, 1).pop().unwrap();
    peer.set_nonblocking(true).unwrap();
    harness.net().limit_reads(conn, 100);
    let refill = move |peer: &UnixStream| while (&*peer).write(&[7; 10_000]).is_ok() {};
    refill(&peer);
    let ticks = Arc::new(AtomicUsize::new(0));
    let seen = ticks.clone();
    harness.on(move |_, event| match event {
        Event::Data(..) => refill(&peer),
        Event::Timeout(..) => drop(seen.fetch_add(1, Ordering::Relaxed)),
        _ => {}
    });
    harness.net().set_interval(PERIOD, 1);
    let (start, mut most, mut last) = (Instant::now(), ZERO, Instant::now());
    for tick in 1..=20 {
        while ticks.load(Ordering::Relaxed) < tick {
            assert!(start.elapsed() < PATIENCE, "{tick} ticks");
            harness.turn(ZERO);
            harness.recorder.events.retain(|event| matches!(event, Event::Opened(..)));
        }
        most = most.max(last.elapsed());
        last = Instant::now();
    }
    assert!(most < PATIENCE / 4, "{most:?} between two ticks");
}

/// And neither do more streams than one batch has room for, each of them ready in every turn.
#[test]
fn full_batches_without_end_do_not_stop_the_timers() {
    const COUNT: usize = 1500;
    if !raise_descriptor_limit(3 * COUNT as u64) {
        return;
    }
    let mut harness = Harness::new();
    harness.recorder.keeps_data = true;
    let peers: Vec<UnixStream> = streams(&mut harness, COUNT).into_iter().map(|(peer, _)| peer).collect();
    let poke = move || peers.iter().for_each(|peer| (&*peer).write_all(b".").unwrap());
    poke();
    let rounds = Arc::new(AtomicUsize::new(0));
    let count = rounds.clone();
    harness.on(move |_, event| {
        // Each time a batch has been served, all of them are ready again.
        if matches!(event, Event::Data(..)) && count.fetch_add(1, Ordering::Relaxed) % 1000 == 999 {
            poke();
        }
    });
    let timer = harness.net().set_timer(MILLISECOND, 1);
    for turn in 0.. {
        if harness.recorder.has(&Event::Timeout(timer, 1)) {
            break;
        }
        assert!(turn < 100, "no flood stops the timers");
        harness.turn(ZERO);
    }
}

/// While the loop stood still nobody could be heard: silence is judged only after what came in time was read, and who was
/// answered at the end of it has the time to speak.
#[test]
fn nobody_is_idle_for_the_time_that_the_loop_stood_still() {
    const IDLE: Duration = Duration::from_millis(400);
    let mut harness = Harness::with_limits(Limits { idle: IDLE, ..Limits::default() });
    let mut three = streams(&mut harness, 3).into_iter();
    let [(asking, asking_id), (early, early_id), (_silent, silent_id)] =
        std::array::from_fn(|_| three.next().unwrap());
    let held = Arc::new(Mutex::new(None));
    let until = held.clone();
    let in_time = early.try_clone().unwrap();
    harness.on(move |net, event| {
        if let Event::Data(conn, bytes) = event
            && bytes == b"question"
        {
            (&in_time).write_all(b"in time").unwrap();
            block(3 * IDLE);
            net.send(*conn, b"answer");
            *until.lock().unwrap() = Some(Instant::now());
        }
    });
    (&asking).write_all(b"question").unwrap();
    harness.until("the answer", |_, _| held.lock().unwrap().is_some());
    let answered = held.lock().unwrap().unwrap();
    let mut answer = [0; 6];
    (&asking).read_exact(&mut answer).unwrap();
    harness.turn_for(IDLE / 4);
    assert_eq!(harness.recorder.data(early_id), b"in time");
    assert_eq!(harness.recorder.closed(), [], "after {:?}", answered.elapsed());
    (&asking).write_all(b"thanks").unwrap();
    assert_eq!(harness.until_closed(silent_id).reason, CloseReason::Idle);
    assert_eq!(harness.until_closed(asking_id).reason, CloseReason::Idle);
    assert_eq!(harness.recorder.data(asking_id), b"questionthanks");
    assert!(answered.elapsed() >= IDLE, "after {:?}", answered.elapsed());
}

/// What a callback sets at its end counts from there, and not from the beginning of its turn.
#[test]
fn a_close_after_a_long_callback_still_lingers() {
    const LINGER: Duration = Duration::from_millis(300);
    let mut harness = Harness::with_limits(Limits { linger: LINGER, ..Limits::default() });
    let (_, address) = harness.listen();
    let closed_at = Arc::new(Mutex::new(None));
    let noted = closed_at.clone();
    harness.on(move |net, event| {
        if let Event::Data(conn, _) = event {
            block(2 * LINGER);
            net.send(*conn, b"bye");
            net.close(*conn);
            *noted.lock().unwrap() = Some(Instant::now());
        }
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(&pattern(200_000)).unwrap(); // more than one read takes, so that something is unread
    assert_eq!(harness.until_closed(conn).reason, CloseReason::ByUs);
    let lingered = closed_at.lock().unwrap().unwrap().elapsed();
    assert!(lingered >= LINGER, "{lingered:?}");
}

#[test]
fn output_after_a_long_callback_has_not_stalled() {
    const STALL: Duration = Duration::from_millis(300);
    let limits = Limits { write_stall: STALL, outbox_cap: 64 << 20, ..Limits::default() };
    let mut harness = Harness::with_limits(limits);
    let (_, address) = harness.listen();
    let sent_at = Arc::new(Mutex::new(None));
    let noted = sent_at.clone();
    harness.on(move |net, event| {
        if let Event::Data(conn, _) = event {
            block(2 * STALL);
            net.send(*conn, pattern(32 << 20));
            *noted.lock().unwrap() = Some(Instant::now());
        }
    });
    let (mut client, conn) = harness.client(address);
    client.write_all(b"?").unwrap();
    let closed = harness.until_closed(conn);
    assert_eq!(closed.reason, CloseReason::WriteStalled);
    let waited = sent_at.lock().unwrap().unwrap().elapsed();
    assert!(waited >= STALL, "{waited:?}");
}

/// What the peer's kernel takes on after ours has taken its last is noticed only by looking, and counts once.
#[test]
fn a_stall_is_noticed_within_a_tenth_of_its_limit() {
    const STALL: Duration = Duration::from_millis(1500);
    let limits = Limits { write_stall: STALL, outbox_cap: 64 << 20, ..Limits::default() };
    let mut harness = Harness::with_limits(limits);
    let (_, address) = harness.listen();
    let (client, conn) = harness.client(address);
    harness.net().send(conn, pattern(32 << 20));
    let sent = Instant::now();
    assert_eq!(harness.until_closed(conn).reason, CloseReason::WriteStalled);
    let waited = sent.elapsed();
    assert!(waited >= STALL && waited < STALL * 3 / 2, "{waited:?}");
    drop(client);
}

/// A name that was looked up in time, and a listener that had no room before, are not charged for our own pause.
#[test]
fn a_dial_is_not_over_because_the_loop_stood_still() {
    const LIMIT: Duration = Duration::from_millis(200);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut harness = Harness::with_limits(Limits { connect: LIMIT, ..Limits::default() });
    let by_address = harness.net().connect(format!("tcp://127.0.0.1:{port}")).unwrap();
    let by_name = harness.net().connect(format!("tcp://localhost:{port}")).unwrap();
    block(2 * LIMIT);
    let is_over = |recorder: &Recorder, conn: ConnId| {
        recorder.count(
            |event| matches!(event, Event::Opened(id, _) | Event::ConnectFailed(id, ..) if *id == conn),
        ) == 1
    };
    harness.until("both are over", |_, recorder| is_over(recorder, by_address) && is_over(recorder, by_name));
    let opened = harness.recorder.opened();
    assert!(opened.contains(&by_address) && opened.contains(&by_name), "{:?}", harness.recorder.events);
}

/// What a handler is to judge deadlines of its own by.
#[test]
fn a_timeout_is_told_no_sooner_than_its_input_was_heard() {
    let mut harness = Harness::new();
    let due = Instant::now() + 20 * MILLISECOND;
    let heard: Arc<Mutex<Vec<(Instant, Instant)>>> = Arc::default();
    let noted = heard.clone();
    harness.on(move |net, event| match event {
        Event::Timeout(_, 0) => block(40 * MILLISECOND),
        Event::Timeout(_, 1) => noted.lock().unwrap().push((net.heard_until(), net.now())),
        _ => {}
    });
    harness.net().set_timer(ZERO, 0);
    let timer = harness.net().set_timer(due - Instant::now(), 1);
    harness.until("the time is up", |_, recorder| recorder.has(&Event::Timeout(timer, 1)));
    let (until, now) = heard.lock().unwrap()[0];
    assert!(due <= until + MILLISECOND && until <= now, "{:?}", (due, until, now));
}
