//! I9: what happens at the two limits, ours and the system's.

use crate::support::*;
use hullo::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the process that plays the server with few descriptors.
const CHILD: &str = "HULLO_TEST_FEW_DESCRIPTORS";

/// An echo server in a process of its own. It says its address, and its counters for each line on its input.
#[test]
fn in_a_process_with_few_descriptors() {
    if std::env::var_os(CHILD).is_none() {
        println!("nothing to do here: other tests run this one in a process of its own");
        return;
    }
    let mut harness = Harness::new();
    harness.recorder.keeps_data = false;
    let (_, address) = harness.listen();
    struct Server(std::fs::File);
    impl Handler for Server {
        fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
            net.send(conn, bytes);
        }
        fn ready(&mut self, net: &mut Net, _: FdId, _: Readiness) {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => {
                    let stats = net.stats();
                    println!("@{} {} {} {}", stats.accept_calls, stats.shed, stats.opened, stats.turns);
                }
                _ => net.stop(),
            }
        }
        fn timeout(&mut self, net: &mut Net, _: TimerId, _: u64) {
            net.stop(); // whoever asks is gone
        }
    }
    // Both are opened before the clients come and take the descriptors.
    let input = std::fs::File::open("/proc/self/fd/0").unwrap();
    let mut server = Server(input.try_clone().unwrap());
    harness.net().watch(input).unwrap();
    harness.net().set_timer(2 * PATIENCE, 0);
    println!("@{address}");
    let _ = harness.reactor.run(&mut server);
}

struct FewDescriptors {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

#[derive(Clone, Copy, Debug)]
struct Counters {
    accept_calls: u64,
    shed: u64,
    opened: u64,
    turns: u64,
}

impl FewDescriptors {
    fn start() -> FewDescriptors {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg("ulimit -n 64; exec \"$0\" --exact descriptors::in_a_process_with_few_descriptors --nocapture")
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let address = ([0, 0, 0, 0], 0).into();
        let mut server = FewDescriptors { child, input, output, address };
        server.address = server.line().parse().unwrap();
        server
    }

    /// The next line that is ours and not the test runner's.
    fn line(&mut self) -> String {
        for _ in 0..20 {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server has ended");
            if let Some((_, ours)) = line.split_once('@') {
                return ours.trim().to_string();
            }
        }
        panic!("the server says nothing");
    }

