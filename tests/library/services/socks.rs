//! `socks5`, asked by curl and bare sockets.

use super::{peak_kib, run, start};
use crate::support::{Example, PATIENCE, Peer, has_ipv6, skip, uninterrupted};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

fn proxy(arguments: &[&str]) -> Example {
    Example::start("socks5", &[&["tcp://127.0.0.1:0"], arguments].concat())
}

const HELLO: &[u8] = b"\x05\x01\x00";

/// A request for `target` by its address.
fn request(target: SocketAddr) -> Vec<u8> {
    let host = match target.ip() {
        IpAddr::V4(ip) => [&[1][..], &ip.octets()].concat(),
        IpAddr::V6(ip) => [&[4][..], &ip.octets()].concat(),
    };
    [&[5, 1, 0], &host[..], &target.port().to_be_bytes()].concat()
}

/// Reads the answer to a request, whose address is anybody's guess.
#[track_caller]
fn expect_linked(client: &mut Peer) {
    client.expect(b"\x05\x00\x00");
    let mut kind = [0];
    client.read_exact(&mut kind).unwrap();
    let mut bound = vec![0; if kind == [1] { 6 } else { 18 }];
    client.read_exact(&mut bound).unwrap();
}

/// A server with one client, and what becomes of it.
fn server<T: Send + 'static>(
    host: &str,
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = spawn(move || {
        let (stream, _) = uninterrupted(|| listener.accept()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        serve(stream)
    });
    (address, thread)
}

