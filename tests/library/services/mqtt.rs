//! `mqtt`, used by mosquitto_pub and mosquitto_sub, and by bare sockets.

use super::{peak_kib, port, run, start};
use crate::support::{Example, PATIENCE, Peer, eventually};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

fn broker() -> Example {
    Example::start("mqtt", &["tcp://127.0.0.1:0"])
}

fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [&(text.len() as u16).to_be_bytes(), text].concat()
}

/// A packet of some parts, of up to 127 bytes or of up to 16 KiB.
fn packet(head: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = match body.len() {
        short @ 0..128 => vec![short as u8],
        long => vec![long as u8 | 0x80, (long >> 7) as u8],
    };
    [&[head], &length[..], &body].concat()
}

fn connect(name: &str, keep_alive: u16) -> Vec<u8> {
    packet(0x10, &[b"\0\x04MQTT\x04\x02", &keep_alive.to_be_bytes(), &string(name)])
}

fn with_will(name: &str, topic: &str, said: &str) -> Vec<u8> {
    packet(0x10, &[b"\0\x04MQTT\x04\x06\0\0", &string(name), &string(topic), &string(said)])
}

fn subscribe(id: u8, filter: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[&[0, id], &string(filter), &[qos]])
}

fn publish(topic: &str, said: &str) -> Vec<u8> {
    packet(0x30, &[&string(topic), said.as_bytes()])
}

const PING: &[u8] = &[0xc0, 0];
const PONG: &[u8] = &[0xd0, 0];
const ACCEPTED: &[u8] = &[0x20, 2, 0, 0];

/// A client that was accepted.
#[track_caller]
fn client(broker: &Example, name: &str) -> Peer {
    let mut client = broker.connect();
    client.send(connect(name, 0));
    client.expect(ACCEPTED);
    client
}

/// One that has subscribed with QoS 0 as well.
#[track_caller]
fn subscriber(broker: &Example, filter: &str) -> Peer {
    let mut client = client(broker, "");
    client.send(subscribe(1, filter, 0));
    client.expect([0x90, 3, 0, 1, 0]);
    client
}

#[test]
fn mosquitto_sub_hears_what_mosquitto_pub_says() {
    let broker = broker();
    let port = port(&broker.address);
    let here = ["-h", "127.0.0.1", "-p", port];
    let publish = |arguments: &[&str]| run("mosquitto_pub", &[&here, arguments].concat());
    if publish(&["-t", "kept/last", "-m", "retained", "-r", "-q", "1"]).is_none() {
        return;
    }
    for qos in ["0", "1", "2"] {
        let listen = ["-v", "-q", qos, "-C", "3", "-t", "news/+/en", "-t", "kept/#"];
        let Some(mut listener) = start("mosquitto_sub", &[&here[..], &listen].concat()) else { return };
        // The retained message tells that it has subscribed.
        let has_subscribed =
            listener.wait_for(PATIENCE, |said| (said.out == ["kept/last retained"]).then_some(()));
        assert!(has_subscribed.is_some(), "{:?}", listener.said());
        for (topic, said) in
            [("news/a/en", "hullo"), ("news/a/de", "hallo"), ("news/en", "no"), ("news/b/en", "bye")]
        {
            publish(&["-q", qos, "-t", topic, "-m", said]).unwrap();
        }
        assert!(listener.wait(PATIENCE).is_some_and(|status| status.success()), "{:?}", listener.said());
        assert_eq!(listener.said().out, ["kept/last retained", "news/a/en hullo", "news/b/en bye"]);
    }
}

#[test]
fn packets_may_come_in_single_bytes_or_all_at_once() {
    let broker = broker();
    let said = "x".repeat(300);
    let all = [
        &connect("ann", 60)[..],
        &subscribe(1, "a/#", 1),
        &packet(0x32, &[&string("a"), &[0, 9], said.as_bytes()]),
        PING,
        &packet(0xa2, &[&[0, 2], &string("a/#")]),
        &publish("a", "unheard"),
        PING,
    ]
    .concat();
    let heard = packet(0x32, &[&string("a"), &[0, 1], said.as_bytes()]);
    let answers =
        [ACCEPTED, &[0x90, 3, 0, 1, 1], &heard, &[0x40, 2, 0, 9], PONG, &[0xb0, 2, 0, 2], PONG].concat();
    for size in [1, 7, all.len()] {
        let mut client = broker.connect();
        for part in all.chunks(size) {
            client.send(part);
        }
        client.expect(&answers);
        client.send([0xe0, 0]);
        client.expect_last("");
    }
}