    fn counters(&mut self) -> Counters {
        self.input.write_all(b"\n").unwrap();
        let line = self.line();
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [accept_calls, shed, opened, turns] = numbers[..] else { panic!("{line}") };
        Counters { accept_calls, shed, opened, turns }
    }
}

impl Drop for FewDescriptors {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn echoes(client: &mut TcpStream) -> bool {
    let mut byte = [0];
    client.write_all(b"x").is_ok() && matches!(client.read(&mut byte), Ok(1))
}

#[test]
fn without_descriptors_the_served_stay_served_and_accept_rests() {
    let mut server = FewDescriptors::start();
    let mut served: Vec<TcpStream> = Vec::new();
    while served.len() < 64 {
        let mut client = connect(server.address);
        client
            .set_read_timeout(Some(Duration::from_millis(if served.len() < 30 { 20_000 } else { 300 })))
            .unwrap();
        if !echoes(&mut client) {
            break;
        }
        served.push(client);
    }
    assert!((30..64).contains(&served.len()), "{} clients fit", served.len());
    for client in &served {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let waiting: Vec<TcpStream> = (0..60).map(|_| connect(server.address)).collect();
    let (start, before, cpu_before) = (Instant::now(), server.counters(), cpu_time(server.child.id()));
    let mut rounds = 0;
    while start.elapsed() < Duration::from_millis(1200) {
        for client in &mut served {
            assert!(echoes(client), "one that was served is served no more");
        }
        rounds += 1;
        std::thread::park_timeout(Duration::from_millis(100)); // the pace of the questions, not a wait for anything
    }
    let (after, cpu_after) = (server.counters(), cpu_time(server.child.id()));
    let seconds = start.elapsed().as_secs_f64();
    let calls = (after.accept_calls - before.accept_calls) as f64;
    assert!(calls <= 25.0 * seconds + 2.0, "{calls} calls of accept in {seconds} s");
    let shed = after.shed - before.shed;
    assert!(shed >= 4 && shed as f64 <= 10.0 * seconds + 2.0, "{shed} shed in {seconds} s");
    let cpu = cpu_after - cpu_before;
    assert!(cpu < Duration::from_millis(400), "{cpu:?} of processor time");
    assert!(after.turns - before.turns < 200 + (rounds + 2) * 2 * served.len() as u64, "{after:?}");

    // Room: of those that wait, as many are let in.
    let room = served.split_off(served.len() - 15);
    drop(room);
    let start = Instant::now();
    let mut most = Duration::ZERO;
    while server.counters().opened < after.opened + 10 {
        most = start.elapsed();
        assert!(most < PATIENCE, "{:?}", server.counters());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(most < Duration::from_secs(3), "let in after {most:?}");
    drop(waiting);
    drop(served);
    let mut newcomer = connect(server.address);
    assert!(echoes(&mut newcomer));
}

/// A thousand clients a second do not make it call accept a thousand times, and some are told at once.
#[test]
fn without_descriptors_a_rush_of_clients_is_not_met_with_a_rush_of_calls() {
    let mut server = FewDescriptors::start();
    let mut clients: Vec<TcpStream> = (0..100).map(|_| connect(server.address)).collect();
    while server.counters().shed == 0 {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let (start, before) = (Instant::now(), server.counters());
    while start.elapsed() < Duration::from_millis(1200) {
        clients.push(connect(server.address));
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let (after, seconds) = (server.counters(), start.elapsed().as_secs_f64());
    let calls = (after.accept_calls - before.accept_calls) as f64;
    assert!(calls <= 25.0 * seconds + 2.0, "{calls} calls of accept in {seconds} s");
    let shed = (after.shed - before.shed) as f64;
    assert!(shed >= 4.0 * seconds, "{shed} shed in {seconds} s");
}

#[test]
fn at_the_limit_the_rest_wait_and_are_accepted_when_one_leaves() {
    let mut harness = Harness::with_limits(Limits { connections: 3, ..Limits::default() });
    let (_, address) = harness.listen();
    let mut clients: Vec<TcpStream> = (0..6).map(|_| connect(address)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.write_all(&[n as u8]).unwrap();
    }
    let opened = |harness: &Harness| harness.recorder.opened().len();
    harness.until("three are accepted", |_, recorder| recorder.opened().len() == 3);
    harness.turn_for(Duration::from_millis(20));
    let before = harness.stats();
    harness.turn_for(Duration::from_millis(100));
    let after = harness.stats();
    assert_eq!((opened(&harness), after.accept_calls), (3, before.accept_calls));
    assert!(after.turns - before.turns < 10, "waiting costs nothing");
    assert_eq!((after.connections, after.connections_peak), (3, 3));
    for next in 4..=6 {
        clients.remove(0);
        harness.until("the next is accepted", |_, recorder| recorder.opened().len() == next);
        let conn = harness.recorder.opened()[next - 1];
        harness.until("it is read", |_, recorder| recorder.data(conn) == [next as u8 - 1]);
    }
    assert_eq!(harness.stats().connections_peak, 3);
    // A higher limit is room too.
    let _more: Vec<TcpStream> = (0..2).map(|_| connect(address)).collect();
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(opened(&harness), 6);
    let limits = Limits { connections: 4, ..harness.net().limits().clone() };
    harness.net().set_limits(limits);
    harness.until("one more", |_, recorder| recorder.opened().len() == 7);
    harness.turn_for(Duration::from_millis(20));
    assert_eq!(opened(&harness), 7);
}

#[test]
fn two_listeners_at_the_limit_take_turns() {
    let mut harness = Harness::with_limits(Limits { connections: 1, ..Limits::default() });
    let (first, one) = harness.listen();
    let (_, two) = harness.listen();
    harness.on(|net, event| {
        if let Event::Opened(conn, _) = event {
            net.abort(*conn);
        }
    });
    let _clients: Vec<TcpStream> = (0..20).map(|n| connect(if n % 2 == 0 { one } else { two })).collect();
    harness.until("all had their turn", |_, recorder| recorder.closed().len() == 20);
    let is_first = |event: &Event| match event {
        Event::Opened(_, origin) => Some(*origin == Origin::Listener(first)),
        _ => None,
    };
    let order: Vec<bool> = harness.recorder.events.iter().filter_map(is_first).collect();
    assert!(order[..15].windows(4).all(|four| four.contains(&true) && four.contains(&false)), "{order:?}");
}

/// I8: accept(2) fails for good here; that costs neither the loop nor a core.
#[test]
fn a_listener_that_somebody_shut_down_does_not_spin() {
    let mut harness = Harness::new();
    let (_, address) = harness.listen();
    let doomed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = doomed.try_clone().unwrap();
    harness.net().adopt(doomed).unwrap();
    harness.turn(Duration::ZERO);
    socket2::SockRef::from(&other).shutdown(std::net::Shutdown::Both).unwrap();
    harness.turn_for(Duration::from_millis(300));
    let stats = harness.stats();
    assert!(stats.turns < 50 && stats.accept_calls < 1000, "{stats:?}");
    harness.client(address);
}

#[test]
fn a_unix_listener_at_the_limit_resumes_too() {
    let directory = TempDir::new();
    let path = directory.join("socket");
    let mut harness = Harness::with_limits(Limits { connections: 1, ..Limits::default() });
    harness.net().adopt(UnixListener::bind(&path).unwrap()).unwrap();
    let mut clients: Vec<_> =
        (0..3).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
    for next in 1..=3 {
        harness.until("the next is accepted", |_, recorder| recorder.opened().len() == next);
        harness.turn_for(Duration::from_millis(10));
        assert_eq!(harness.recorder.opened().len(), next);
        clients.remove(0);
    }
}