/// Reads to the end, and only then answers with as much.
fn echo_at_the_end(mut stream: TcpStream) {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    stream.write_all(&heard).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn curl_fetches_by_name_and_by_address_and_with_a_password() {
    let web = Example::start("http_hello", &["tcp://127.0.0.1:0"]);
    let url = |host: &str| format!("http://{host}:{}/Ann", web.inet().port());
    let open = proxy(&[]);
    let closed = proxy(&["ann:se:cret"]);
    let fetch = |proxy: &Example, user: &str, flag: &str, host: &str| {
        let proxy = format!("{user}{}", proxy.inet());
        run("curl", &["-sS", "--noproxy", "", flag, &proxy, &url(host)])
    };
    for (proxy, user, flag, host) in [
        (&open, "", "--socks5-hostname", "localhost"),
        (&open, "", "--socks5-hostname", "127.0.0.1"),
        (&open, "ann:whatever@", "--socks5", "127.0.0.1"),
        (&closed, "ann:se%3Acret@", "--socks5-hostname", "localhost"),
    ] {
        let Some(said) = fetch(proxy, user, flag, host) else { return };
        assert_eq!(said, "Hello, Ann!", "{user} {flag} {host}");
    }
    for user in ["", "ann:secret@", "eve:se%3Acret@"] {
        let proxy = format!("{user}{}", closed.inet());
        let mut curl =
            start("curl", &["-sS", "--noproxy", "", "--socks5", &proxy, &url("127.0.0.1")]).unwrap();
        let status = curl.wait(PATIENCE).unwrap();
        assert_eq!(status.code(), Some(97), "{user}: {:?}", curl.said());
    }
}

#[test]
fn a_handshake_may_come_in_single_bytes_or_all_at_once_with_what_follows() {
    let proxy = proxy(&[]);
    for is_cut in [true, false] {
        let (target, server) = server("127.0.0.1", echo_at_the_end);
        let mut client = proxy.connect();
        let all = [HELLO, &request(target), b"hullo"].concat();
        for part in all.chunks(if is_cut { 1 } else { all.len() }) {
            client.send(part);
        }
        client.expect(b"\x05\x00");
        expect_linked(&mut client);
        client.end();
        client.expect_last("hullo");
        server.join().unwrap();
    }
}

#[test]
fn a_password_may_come_in_single_bytes_and_is_compared_whole() {
    let proxy = proxy(&["ann:secret"]);
    let (target, server) = server("127.0.0.1", echo_at_the_end);
    let mut client = proxy.connect();
    for byte in [b"\x05\x02\x00\x02", &b"\x01\x03ann\x06secret"[..], &request(target)].concat() {
        client.send([byte]);
    }
    client.expect(b"\x05\x02\x01\x00");
    expect_linked(&mut client);
    client.end();
    client.expect_last("");
    server.join().unwrap();
    for wrong in
        [&b"\x01\x03ann\x06secreT"[..], b"\x01\x03ann\x05secre", b"\x01\x00\x00", b"\x01\x03eve\x06secret"]
    {
        let mut client = proxy.connect();
        client.send([b"\x05\x01\x02", wrong].concat());
        client.expect_last(b"\x05\x02\x01\x01");
    }
    let mut client = proxy.connect();
    client.send(HELLO);
    client.expect_last(b"\x05\xff");
}

#[test]
fn an_address_may_be_one_of_ipv6() {
    if !has_ipv6() {
        return skip("there is no IPv6 here");
    }
    let proxy = proxy(&[]);
    let (target, server) = server("::1", echo_at_the_end);
    let mut client = proxy.connect();
    client.send([HELLO, &request(target), b"hullo"].concat());
    client.expect(b"\x05\x00");
    expect_linked(&mut client);
    client.end();
    client.expect_last("hullo");
    server.join().unwrap();
}

#[test]
fn a_refusal_says_why() {
    let proxy = proxy(&[]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = |request: &[u8], code: u8| {
        let mut client = proxy.connect();
        client.send([HELLO, request].concat());
        client.expect_last([&[5, 0, 5, code, 0, 1], &[0; 6][..]].concat());
    };
    refused(&request(nobody), 5);
    refused(b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", 7); // BIND
    refused(b"\x05\x03\x00\x01\x7f\x00\x00\x01\x00\x50", 7); // UDP ASSOCIATE
    refused(b"\x05\x09\x00\x03\x01a\x00\x50", 7);
    refused(b"\x05\x01\x00\x02\x7f\x00\x00\x01\x00\x50", 8);
    refused(b"\x05\x01\x00\x03\x00\x00\x50", 1); // no name
    refused(b"\x05\x01\x00\x03\x02\xff\xfe\x00\x50", 1); // no text
    refused(b"\x05\x01\x00\x03\x03a\0b\x00\x50", 4); // no name that anybody could have
    refused(b"\x05\x01\x00\x04\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50", 1); // of which link?
}

#[test]
fn who_does_not_speak_socks_5_is_let_go() {
    let proxy = proxy(&[]);
    for (said, answer) in [
        (&b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"[..], &b""[..]),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\xff\x01\x02\x03", b""),
        (b"\x05\x01\x00\x04\x01\x00", b"\x05\x00"),
        (b"\x05\x01\x00\x05\x01\x00\x03\xff", b"\x05\x00"),
    ] {
        let mut client = proxy.connect();
        client.send(said);
        client.end();
        client.expect_last(answer);
    }
}

#[test]
fn a_slow_reader_slows_its_writer_down_in_both_directions() {
    let proxy = proxy(&[]);
    let much: Vec<u8> = (0..8_000_000u32).flat_map(u32::to_le_bytes).collect();
    let size = much.len();
    let sent = much.clone();
    // The server sends 32 MB and does not read; so does the client. Nobody holds it for them.
    let (target, server) = server("127.0.0.1", move |mut stream| {
        let mut writer = stream.try_clone().unwrap();
        let writing = spawn(move || writer.write_all(&sent).and_then(|()| writer.shutdown(Shutdown::Write)));
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        writing.join().unwrap().unwrap();
        heard
    });
    let mut client = proxy.connect();
    client.send([HELLO, &request(target)].concat());
    client.expect(b"\x05\x00");
    expect_linked(&mut client);
    let mut writer = client.try_clone();
    let sent = much.clone();
    let writing = spawn(move || {
        writer.send(&sent);
        writer.end();
    });
    // What it says arrives while it reads nothing.
    writing.join().unwrap();
    let mut heard = vec![0; size];
    client.read_exact(&mut heard).unwrap();
    client.expect_last("");
    assert!(heard == much && server.join().unwrap() == much);
    let peak = peak_kib(&proxy.process);
    assert!(peak < 32 * 1024, "{peak} KiB");
}

#[test]
fn a_reset_is_passed_on_as_a_reset() {
    let proxy = proxy(&[]);
    let (target, server) = server("127.0.0.1", |mut stream| stream.read_to_end(&mut Vec::new()));
    let mut client = proxy.connect();
    client.send([HELLO, &request(target), b"hullo"].concat());
    client.expect(b"\x05\x00");
    expect_linked(&mut client);
    client.socket().set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let error = server.join().unwrap().expect_err("a reset is no end of file");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