#[test]
fn filters_match_what_the_standard_says() {
    let broker = broker();
    let mut speaker = client(&broker, "speaker");
    let mut listeners: Vec<(&str, Peer)> =
        ["#", "+", "+/+", "/+", "a/#", "a/+", "a/+/c", "a", "$SYS/#", "+/b/#"]
            .into_iter()
            .map(|filter| (filter, subscriber(&broker, filter)))
            .collect();
    let topics = ["a", "a/b", "a/b/c", "/b", "b", "a/", "$SYS/up"];
    for topic in topics {
        speaker.send(publish(topic, "x"));
    }
    speaker.send(PING);
    speaker.expect(PONG);
    for (filter, listener) in &mut listeners {
        let matching: &[usize] = match *filter {
            "#" => &[0, 1, 2, 3, 4, 5],
            "+" => &[0, 4],
            "+/+" => &[1, 3, 5],
            "/+" => &[3],
            "a/#" => &[0, 1, 2, 5],
            "a/+" => &[1, 5],
            "a/+/c" => &[2],
            "a" => &[0],
            "$SYS/#" => &[6],
            _ => &[1, 2, 3],
        };
        listener.send(PING);
        let heard: Vec<u8> = matching.iter().flat_map(|at| publish(topics[*at], "x")).collect();
        listener.expect([&heard, PONG].concat());
    }
    // What is no filter is refused, and the others with it are not.
    let parts = [
        &string("a#")[..],
        &[0],
        &string("#/a"),
        &[0],
        &string("a+"),
        &[0],
        &string(""),
        &[0],
        &string("b"),
        &[2],
    ];
    speaker.send(packet(0x82, &[&[&[0, 7][..]], &parts[..]].concat()));
    speaker.expect([0x90, 7, 0, 7, 0x80, 0x80, 0x80, 0x80, 1]);
}

#[test]
fn a_message_is_retained_until_an_empty_one_comes() {
    let broker = broker();
    let mut speaker = client(&broker, "speaker");
    speaker.send(packet(0x31, &[&string("a/b"), b"one"]));
    speaker.send([packet(0x31, &[&string("a/b"), b"two"]), PING.to_vec()].concat());
    speaker.expect(PONG);
    let mut listener = subscriber(&broker, "a/+");
    listener.expect(packet(0x31, &[&string("a/b"), b"two"]));
    speaker.send(packet(0x31, &[&string("a/b")]));
    listener.expect(packet(0x30, &[&string("a/b")]));
    let mut late = subscriber(&broker, "a/+");
    late.send(PING);
    late.expect(PONG);
}

#[test]
fn a_message_of_qos_2_is_passed_on_once_however_often_it_comes() {
    let broker = broker();
    let (mut listener, mut speaker) = (subscriber(&broker, "a"), client(&broker, "speaker"));
    for flags in [0x34, 0x3c, 0x3c] {
        speaker.send(packet(flags, &[&string("a"), &[0, 5], b"once"]));
        speaker.expect([0x50, 2, 0, 5]);
    }
    speaker.send([0x62, 2, 0, 5]);
    speaker.expect([0x70, 2, 0, 5]);
    speaker.send(packet(0x34, &[&string("a"), &[0, 5], b"anew"]));
    speaker.expect([0x50, 2, 0, 5]);
    listener.send(PING);
    listener.expect([publish("a", "once"), publish("a", "anew"), PONG.to_vec()].concat());
}

#[test]
fn a_will_is_said_of_those_alone_who_do_not_say_good_bye() {
    let broker = broker();
    let mut listener = subscriber(&broker, "gone/#");
    let mortal = |name: &str| {
        let mut client = broker.connect();
        client.send(with_will(name, &format!("gone/{name}"), "alas"));
        client.expect(ACCEPTED);
        client
    };
    let mut polite = mortal("polite");
    polite.send([0xe0, 0]);
    polite.expect_last("");
    mortal("ended").end();
    listener.expect(publish("gone/ended", "alas"));
    let reset = mortal("reset");
    reset.socket().set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    listener.expect(publish("gone/reset", "alas"));
    let mut rude = mortal("rude");
    rude.send([0xf0, 0]);
    listener.expect(publish("gone/rude", "alas"));
    rude.expect_last("");
    // Another one of the same name takes over.
    let mut old = mortal("twice");
    let mut new = mortal("twice");
    listener.expect(publish("gone/twice", "alas"));
    old.expect_last("");
    new.send(PING);
    new.expect(PONG);
}

