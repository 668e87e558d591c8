//! `hullo load` on datagrams, against `hullo serve`: every reply is right.

use crate::load_common::{Datagrams, load};
use crate::support::{Daemon, TempDir};
use std::net::Ipv4Addr;

fn daemon(arguments: &[&str]) -> (Daemon, String) {
    let arguments = [&["udp://127.0.0.1:0"], arguments].concat();
    let daemon = Daemon::start(arguments);
    let url = daemon.listening[0].address.clone();
    (daemon, url)
}

#[test]
fn a_thousand_flows_are_all_right() {
    let (_daemon, url) = daemon(&[]);
    // By the clock: a thousand datagrams at one instant are more than a socket's queue has room for.
    let load = load(&url, "-c 1000 -r 2000 -d 2s --warmup 0s");
    load.all_correct(1000);
    let books = load.report.books();
    assert!((3999..=4001).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
    assert_eq!(books.unfinished, 0, "{:#}", load.report.0);
    assert!(load.report.count(&["fairness", "worst"]) > 0, "{:#}", load.report.0);
}

#[test]
fn a_thousand_flows_in_a_closed_loop_lose_nothing_that_is_not_in_the_books() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 1000 -n 20000 --warmup 0s --timeout 300ms");
    let books = load.report.books();
    assert_eq!(books.sent, 20_000, "{:#}", load.report.0);
    assert_eq!((books.wrong, books.foreign, books.duplicate), (0, 0, 0), "{:#}", load.report.0);
    assert!(books.correct > 10_000, "{:#}", load.report.0);
    // Who lost one goes on with the next.
    assert!(load.report.count(&["fairness", "worst"]) > 0, "{:#}", load.report.0);
}

#[test]
fn sixteen_datagrams_are_under_way_on_each_flow() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 4 -n 5000 --outstanding 16 --warmup 0s");
    load.all_correct(4);
    assert_eq!(load.report.books().correct, 5000);
}

#[test]
fn datagrams_by_the_clock_are_all_right() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 20 -r 2000 -d 1s --warmup 100ms");
    load.all_correct(20);
    let books = load.report.books();
    assert!((1999..=2001).contains(&(books.sent + books.not_sent)), "{:#}", load.report.0);
}

#[test]
fn echo_is_spoken_over_datagrams() {
    let (_daemon, url) = daemon(&["--dialect", "echo"]);
    let load = load(&url, "-c 20 -n 2000 --dialect echo --warmup 0s");
    load.all_correct(20);
    assert_eq!(load.report.books().correct, 2000);
}

#[test]
fn datagrams_have_the_sizes_that_were_asked_for() {
    let (_daemon, url) = daemon(&[]);
    let load = load(&url, "-c 10 -n 1000 -s 64..1000 --warmup 0s");
    load.all_correct(10);
    let mean = load.report.count(&["bytes", "sent"]) as f64 / 1000.0;
    assert!((400.0..700.0).contains(&mean), "{mean} bytes a message");
}

#[test]
fn unix_datagrams_are_tested_as_udp_is() {
    let temp = TempDir::new();
    let url = temp.unixgram("s");
    let _daemon = Daemon::start([url.as_str()]);
    let load = load(&url, "-c 8 -n 2000 --warmup 0s");
    load.all_correct(8);
    assert_eq!(load.report.books().correct, 2000);
    let left: Vec<_> = std::fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [temp.join("s")], "the generator's own sockets leave no files");
}

#[test]
fn a_server_that_is_not_there_loses_every_datagram_in_time() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let load = load(&url, "-c 3 -d 1s --warmup 0s --connect-timeout 500ms --timeout 300ms");
    load.nobody_is_alive();
}

#[test]
fn flows_leave_from_the_source_addresses_in_turn() {
    let server = Datagrams::serve(|client, message| client.greet(message));
    load(&server.url(), "-c 6 -n 60 --warmup 0s --source 127.0.0.8/31").all_correct(6);
    let mut hosts: Vec<_> = server.peers().iter().map(|peer| peer.ip()).collect();
    hosts.sort();
    let each = [8, 8, 8, 9, 9, 9].map(|last| std::net::IpAddr::from(Ipv4Addr::new(127, 0, 0, last)));
    assert_eq!(hosts, each);
}
