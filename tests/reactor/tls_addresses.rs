//! `tls://HOST:PORT`: listened on with an identity, connected to with somebody to trust, and refused without.

use crate::support::*;
use hullo::{
    Address, ConnId, Net, Origin, Roots, SocketOptions, TlsClient, TlsIdentity, TlsServer, TlsSession,
};
use std::io;

fn server(certificate: &Certificate) -> TlsServer {
    TlsServer::new(TlsIdentity::from_pem(certificate.chain.as_bytes(), certificate.key.as_bytes()).unwrap())
}

fn client(certificate: &Certificate) -> TlsClient {
    TlsClient::new(&Roots::Pem(certificate.chain.clone().into_bytes())).unwrap()
}

/// An echo on `tls://127.0.0.1`, and its address as the reactor tells it.
fn echo(certificate: &Certificate) -> (Harness, Address) {
    let mut harness = Harness::new();
    let listener = harness
        .net()
        .listen_tls("tls://127.0.0.1:0", &SocketOptions::default(), &server(certificate))
        .unwrap();
    let address = harness.net().local_addr(listener).unwrap();
    harness.echo();
    (harness, address)
}

#[test]
fn both_ends_by_their_address_and_by_name_and_number() {
    let certificate = Certificate::new();
    let (mut harness, address) = echo(&certificate);
    let port = address.port().unwrap();
    assert_eq!(address.to_string(), format!("tls://127.0.0.1:{port}"));
    let tls = client(&certificate);
    for target in [format!("tls://127.0.0.1:{port}"), format!("tls://localhost:{port}")] {
        let conn = harness.net().connect_tls(&target, &tls).unwrap();
        assert!(harness.net().send(conn, b"round and round").is_queued());
        harness.until("the echo", |_, recorder| recorder.data(conn).len() >= 15);
        assert_eq!(harness.net().origin(conn), Some(Origin::Connected));
        assert!(harness.net().layer::<TlsSession>(conn).is_some(), "{target}");
        harness.net().close(conn);
        harness.until_closed(conn);
    }
    // An IP address and port says no kind, and the call does.
    let conn = harness.net().connect_tls(address.to_socket_addr().unwrap(), &tls).unwrap();
    harness.until("it is opened", |_, recorder| recorder.opened().contains(&conn));
}

#[test]
fn a_new_identity_is_for_those_who_come_after_it_and_the_address_stays() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let mut harness = Harness::new();
    let listener = harness.net().listen_tls("tls://*:0", &SocketOptions::default(), &server(&old)).unwrap();
    let address = harness.net().local_addr(listener).unwrap();
    let to = format!("tls://127.0.0.1:{}", address.port().unwrap());
    assert_eq!(address.to_string(), format!("tls://*:{}", address.port().unwrap()));
    harness.echo();
    let first = harness.net().connect_tls(&to, &client(&old)).unwrap();
    harness.until("it is opened", |_, recorder| recorder.opened().contains(&first));
    let tls = server(&new);
    assert!(harness.net().put_layers(listener, move || Ok(Box::new(tls.session()?))));
    let second = harness.net().connect_tls(&to, &client(&new)).unwrap();
    let third = harness.net().connect_tls(&to, &client(&old)).unwrap();
    harness.until("the third has failed", |_, recorder| failure(recorder, third).is_some());
    harness.until("the second is opened", |_, recorder| recorder.opened().contains(&second));
    harness.net().send(first, b"as before");
    harness.until("the first lives on", |_, recorder| recorder.data(first).starts_with(b"as before"));
    assert_eq!(harness.net().local_addr(listener).unwrap(), address);
    let (kind, sentence) = failure(&harness.recorder, third).unwrap();
    assert_eq!(kind, io::ErrorKind::InvalidData);
    assert!(sentence.starts_with(&format!("cannot connect to {to}: ")), "{sentence}");
}

fn failure(recorder: &Recorder, conn: ConnId) -> Option<(io::ErrorKind, String)> {
    recorder.events.iter().find_map(|event| match event {
        Event::ConnectFailed(id, kind, sentence) if *id == conn => Some((*kind, sentence.clone())),
        _ => None,
    })
}

#[test]
fn what_is_no_address_of_tls_or_comes_without_what_tls_takes_is_refused_with_the_remedy() {
    let certificate = Certificate::new();
    let (mut harness, address) = echo(&certificate);
    let (server, client) = (server(&certificate), client(&certificate));
    let options = SocketOptions::default();
    let dir = TempDir::new();
    let net = harness.net();
    let refused = |error: io::Error, remedy: &str| {
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
    };
    refused(net.listen("tls://127.0.0.1:0").unwrap_err(), "listen_tls");
    refused(net.connect(&address).unwrap_err(), "connect_tls");
    refused(net.connect_from([127, 0, 0, 1].into(), &address).unwrap_err(), "put_layer");
    refused(net.bind("tls://127.0.0.1:0").unwrap_err(), "listen on it instead");
    refused(net.connect_datagrams(&address).unwrap_err(), "nobody to send datagrams to");
    for other in ["udp://127.0.0.1:0".to_owned(), dir.unix("s"), dir.unixgram("d")] {
        refused(net.listen_tls(&other, &options, &server).unwrap_err(), "tls://HOST:PORT");
        refused(net.connect_tls(&other, &client).unwrap_err(), "tls://HOST:PORT");
    }
    refused(net.connect_tls("tls://*:443", &client).unwrap_err(), "where to listen");
    refused(
        net.connect_tls("tls://no_name!:443", &client).unwrap_err(),
        "no name that a certificate could have",
    );
    refused(net.listen_tls("tls://localhost:0", &options, &server).unwrap_err(), "resolve it first");
    assert_eq!(net.connections().count(), 0);
    let taken = net.listen_tls(&address, &options, &server).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    check_still_served(harness, &certificate, &address);
}

fn check_still_served(mut harness: Harness, certificate: &Certificate, address: &Address) {
    let still = |net: &mut Net| net.connect_tls(address, &client(certificate)).unwrap();
    let conn = still(harness.net());
    harness.until("it is opened", |_, recorder| recorder.opened().contains(&conn));
}
