//! `hullo load`, against a server that drops, doubles, delays, spoils and mixes up its answers at random and
//! keeps its own exact books: those of the report are the same.

use crate::load_common::{Lines, Load, Requests, load};
use std::collections::{BinaryHeap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a server does with the request of that flow (counted as they come) and number, 0 being the first.
type Fate = Box<dyn FnMut(usize, u64) -> Vec<Answer> + Send>;

/// An answer: when, and how.
#[derive(Clone, Copy)]
struct Answer {
    after: Duration,
    is_right: bool,
}

/// What the server knows about the requests that are in the books.
#[derive(Clone, Copy, Default)]
struct Known {
    received: u64,
    doubled: u64,
    reordered: u64,
    /// By the first answer.
    prompt: u64,
    prompt_wrong: u64,
    late: u64,
    late_wrong: u64,
}

struct Bookkeeper {
    url: String,
    is_over: Arc<AtomicBool>,
    server: JoinHandle<Known>,
}

/// The later than this, the more surely late: the timeouts of the tests are half of it.
const LATE: Duration = Duration::from_secs(2);

fn at_once() -> Answer {
    Answer { after: Duration::ZERO, is_right: true }
}

impl Bookkeeper {
    /// Requests before `first_booked`, of each flow, are in no book.
    fn serve(first_booked: u64, fate: Fate) -> Bookkeeper {
        // Wrong in one byte, or in the case of all: its name suffers as well.
        let greet = |text: &str, is_right| match (is_right, text.bytes().map(u32::from).sum::<u32>() % 2) {
            (true, _) => format!("Hello, {text}!"),
            (false, 0) => format!("Hallo, {text}!"),
            (false, _) => format!("Hello, {text}!").to_uppercase(),
        };
        Bookkeeper::serve_saying(greet, first_booked, fate)
    }

    fn serve_saying(say: fn(&str, bool) -> String, first_booked: u64, mut fate: Fate) -> Bookkeeper {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let url = format!("udp://{}", socket.local_addr().unwrap());
        let is_over = Arc::<AtomicBool>::default();
        let theirs = is_over.clone();
        let server = std::thread::spawn(move || {
            let mut known = Known::default();
            let mut flows: HashMap<SocketAddr, (usize, u64)> = HashMap::new();
            // The newest that was answered, and the first answers.
            let mut newest: HashMap<SocketAddr, u64> = HashMap::new();
            let mut answered: HashMap<(SocketAddr, u64), ()> = HashMap::new();
            // The earliest is the greatest.
            let mut due = BinaryHeap::new();
            let mut buffer = [0; 2048];
            while !theirs.load(Ordering::SeqCst) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let flow = flows.len();
                    let (flow, count) = flows.entry(from).or_insert((flow, 0));
                    let sequence = std::mem::replace(count, *count + 1);
                    known.received += u64::from(sequence >= first_booked);
                    let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
                    for answer in fate(*flow, sequence) {
                        let when = std::cmp::Reverse(Instant::now() + answer.after);
                        due.push((when, sequence, from, text.clone(), answer.is_right, answer.after >= LATE));
                    }
                }
                while due.peek().is_some_and(|(when, ..)| when.0 <= Instant::now()) {
                    let (_, sequence, to, text, is_right, is_late) = due.pop().unwrap();
                    socket.send_to(say(&text, is_right).as_bytes(), to).unwrap();
                    let newest = newest.entry(to).or_default();
                    let is_booked = sequence >= first_booked;
                    if answered.insert((to, sequence), ()).is_some() {
                        known.doubled += u64::from(is_booked);
                    } else if is_booked {
                        known.reordered += u64::from(sequence < *newest);
                        *match (is_late, is_right) {
                            (false, true) => &mut known.prompt,
                            (false, false) => &mut known.prompt_wrong,
                            (true, true) => &mut known.late,
                            (true, false) => &mut known.late_wrong,
                        } += 1;
                    }
                    *newest = (*newest).max(sequence);
                }
            }
            known
        });
        Bookkeeper { url, is_over, server }
    }

    fn end(self) -> Known {
        self.is_over.store(true, Ordering::SeqCst);
        self.server.join().unwrap()
    }
}

#[track_caller]
fn assert_same(load: &Load, known: &Known) {
    assert_eq!(load.report.count(&["generator", "receive_drops"]), 0, "{:#}", load.report.0);
    let first = known.prompt + known.prompt_wrong + known.late + known.late_wrong;
    let books = Requests {
        sent: known.received,
        correct: known.prompt,
        wrong: known.prompt_wrong + known.late_wrong,
        late: known.late,
        lost: known.received - first,
        duplicate: known.doubled,
        reordered: known.reordered,
        unfinished: 0,
        foreign: 0,
        not_sent: load.report.books().not_sent,
    };
    assert_eq!(load.report.books(), books, "{:#}", load.report.0);
}

