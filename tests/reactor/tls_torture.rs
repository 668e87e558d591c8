//! Both ends of TLS in one reactor, with a handler that does whatever comes to its mind.

use crate::support::*;
use crate::tls::{client, echo};
use hullo::{ConnId, Limits, Net};
use std::time::Duration;

fn limits(seed: usize) -> Limits {
    Limits {
        handshake: Duration::from_secs(5),
        handshakes: 1 + seed % 5,
        outbox_high: [4096, 65_536][seed % 2],
        outbox_low: [0, 1000, 16_384][seed % 3],
        linger: Duration::from_millis(100),
        write_stall: Duration::from_millis(500),
        read_budget: [500, 65_536][seed / 2 % 2],
        ..Limits::default()
    }
}

/// Does something or other, to the connection that an event is about or to one that was opened earlier.
fn do_anything(net: &mut Net, dice: &mut Dice, known: &[ConnId], conn: ConnId) {
    let target = if dice.roll(3) == 0 { known[dice.roll(known.len())] } else { conn };
    match dice.roll(40) {
        0 => _ = net.close(target),
        1 => _ = net.abort(target),
        2 => _ = net.shutdown_write(target),
        3..=5 => _ = net.pause_reading(target),
        6 => _ = net.limit_reads(target, 1 + dice.roll(5000)),
        7 => net.set_limits(net.limits().clone()),
        8 if dice.roll(3) == 0 => panic!("as it comes"),
        9..=24 => _ = net.send(target, pattern(dice.roll(3000))).is_queued(),
        25 => _ = net.send(target, pattern(dice.roll(200_000))).is_queued(),
        _ => {}
    }
    for conn in known.iter().filter(|_| dice.roll(4) == 0) {
        net.resume_reading(*conn);
    }
}

#[test]
fn each_call_has_one_outcome_and_none_spins_whatever_a_handler_does() {
    for seed in 0..6 {
        let made = Certificate::new();
        let (mut harness, address) = echo(limits(seed), &made);
        harness.recorder.panics_wanted = true;
        harness.recorder.closes_at_eof = seed % 4 != 0;
        let (mut dice, mut known, mut left) = (Dice::new(seed as u64), Vec::new(), 3000);
        harness.on(move |net, event| {
            let conn = match event {
                Event::Opened(conn, _) => {
                    known.push(*conn);
                    *conn
                }
                Event::Data(conn, _) | Event::Eof(conn) | Event::OutputLow(conn) => *conn,
                _ => return,
            };
            if left > 0 {
                left -= 1;
                do_anything(net, &mut dice, &known, conn);
            }
        });

        let (client, mut dice, mut calls) = (client(&made), Dice::new(seed as u64 + 100), Vec::new());
        for _ in 0..20 {
            let net = harness.net();
            let conn = net.connect(address).unwrap();
            assert!(net.put_layer(conn, Box::new(client.session("localhost").unwrap())));
            calls.push(conn);
            match dice.roll(8) {
                0 => _ = net.shutdown_write(conn),
                1 => _ = net.pause_reading(conn),
                2 => _ = net.close(calls[dice.roll(calls.len())]),
                3 => _ = net.abort(calls[dice.roll(calls.len())]),
                _ => _ = net.send(conn, pattern(dice.roll(300_000))).is_queued(),
            }
            (0..dice.roll(10)).for_each(|_| harness.turn(Duration::ZERO));
        }
        (0..200).for_each(|_| harness.turn(Duration::from_millis(2)));

        harness.on(|_, _| {});
        let alive: Vec<ConnId> = harness.net().connections().collect();
        for conn in alive {
            harness.net().resume_reading(conn);
        }
        harness.turn_for(Duration::from_millis(100));
        let before = harness.stats().turns;
        harness.turn_for(Duration::from_millis(100));
        let turns = harness.stats().turns - before;
        assert!(turns < 200, "{seed}: {turns} turns in a tenth of a second in which nothing happens");
        harness.net().drain(Duration::from_secs(1));
        harness.until("it has drained", |reactor, _| reactor.drained().is_some());
        for call in calls {
            let count = |is_it: fn(&Event) -> Option<ConnId>| {
                harness.recorder.count(|event| is_it(event) == Some(call))
            };
            let opened = count(|event| if let Event::Opened(conn, _) = event { Some(*conn) } else { None });
            let failed =
                count(|event| if let Event::ConnectFailed(conn, ..) = event { Some(*conn) } else { None });
            assert_eq!(opened + failed, 1, "{seed}: {call:?}");
        }
    }
}
