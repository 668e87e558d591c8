//! A reactor as a guest in the loop of somebody else: a bare poll(2) loop, and tokio's. The host waits for one
//! descriptor, turns without waiting, and turns again while `next_deadline` is now. That is all it does: it waits for
//! no deadline itself.
#![cfg(target_os = "linux")]

#[cfg(mio_unsupported_force_poll_poll)]
#[test]
fn a_host_needs_a_descriptor_to_wait_for() {
    use std::io::Write;
    let reason = "mio's poll(2) selector has no descriptor that a host could wait for";
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

#[cfg(not(mio_unsupported_force_poll_poll))]
mod hosts {
    use crate::support::{Event, Harness, PATIENCE, connect, pattern, raise_descriptor_limit, udp_addr};
    use hullo::{CloseReason, Limits, Reactor, RemoteError};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::io::{Read, Write};
    use std::net::{Shutdown, UdpSocket};
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn traffic_flows_in_a_poll_loop() {
        traffic_flows(in_poll);
    }

    #[test]
    fn traffic_flows_in_tokio() {
        traffic_flows(in_tokio);
    }

    /// Streams that need many turns for each wake-up, since a turn reads little, and datagrams.
    fn traffic_flows(host: Host) {
        let mut harness = Harness::with_limits(Limits { read_budget: 4096, ..Limits::default() });
        harness.recorder.on_datagram = Box::new(|net, udp, datagram| {
            net.reply(udp, datagram, datagram.bytes);
        });
        harness.on(|net, event| {
            if let Event::Data(conn, bytes) = event {
                net.send(*conn, bytes);
            }
        });
        let (_, stream) = harness.listen();
        let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
        let datagrams = udp_addr(&harness.reactor, udp);

        let streams: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(move || {
                    let mut client = connect(stream);
                    let (mut writer, sent) = (client.try_clone().unwrap(), pattern(1 << 20));
                    let copy = sent.clone();
                    let writing = thread::spawn(move || {
                        writer.write_all(&copy).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    client.read_to_end(&mut got).unwrap();
                    writing.join().unwrap();
                    assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
                })
            })
            .collect();
        let sender = thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            for number in 0..100u8 {
                socket.send_to(&[number], datagrams).unwrap();
                let mut answer = [0; 2];
                assert_eq!(socket.recv(&mut answer).unwrap(), 1);
                assert_eq!(answer[0], number);
            }
        });
        let (harness, _) = host(harness, "everything is echoed", &|harness| {
            let datagrams = harness.recorder.count(|event| matches!(event, Event::Datagram { .. }));
            harness.recorder.closed().len() == 4 && datagrams == 100
        });
        streams.into_iter().for_each(|client| client.join().unwrap());
        sender.join().unwrap();
        for (_, closed) in harness.recorder.closed() {
            assert_eq!((closed.bytes_in, closed.bytes_out, closed.unsent), (1 << 20, 1 << 20, 0));
        }
    }

    #[test]
    fn timers_fire_in_a_poll_loop() {
        timers_fire(in_poll);
    }

    #[test]
    fn timers_fire_in_tokio() {
        timers_fire(in_tokio);
    }

    /// Those that are set between turns, those that a callback sets, and those that repeat.
    fn timers_fire(host: Host) {
        let mut harness = Harness::new();
        harness.on(|net, event| {
            if let Event::Timeout(_, key @ 1..=3) = event {
                net.set_timer(MILLISECOND, key - 1);
            }
        });
        let start = Instant::now();
        harness.net().set_timer(MILLISECOND, 3);
        let (mut harness, _) =
            host(harness, "each timer has set the next", &|harness| fired(harness, 0) == 1);
        assert!(start.elapsed() >= 4 * MILLISECOND);

        harness.recorder.events.clear();
        harness.net().set_interval(2 * MILLISECOND, 4);
        let (_, wakeups) = host(harness, "ten ticks have come", &|harness| fired(harness, 4) == 10);
        // A tick that a busy machine brings late may take a second look; a host that spins wakes up thousands of times.
        assert!((10..=50).contains(&wakeups), "{wakeups} wake-ups for ten ticks");
    }

    #[test]
    fn messages_of_threads_arrive_in_a_poll_loop() {
        messages_arrive(in_poll);
    }

    #[test]
    fn messages_of_threads_arrive_in_tokio() {
        messages_arrive(in_tokio);
    }

    /// A flood, and then one at a time, each sent when the one before has been taken and the host is about to sleep.
    fn messages_arrive(host: Host) {
        const FLOOD: u64 = 20_000;
        const SINGLE: u64 = 300;
        let mut harness = Harness::new();
        let (taken, last) = mpsc::channel();
        harness.on(move |_, event| {
            if let Event::Message(number) = event {
                taken.send(*number).unwrap();
            }
        });
        let remote = harness.net().remote();
        let sender = thread::spawn(move || {
            for number in 0..FLOOD + SINGLE {
                let mut message = Box::new(number) as Box<_>;
                while let Err(RemoteError::Full(back)) = remote.message(message) {
                    message = back;
                    thread::yield_now();
                }
                let awaited = if number < FLOOD { None } else { Some(number) };
                while awaited.is_some_and(|number| last.recv_timeout(PATIENCE).unwrap() != number) {}
            }
        });
        let (harness, _) = host(harness, "every message has come", &|harness| {
            harness.recorder.events.len() as u64 == FLOOD + SINGLE
        });
        sender.join().unwrap();
        assert!(harness.recorder.events.iter().zip(0..).all(|(event, n)| *event == Event::Message(n)));
    }

    #[test]
    fn a_poll_loop_sleeps_when_nothing_is_due() {
        the_host_sleeps(in_poll);
    }

    #[test]
    fn tokio_sleeps_when_nothing_is_due() {
        the_host_sleeps(in_tokio);
    }

    /// With clients that are silent, one that is paused with input waiting, and a timer far off.
    fn the_host_sleeps(host: Host) {
        const QUIET: Duration = Duration::from_millis(400);
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let mut clients: Vec<_> = (0..10).map(|_| harness.client(address)).collect();
        let (blocked, conn) = &mut clients[0];
        harness.net().pause_reading(*conn);
        blocked.write_all(b"waits").unwrap();
        harness.net().set_timer(Duration::from_secs(3600), 1);
        let start = Instant::now();
        harness.net().set_timer(QUIET, 2);
        let (harness, wakeups) = host(harness, "the quiet is over", &|harness| fired(harness, 2) == 1);
        assert!(start.elapsed() >= QUIET);
        assert!(wakeups <= 5, "{wakeups} wake-ups in {QUIET:?} without work");
        assert!(!is_readable_within(&harness.reactor, QUIET / 4), "not even without the timer");
    }

    #[test]
    fn the_limits_of_a_connection_are_kept_by_a_host_that_only_waits() {
        for host in [in_poll as Host, in_tokio] {
            let limits = Limits { idle: 30 * MILLISECOND, ..Limits::default() };
            let mut harness = Harness::with_limits(limits);
            let (_, address) = harness.listen();
            let mut client = connect(address);
            let (harness, wakeups) =
                host(harness, "an idle client is closed", &|harness| !harness.recorder.closed().is_empty());
            assert_eq!(harness.recorder.closed()[0].1.reason, CloseReason::Idle);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
            assert!(wakeups <= 10, "{wakeups} wake-ups for one client");
        }
    }

    #[test]
    fn a_timer_of_microseconds_makes_the_descriptor_readable_in_microseconds() {
        let after = Duration::from_micros(200);
        let mut harness = Harness::new();
        let waits = (1..=50).map(|count| {
            let start = Instant::now();
            harness.net().set_timer(after, 7);
            harness.turn(Duration::ZERO);
            while fired(&harness, 7) < count {
                assert!(is_readable_within(&harness.reactor, PATIENCE));
                harness.turn(Duration::ZERO);
            }
            start.elapsed()
        });
        let waits: Vec<Duration> = waits.collect();
        let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*shortest >= after, "{shortest:?} is early");
        // A machine that is busy may be late now and then, but not every time.
        assert!(*shortest < MILLISECOND, "from {shortest:?} to {longest:?}");
    }

    #[test]
    fn a_deadline_is_told_and_nothing_to_do_is_none() {
        let mut harness = Harness::new();
        harness.listen();
        harness.turn(Duration::ZERO);
        assert_eq!(harness.reactor.next_deadline(), None);
        let before = Instant::now();
        harness.net().set_timer(Duration::from_secs(60), 0);
        let deadline = harness.reactor.next_deadline().unwrap();
        let after = deadline.duration_since(before);
        assert!((60..62).contains(&after.as_secs()), "{after:?}");
        harness.turn(Duration::ZERO);
        assert!(!work_is_left(&harness.reactor) && !is_readable_within(&harness.reactor, Duration::ZERO));
    }

    #[test]
    fn the_deadline_is_now_while_a_budget_has_left_work() {
        const LEN: usize = 64 * 1024;
        let limits = Limits { read_budget: 4096, accepts: 1, commands: 10, ..Limits::default() };
        let mut harness = Harness::with_limits(limits);
        let (_, address) = harness.listen();
        let clients: Vec<_> = (0..5).map(|_| connect(address)).collect();
        turns_while_it_is_now(&mut harness, 5, |harness| harness.recorder.opened().len() == 5);

        (&clients[0]).write_all(&pattern(LEN)).unwrap();
        turns_while_it_is_now(&mut harness, LEN / 4096, |harness| {
            harness.recorder.bytes.values().sum::<usize>() == LEN
        });

        let remote = harness.net().remote();
        (0..35u64).for_each(|number| remote.message(Box::new(number)).unwrap());
        turns_while_it_is_now(&mut harness, 4, |harness| harness.recorder.has(&Event::Message(34)));
    }

    #[test]
    fn the_deadline_is_now_while_the_batch_of_events_was_full() {
        const SOCKETS: usize = 1100; // a batch has 1,024 events
        if !raise_descriptor_limit(2 * SOCKETS as u64) {
            return;
        }
        let mut harness = Harness::new();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..SOCKETS {
            let udp = harness.reactor.bind("udp://127.0.0.1:0").unwrap();
            sender.send_to(b"Michael", udp_addr(&harness.reactor, udp)).unwrap();
        }
        let came =
            |harness: &Harness| harness.recorder.count(|event| matches!(event, Event::Datagram { .. }));
        harness.turn(Duration::ZERO);
        assert_eq!(came(&harness), 1024);
        turns_while_it_is_now(&mut harness, 1, |harness| came(harness) == SOCKETS);
    }

    #[test]
    fn what_is_asked_for_between_turns_is_done_by_one_turn() {
        let mut harness = Harness::new();
        let (_, address) = harness.listen();
        let (mut client, conn) = harness.client(address);
        harness.net().send(conn, b"Michael");
        assert!(work_is_left(&harness.reactor));
        harness.turn(Duration::ZERO);
        let mut got = [0; 7];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"Michael");
        harness.net().close(conn);
        assert!(work_is_left(&harness.reactor));
        harness.turn(Duration::ZERO);
        assert_eq!(client.read(&mut got).unwrap(), 0);
        assert!(harness.recorder.reason(conn).is_some());
    }

    /// Turns until `done`; after each turn before that the deadline must be now, or a host would sleep.
    fn turns_while_it_is_now(harness: &mut Harness, at_least: usize, done: impl Fn(&Harness) -> bool) {
        let mut turns = 1;
        harness.turn(Duration::ZERO);
        while !done(harness) {
            assert!(work_is_left(&harness.reactor), "the host sleeps after {turns} turns");
            harness.turn(Duration::ZERO);
            turns += 1;
        }
        assert!(turns >= at_least, "{turns} turns");
        // It ends, too.
        for _ in 0..3 {
            harness.turn(Duration::ZERO);
        }
        assert!(!work_is_left(&harness.reactor) && !is_readable_within(&harness.reactor, Duration::ZERO));
    }

    fn fired(harness: &Harness, key: u64) -> usize {
        harness.recorder.count(|event| matches!(event, Event::Timeout(_, fired) if *fired == key))
    }

    fn work_is_left(reactor: &Reactor) -> bool {
        reactor.next_deadline().is_some_and(|next| next <= Instant::now())
    }

    fn is_readable_within(reactor: &Reactor, wait: Duration) -> bool {
        let mut fds = [PollFd::new(reactor.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(wait).unwrap()).unwrap() > 0
    }

    /// Hosts a reactor until `done`; gives it back with the number of times that its descriptor woke the host.
    type Host = fn(Harness, &str, Done<'_>) -> (Harness, usize);

    type Done<'a> = &'a dyn Fn(&Harness) -> bool;

    fn in_poll(mut harness: Harness, what: &str, done: Done<'_>) -> (Harness, usize) {
        let (mut wakeups, end) = (0, Instant::now() + PATIENCE);
        loop {
            harness.turn(Duration::ZERO);
            if done(&harness) {
                harness.check();
                return (harness, wakeups);
            }
            if !work_is_left(&harness.reactor) {
                let left = end.saturating_duration_since(Instant::now());
                assert!(is_readable_within(&harness.reactor, left), "slept in vain until {what}");
                wakeups += 1;
            }
        }
    }

    fn in_tokio(harness: Harness, what: &str, done: Done<'_>) -> (Harness, usize) {
        struct Guest(Harness);

        impl AsRawFd for Guest {
            fn as_raw_fd(&self) -> RawFd {
                self.0.reactor.as_raw_fd()
            }
        }

        let tokio = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        tokio.block_on(async {
            #[allow(deprecated)] // What takes its place is unsafe; a reactor keeps its descriptor.
            let mut guest = AsyncFd::with_interest(Guest(harness), Interest::READABLE).unwrap();
            let mut wakeups = 0;
            loop {
                let Guest(harness) = guest.get_mut();
                harness.turn(Duration::ZERO);
                if done(harness) {
                    harness.check();
                    return (guest.into_inner().0, wakeups);
                }
                if work_is_left(&harness.reactor) {
                    tokio::task::yield_now().await;
                    continue;
                }
                let readable = tokio::time::timeout(PATIENCE, guest.readable()).await;
                let Ok(ready) = readable else { panic!("slept in vain until {what}") };
                ready.unwrap().clear_ready();
                wakeups += 1;
            }
        })
    }
}