/// xorshift: the same each time, and no two alike.
fn random(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

#[test]
fn the_books_are_those_of_a_server_that_drops_doubles_delays_spoils_and_swaps_at_random() {
    let mut random = random(0x9e37_79b9_7f4a_7c15);
    let fate = move |_: usize, sequence: u64| {
        if sequence == 0 {
            return vec![at_once()]; // Proves the flow alive.
        }
        let late = LATE + Duration::from_millis(random(1000));
        let is_right = random(10) > 0;
        // Up to 40 ms, so that they overtake each other.
        let prompt = Answer { after: Duration::from_millis(random(40)), is_right };
        let late = Answer { after: late, is_right };
        match random(20) {
            0 => vec![],
            1 => vec![prompt, Answer { after: prompt.after + Duration::from_millis(3), ..prompt }],
            2 => vec![prompt, Answer { is_right: true, ..late }],
            3 | 4 => vec![late],
            5 => vec![late, Answer { after: late.after + Duration::from_millis(5), ..late }],
            _ => vec![prompt],
        }
    };
    let server = Bookkeeper::serve(1, Box::new(fate));
    let line = "-c 3 --outstanding 100 -r 600 -d 4s --warmup 0s --timeout 1s --drain 4s";
    let load = load(&server.url, line);
    let known = server.end();
    // Of each flow two hundred requests a second: the late ones are hundreds back.
    assert!(known.late > 100 && known.late_wrong > 10 && known.doubled > 100 && known.reordered > 500);
    assert_same(&load, &known);
    load.ended_with(1);
}

#[test]
fn answers_that_all_come_late_at_once_are_late_and_nothing_else() {
    let begin = Instant::now();
    // As of a server that stood still: what came meanwhile is answered in one burst.
    let fate = move |_: usize, sequence: u64| match sequence {
        0 => vec![at_once()],
        1..=250 => vec![Answer { after: LATE * 2 - begin.elapsed().min(LATE), is_right: true }],
        _ => vec![at_once()],
    };
    let server = Bookkeeper::serve(1, Box::new(fate));
    let load =
        load(&server.url, "-c 1 --outstanding 100 -r 200 -d 5s --warmup 0s --timeout 500ms --drain 3s");
    let known = server.end();
    assert_eq!((known.late, known.received - known.prompt), (250, 250));
    assert_same(&load, &known);
}

#[test]
fn late_answers_to_the_warm_up_are_in_no_book() {
    const WARM: u64 = 20;
    let fate = |_: usize, sequence: u64| match sequence {
        0 => vec![at_once()],
        // Of the first 20 of some 200 in the warm-up: late, doubled and wrong, in the time of measuring.
        1..=WARM => {
            let late = Answer { after: LATE, is_right: sequence.is_multiple_of(2) };
            vec![late, late]
        }
        // Of the measuring.
        300 => vec![],
        _ => vec![at_once()],
    };
    let server = Bookkeeper::serve(WARM + 1, Box::new(fate));
    let line = "-c 1 --outstanding 50 -r 200 -d 2s --warmup 1s --timeout 500ms --drain 1s";
    let load = load(&server.url, line);
    let known = server.end();
    assert_eq!((known.received - known.prompt, known.doubled), (1, 0));
    let books = load.report.books();
    assert_eq!((books.lost, books.late, books.wrong), (1, 0, 0), "{:#}", load.report.0);
    assert_eq!((books.duplicate, books.reordered, books.foreign), (0, 0, 0), "{:#}", load.report.0);
    assert_eq!(books.correct, books.sent - 1, "{:#}", load.report.0);
}

#[test]
fn late_answers_without_a_name_are_late_where_nothing_is_checked() {
    let fate = |_: usize, sequence: u64| match sequence {
        1..=100 => vec![Answer { after: LATE, is_right: true }],
        _ => vec![at_once()],
    };
    let server = Bookkeeper::serve_saying(|_, _| "yes".to_owned(), 1, Box::new(fate));
    let line = "-c 1 --outstanding 100 -r 200 -n 100 --warmup 0s --timeout 500ms --drain 4s --check none";
    let load = load(&server.url, line);
    let known = server.end();
    assert_eq!(known.late, 100);
    let books = load.report.books();
    assert_eq!((books.late, books.lost, books.sent), (100, 0, 100), "{:#}", load.report.0);
    assert_eq!((books.duplicate, books.foreign, books.wrong), (0, 0, 0), "{:#}", load.report.0);
}

#[test]
fn replies_of_a_stream_that_are_left_out_and_come_long_after_are_late_and_out_of_order() {
    let held = std::sync::Mutex::new(Vec::<String>::new());
    let server = Lines::hello(move |client, message| {
        let nth: u64 = message.strip_prefix("c0-").unwrap().parse().unwrap();
        let mut held = held.lock().unwrap();
        match nth % 50 {
            10 => held.push(message.to_owned()),
            40 => held.drain(..).for_each(|before| {
                client.greet(&before);
                client.count_lies(1);
            }),
            _ => {}
        }
        if nth % 50 != 10 {
            client.greet(message);
        }
    });
    let load = load(&server.url(), "-c 1 --outstanding 4 -r 100 -n 300 --warmup 0s --timeout 100ms");
    let books = load.report.books();
    assert_eq!((server.lies(), books.late, books.reordered), (6, 6, 6), "{:#}", load.report.0);
    assert_eq!(
        (books.lost, books.foreign, books.duplicate, books.wrong),
        (0, 0, 0, 0),
        "{:#}",
        load.report.0
    );
}