#[test]
fn who_is_silent_for_longer_than_promised_is_let_go_and_who_pings_is_not() {
    let broker = broker();
    let (mut silent, mut lively) = (broker.connect(), broker.connect());
    let start = Instant::now();
    for (client, name) in [(&mut silent, "silent"), (&mut lively, "lively")] {
        client.send(connect(name, 3));
        client.expect(ACCEPTED);
    }
    let mut writer = lively.try_clone();
    let pinging = std::thread::spawn(move || {
        // Some 200 ms apart, for longer than the other is let live.
        for _ in 0..30 {
            writer.write_all(PING).unwrap();
            let mut answer = [0; 2];
            writer.read_exact(&mut answer).unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    silent.expect_last("");
    assert!(start.elapsed() >= Duration::from_millis(4500));
    pinging.join().unwrap();
    lively.send(PING);
    lively.expect(PONG);
}

#[test]
fn who_is_not_welcome_is_told_why() {
    let broker = broker();
    let refused = |connect: Vec<u8>, answer: &[u8]| {
        let mut client = broker.connect();
        client.send(connect);
        client.expect_last(answer);
    };
    refused(packet(0x10, &[b"\0\x06MQIsdp\x03\x02\0\0", &string("a")]), &[0x20, 2, 0, 1]);
    refused(packet(0x10, &[b"\0\x04MQTT\x05\x02\0\0\0", &string("a")]), &[0x20, 2, 0, 1]);
    refused(packet(0x10, &[b"\0\x04MQTT\x04\0\0\0", &string("a")]), &[0x20, 2, 0, 3]);
}

#[test]
fn hostile_packets_end_their_connection_and_nobody_elses() {
    let broker = broker();
    let mut other = client(&broker, "other");
    for hostile in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x10, 0xff, 0xff, 0xff, 0x7f],       // 256 MiB are announced
        &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff], // and no length at all
        &[0x10, 2, 0, 200],
        PING,
        &packet(0x10, &[b"\0\x04MQTT\x04\x03\0\0", &string("a")]), // a reserved flag
        &packet(0x10, &[b"\0\x04MQTT\x04\x1e\0\0", &string("a"), &string("t"), &string("")]), // a will of QoS 3
    ] {
        let mut client = broker.connect();
        client.send(hostile);
        client.expect_last("");
    }
    for hostile in [
        connect("again", 0),
        publish("a/#", "x"),
        publish("", "x"),
        publish("\0", "x"),
        packet(0x36, &[&string("a"), &[0, 1]]),
        packet(0x32, &[&string("a"), &[0, 0]]),
        packet(0x30, &[&string(b"\xff\xfe")]),
        packet(0x80, &[&[0, 1], &string("a"), &[0]]),
        packet(0x82, &[&[0, 1]]),
        packet(0x82, &[&[0, 1], &string("a"), &[3]]),
        packet(0x82, &[&[0, 1], &[0, 9], b"a"]),
        packet(0x20, &[&[0, 0]]),
        vec![0x00, 0],
    ] {
        let mut client = client(&broker, "");
        client.send(&hostile);
        client.expect_last("");
    }
    other.send(PING);
    other.expect(PONG);
}

#[test]
fn a_subscriber_that_does_not_read_costs_the_others_nothing_and_little_memory() {
    let broker = broker();
    let (mut lazy, mut keen) = (subscriber(&broker, "a"), subscriber(&broker, "b"));
    let mut speaker = client(&broker, "speaker");
    // 100 MB for one that does not read.
    let flood = publish("a", &"x".repeat(10_000)).repeat(100);
    for _ in 0..100 {
        speaker.send(&flood);
        speaker.send([publish("b", "hullo"), PING.to_vec()].concat());
        speaker.expect(PONG);
        keen.expect(publish("b", "hullo"));
    }
    let peak = peak_kib(&broker.process);
    assert!(peak < 32 * 1024, "{peak} KiB");
    // What it reads in the end are whole messages, and it is served on.
    let message = publish("a", &"x".repeat(10_000));
    lazy.send(PING);
    let mut heard = 0;
    loop {
        let mut head = [0; 2];
        lazy.read_exact(&mut head).unwrap();
        if head == *PONG {
            break;
        }
        let mut rest = vec![0; message.len() - 2];
        lazy.read_exact(&mut rest).unwrap();
        assert!(head == message[..2] && rest == message[2..]);
        heard += 1;
    }
    assert!((1..10_000).contains(&heard), "{heard}");
}

#[test]
fn ids_of_messages_are_used_again_once_they_are_acknowledged() {
    let broker = broker();
    let (mut listener, mut speaker) = (client(&broker, ""), client(&broker, ""));
    listener.send(subscribe(1, "a", 1));
    listener.expect([0x90, 3, 0, 1, 1]);
    eventually("all ids were used", || {
        speaker.send(packet(0x32, &[&string("a"), &[0, 1]]).repeat(1000));
        speaker.expect([0x40, 2, 0, 1].repeat(1000));
        let mut heard = vec![0; 7 * 1000];
        listener.read_exact(&mut heard).unwrap();
        let ids: Vec<&[u8]> = heard.chunks(7).map(|packet| &packet[5..]).collect();
        listener.send(ids.iter().flat_map(|id| [0x40, 2, id[0], id[1]]).collect::<Vec<u8>>());
        ids.windows(2).any(|pair| pair[0] == [255, 255] && pair[1] == [0, 1])
    });
}
