//! `dns_forwarder`, asked by dig and bare sockets, in front of a name server that the test is itself.

use super::{port, run};
use crate::support::{Example, eventually, udp, uninterrupted};
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A query, and who sent it.
type Asked = (SocketAddr, Vec<u8>);

/// A name server that answers as it is told to, and remembers what it was asked, by whom.
struct Upstream {
    address: SocketAddr,
    socket: UdpSocket,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    fn start(mut answer: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Upstream {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let upstream = Upstream { address, socket: socket.try_clone().unwrap(), asked };
        let remembered = upstream.asked.clone();
        // It ends with the program: nobody waits for it.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((len, from)) = uninterrupted(|| socket.recv_from(&mut buffer)) {
                remembered.lock().unwrap().push((from, buffer[..len].to_vec()));
                for answer in answer(&buffer[..len]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        upstream
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    #[track_caller]
    fn forwarder(&self) -> Example {
        Example::start("dns_forwarder", &["udp://127.0.0.1:0", &format!("udp://{}", self.address)])
    }
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut query = [&id.to_be_bytes()[..], b"\x01\x00\x00\x01\0\0\0\0\0\0"].concat();
    for label in name.split('.') {
        query.extend([&[label.len() as u8], label.as_bytes()].concat());
    }
    query.extend(b"\0\0\x01\0\x01");
    query
}

/// An answer with one address, that lives for `ttl` seconds.
fn answer(query: &[u8], ttl: u32) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut answer = query[..end].to_vec();
    answer[2..12].copy_from_slice(b"\x81\x80\0\x01\0\x01\0\0\0\0");
    answer.extend([b"\xc0\x0c\0\x01\0\x01", &ttl.to_be_bytes()[..], b"\0\x04\xc0\0\x02\x01"].concat());
    answer
}

fn with(mut message: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    message[at] = byte;
    message
}

#[track_caller]
fn hear(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let len = uninterrupted(|| socket.recv(&mut buffer)).unwrap();
    buffer[..len].to_vec()
}

#[track_caller]
fn ask(socket: &UdpSocket, query: &[u8]) -> Vec<u8> {
    socket.send(query).unwrap();
    hear(socket)
}

fn ttl(answer: &[u8]) -> u32 {
    u32::from_be_bytes(answer[answer.len() - 10..answer.len() - 6].try_into().unwrap())
}

#[test]
fn dig_is_answered_and_the_second_time_out_of_the_cache() {
    let upstream = Upstream::start(|query| vec![answer(query, 600)]);
    let forwarder = upstream.forwarder();
    let port = port(&forwarder.address);
    for name in ["hullo.test", "HULLO.test"] {
        let Some(said) = run("dig", &["@127.0.0.1", "-p", port, "+short", "+nocookie", "+tries=1", name])
        else {
            return;
        };
        assert_eq!(said, "192.0.2.1");
    }
    assert_eq!(upstream.asked().len(), 1);
}

#[test]
fn an_answer_has_the_id_of_its_query_and_nobody_foretells_the_one_that_is_asked_under() {
    let upstream = Upstream::start(|query| vec![answer(query, 600)]);
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    for id in 0..200 {
        let query = query(id, &format!("a{id}.test"));
        assert_eq!(ask(&client, &query), answer(&query, 600));
    }
    let asked = upstream.asked();
    let ids: Vec<u16> = asked.iter().map(|(_, query)| u16::from_be_bytes([query[0], query[1]])).collect();
    let ports: HashSet<u16> = asked.iter().map(|(from, _)| from.port()).collect();
    assert_eq!(asked.len(), 200);
    // 200 drawn of 65,536 at random are a few twice at the most, and all over the place.
    assert!(ids.iter().collect::<HashSet<_>>().len() > 180 && ports.len() > 8, "{ids:?} {ports:?}");
    let steps: HashSet<u16> = ids.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.len() > 180, "{ids:?}");
}

#[test]
fn a_kept_answer_ages_and_is_asked_for_anew_when_its_time_is_up() {
    let upstream = Upstream::start(|query| vec![answer(query, 3)]);
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    let start = Instant::now();
    assert_eq!(ttl(&ask(&client, &query(1, "hullo.test"))), 3);
    let mut aged = false;
    eventually("it is asked for again", || {
        aged |= ttl(&ask(&client, &query(2, "hullo.test"))) < 3;
        upstream.asked().len() == 2
    });
    assert!(aged && start.elapsed() >= Duration::from_secs(3));
}

#[test]
fn what_is_cut_or_failed_or_says_no_without_a_limit_is_not_kept() {
    let nothing = |query: &[u8], code: u8| {
        let mut answer = answer(query, 600)[..query.len()].to_vec();
        answer[3] |= code;
        with(answer, 7, 0)
    };
    let upstream = Upstream::start(move |query| match query[13] {
        b'c' => vec![with(answer(query, 600), 2, 0x83)],
        b'f' => vec![nothing(query, 2)],
        b'n' => vec![nothing(query, 3)],
        b'z' => vec![answer(query, 0)],
        b'l' => vec![answer(query, 1 << 31)],
        _ => {
            let mut answer = with(nothing(query, 3), 9, 1);
            answer.extend(b"\0\0\x06\0\x01\0\0\x02\x58\0\x16\0\0");
            answer.extend([[0; 16], *b"\0\0\0\x3c\0\0\0\0\0\0\0\0\0\0\0\0"].concat()[..20].to_vec());
            vec![answer]
        }
    });
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    for (name, code, times) in [
        ("cut", 0x80, 2),
        ("failed", 0x82, 2),
        ("none", 0x83, 2),
        ("zero", 0x80, 2),
        ("long", 0x80, 2),
        ("soa", 0x83, 1),
    ] {
        let before = upstream.asked().len();
        let answers = [ask(&client, &query(7, name)), ask(&client, &query(7, name))];
        assert_eq!(answers[0][2] & 2 != 0, name == "cut");
        assert_eq!((answers[0][3], answers[1][3]), (code, code), "{name}");
        assert_eq!(upstream.asked().len() - before, times, "{name}");
    }
}

#[test]
fn who_asks_for_what_is_being_asked_for_waits_for_the_same_answer() {
    let upstream = Upstream::start(|_| Vec::new());
    let forwarder = upstream.forwarder();
    let (ann, michael) = (udp(forwarder.inet()), udp(forwarder.inet()));
    ann.send(&query(1, "hullo.test")).unwrap();
    michael.send(&query(2, "Hullo.Test")).unwrap();
    michael.send(&query(2, "Hullo.Test")).unwrap();
    michael.send(&query(3, "other.test")).unwrap();
    // Where this takes a second, it is asked again, under the same id.
    let asked = || upstream.asked().into_iter().collect::<HashSet<Asked>>();
    eventually("both are asked for", || asked().len() == 2);
    for (from, query) in asked() {
        upstream.socket.send_to(&answer(&query, 600), from).unwrap();
    }
    assert_eq!(hear(&ann), answer(&query(1, "hullo.test"), 600));
    let heard = HashSet::from([hear(&michael), hear(&michael)]);
    assert_eq!(
        heard,
        [query(2, "Hullo.Test"), query(3, "other.test")].map(|query| answer(&query, 600)).into()
    );
    assert_eq!(asked().len(), 2);
    // A query that was repeated is answered once.
    michael.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(michael.recv(&mut [0; 512]).is_err());
}

#[test]
fn it_asks_again_and_says_so_when_nobody_answers() {
    let mut asked = 0;
    let upstream = Upstream::start(move |query| {
        asked += usize::from(query[13] == b'l');
        if query[13] == b'l' && asked == 2 { vec![answer(query, 600)] } else { Vec::new() }
    });
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    let late = query(1, "late.test");
    assert_eq!(ask(&client, &late), answer(&late, 600));
    let (start, never) = (Instant::now(), query(2, "never.test"));
    let refused = with(with(never.clone(), 2, 0x81), 3, 0x82);
    assert_eq!(ask(&client, &never), refused);
    assert!(start.elapsed() >= Duration::from_secs(3));
    let asked = upstream.asked();
    assert_eq!(asked.len(), 2 + 3);
    assert!(asked[2..].iter().all(|query| *query == asked[2]));
}

#[test]
fn an_answer_that_is_not_to_the_question_is_not_taken() {
    let upstream = Upstream::start(|asked| {
        let right = answer(asked, 600);
        vec![
            with(right.clone(), 1, right[1] ^ 1),
            with(right.clone(), 2, 0x01),
            with(right.clone(), 13, b'x'),
            with(right.clone(), 5, 2),
            right[..20].to_vec(),
            right[..5].to_vec(),
            Vec::new(),
            with(right.clone(), right.len() - 1, 99), // the first that is right is taken
            right,
        ]
    });
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    let query = query(5, "hullo.test");
    let taken = answer(&query, 600);
    let taken = with(taken.clone(), taken.len() - 1, 99);
    assert_eq!(ask(&client, &query), taken);
    assert_eq!(ask(&client, &query), taken);
}

#[test]
fn an_answer_from_elsewhere_is_not_heard() {
    let upstream = Upstream::start(|_| Vec::new());
    let forwarder = upstream.forwarder();
    let (client, stranger) = (udp(forwarder.inet()), UdpSocket::bind("127.0.0.1:0").unwrap());
    let query = query(5, "hullo.test");
    client.send(&query).unwrap();
    eventually("it is asked", || !upstream.asked().is_empty());
    let (from, asked) = upstream.asked().remove(0);
    stranger.send_to(&answer(&asked, 600), from).unwrap();
    // What is heard in the end is that nobody has answered.
    assert_eq!(hear(&client)[3], 0x82);
}

#[test]
fn rubbish_is_refused_or_left_alone() {
    let upstream = Upstream::start(|query| vec![answer(query, 600)]);
    let forwarder = upstream.forwarder();
    let client = udp(forwarder.inet());
    let right = query(9, "hullo.test");
    let code = |query: Vec<u8>| ask(&client, &query)[3] & 15;
    assert_eq!(code(with(right.clone(), 2, 0x29)), 4); // another operation
    assert_eq!(code(with(right.clone(), 5, 0)), 1); // no question
    assert_eq!(code(with(right.clone(), 5, 2)), 1); // two
    assert_eq!(code(right[..right.len() - 1].to_vec()), 1);
    assert_eq!(code(right[..12].to_vec()), 1);
    assert_eq!(code([&right[..12], &[63; 600]].concat()), 1);
    assert_eq!(code([&right[..12], &[0x80; 20]].concat()), 1);
    // Nothing of these is answered: what comes next is the answer to what makes sense.
    client.send(&[]).unwrap();
    client.send(&right[..11]).unwrap();
    client.send(&answer(&right, 600)).unwrap();
    client.send(&[&right[..], &[0; 2000]].concat()).unwrap();
    assert_eq!(ask(&client, &right), answer(&right, 600));
}
