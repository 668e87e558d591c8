//! Addresses that swallow everything, in a network namespace that the test makes for itself: nobody refuses, nobody
//! answers, and only our own clock ends the wait.

use crate::support::{HULLO, PATIENCE, Process, TempDir, etc, has_network, in_network};
use std::time::{Duration, Instant};

/// A link to an end that nobody is at, and a neighbour on it who does not exist, in both families.
const HOLE: &str = "ip link add hole0 type veth peer name hole1 && ip addr add 192.0.2.1/24 dev hole0 && \
    ip addr add 2001:db8::1/64 dev hole0 nodad && \
    ip link set hole0 up && ip link set hole1 up && \
    ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev hole0 && \
    ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev hole0";

#[test]
fn who_is_swallowed_by_a_black_hole_ends_at_its_own_deadline() {
    if !has_network(HOLE) {
        return;
    }
    for command in ["talk tcp://192.0.2.2:9", "fetch http://192.0.2.2:9/"] {
        let start = Instant::now();
        let mut process = Process::start(&mut in_network(
            HOLE,
            &format!("exec {HULLO} {command} --timeout 300ms </dev/null"),
        ));
        let status = process.wait(PATIENCE).expect("it ends by itself");
        assert_eq!(status.code(), Some(1), "{command}: {}", process.stderr());
        assert!(start.elapsed() >= Duration::from_millis(300));
        let sentence = process.stderr();
        assert!(sentence.contains("192.0.2.2:9") && sentence.contains("timed out"), "{command}: {sentence}");
    }
}

/// RFC 8305, section 5: the second address need not wait for the end of the first, but for 250 ms.
#[test]
fn an_address_in_a_black_hole_holds_the_next_one_up_for_a_quarter_of_a_second() {
    if !has_network(HOLE) {
        return;
    }
    let dir = TempDir::new();
    // The system's resolver puts IPv6 first (RFC 6724).
    let hosts = dir.write("hosts", "2001:db8::2 half-reachable\n192.0.2.1 half-reachable\n");
    let mut process = Process::start(&mut in_network(
        HOLE,
        &format!(
            "{} && {{ {HULLO} serve tcp://192.0.2.1:9999 & }} && \
         for i in $(seq 100); do {HULLO} talk tcp://192.0.2.1:9999 exit >/dev/null 2>&1 && break; sleep 0.1; done; \
         date +%s%N; {HULLO} talk tcp://half-reachable:9999 Ann exit </dev/null; status=$?; echo; date +%s%N; \
         kill $!; exit $status",
            etc("hosts", hosts)
        ),
    ));
    let status = process.wait(PATIENCE).expect("it ends by itself");
    assert_eq!(status.code(), Some(0), "{}", process.stderr());
    let out = process.said().out.clone();
    let [.., from, answer, to] = out.as_slice() else { panic!("three lines: {out:?}") };
    assert_eq!(answer, "Welcome!Hello, Ann!");
    let waited = Duration::from_nanos(to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap());
    assert!(waited >= Duration::from_millis(250), "{waited:?}: the black hole was not tried first");
    assert!(waited < PATIENCE.min(Duration::from_secs(10)), "{waited:?}: the black hole was waited for");
}
