//! Both sides of TLS in memory: no socket, no clock.

use super::*;
use crate::reactor::events::CloseReason;
use crate::reactor::stream::layer::{Layer, LayerError, Progress};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};

/// An authority, and what it has signed.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: Vec<u8>,
}

impl Authority {
    fn new() -> Authority {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut params = CertificateParams::new(vec![]).unwrap();
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn identity(&self, name: &str) -> TlsIdentity {
        let (chain, key) = self.signed(name);
        TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    fn signed(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn client(&self) -> TlsClient {
        TlsClient::new(&Roots::Pem(self.pem.clone())).unwrap()
    }
}

/// One side, with what it has heard and what is on its way to the other.
struct Side {
    session: TlsSession,
    progress: Progress,
    heard: Vec<u8>,
    wire: Vec<u8>,
}

impl Side {
    fn new(session: TlsSession) -> Side {
        let mut side = Side { session, progress: Progress::Handshake, heard: Vec::new(), wire: Vec::new() };
        side.take(&mut []).unwrap();
        side
    }

    fn take(&mut self, wire: &mut [u8]) -> Result<(), LayerError> {
        self.progress = self.session.receive(wire, &mut self.heard, &mut self.wire)?;
        Ok(())
    }

    fn say(&mut self, plain: &[u8]) {
        self.session.send(plain, &mut self.wire).unwrap();
    }

    fn finish(&mut self) {
        self.session.finish(&mut self.wire);
    }
}

/// Carries what is on its way, `piece` bytes at a time, until nothing is.
fn carry(a: &mut Side, b: &mut Side, piece: usize) -> Result<(), LayerError> {
    while !a.wire.is_empty() || !b.wire.is_empty() {
        for piece in std::mem::take(&mut a.wire).chunks_mut(piece) {
            b.take(piece)?;
        }
        for piece in std::mem::take(&mut b.wire).chunks_mut(piece) {
            a.take(piece)?;
        }
    }
    Ok(())
}

fn pair(client: &TlsClient, server: &TlsServer) -> (Side, Side) {
    (Side::new(client.session("localhost").unwrap()), Side::new(server.session().unwrap()))
}

fn connected() -> (Side, Side) {
    let authority = Authority::new();
    let server = TlsServer::new(authority.identity("localhost"));
    let (mut client, mut server) = pair(&authority.client(), &server);
    carry(&mut client, &mut server, usize::MAX).unwrap();
    (client, server)
}

#[test]
fn everything_arrives_whatever_the_pieces_of_the_wire() {
    let authority = Authority::new();
    let tls = TlsServer::new(authority.identity("localhost"));
    for piece in [1, 2, 3, 7, 100, 16_384, usize::MAX] {
        let (mut client, mut server) = pair(&authority.client(), &tls);
        assert_eq!((client.progress, server.progress), (Progress::Handshake, Progress::Handshake));
        carry(&mut client, &mut server, piece).unwrap();
        assert_eq!((client.progress, server.progress), (Progress::Open, Progress::Open));
        client.say(b"a question");
        carry(&mut client, &mut server, piece).unwrap();
        assert_eq!(server.heard, b"a question");
        let answer: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        server.say(&answer);
        carry(&mut client, &mut server, piece).unwrap();
        assert!(client.heard == answer);
        assert_eq!(
            client.session.partial.capacity() + server.session.partial.capacity(),
            0,
            "idle: no buffer"
        );
    }
}

#[test]
fn what_is_incomplete_does_not_keep_us_from_speaking() {
    let (mut client, mut server) = connected();
    client.say(&[7; 1000]);
    let mut wire = std::mem::take(&mut client.wire);
    let (front, back) = wire.split_at_mut(500);
    server.take(front).unwrap();
    server.say(b"meanwhile");
    carry(&mut server, &mut client, usize::MAX).unwrap();
    assert_eq!(client.heard, b"meanwhile");
    server.take(back).unwrap();
    assert_eq!(server.heard, [7; 1000]);
}

#[test]
fn an_end_that_was_announced_is_told_from_one_that_was_not() {
    let (mut client, mut server) = connected();
    client.say(b"last");
    client.finish();
    carry(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!((server.progress, &*server.heard), (Progress::PeerEnded, &b"last"[..]));
    server.session.wire_ended().unwrap();
    server.say(b"still speaking");
    server.finish();
    carry(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!((client.progress, &*client.heard), (Progress::PeerEnded, &b"still speaking"[..]));

    let (_, mut server) = connected();
    assert_eq!(server.session.wire_ended().unwrap_err().reason, CloseReason::TlsTruncated);
    let mut server = Side::new(TlsServer::new(Authority::new().identity("localhost")).session().unwrap());
    assert_eq!(server.session.wire_ended().unwrap_err().reason, CloseReason::TlsHandshake);
}

#[test]
fn an_end_in_the_handshake_ends_it() {
    let authority = Authority::new();
    let (mut client, mut server) =
        pair(&authority.client(), &TlsServer::new(authority.identity("localhost")));
    client.finish();
    server.finish();
    assert!(server.wire.is_empty(), "nothing can be said yet");
    // A close_notify in the clear, in place of a ClientHello (RFC 8446 section 6.1).
    let told = server.take(&mut [21, 3, 3, 0, 2, 1, 0]);
    assert!(told.is_err() || server.progress != Progress::Open);
}

#[test]
fn a_certificate_of_a_stranger_is_refused_and_the_server_told_why() {
    let server = TlsServer::new(Authority::new().identity("localhost"));
    let (mut client, mut server) = pair(&Authority::new().client(), &server);
    let refused = carry(&mut client, &mut server, usize::MAX).unwrap_err();
    assert_eq!(refused.reason, CloseReason::TlsHandshake);
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    let told = server.take(&mut client.wire).unwrap_err();
    assert!(told.to_string().contains("UnknownCA"), "{told}");
    server.session.wire_ended().unwrap();

    let authority = Authority::new();
    let server = TlsServer::new(authority.identity("elsewhere"));
    let (mut client, mut server) = pair(&authority.client(), &server);
    let refused = carry(&mut client, &mut server, usize::MAX).unwrap_err();
    assert!(refused.to_string().contains("elsewhere"), "{refused}");

    let server = TlsServer::new(Authority::new().identity("elsewhere"));
    let (mut client, mut server) = pair(&TlsClient::new(&Roots::Insecure).unwrap(), &server);
    carry(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!(client.progress, Progress::Open);
}

#[test]
fn rubbish_is_answered_with_an_alert() {
    let mut server = Side::new(TlsServer::new(Authority::new().identity("localhost")).session().unwrap());
    let error = server.take(&mut b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()).unwrap_err();
    assert_eq!(error.reason, CloseReason::TlsHandshake);
    assert_eq!(server.wire.first(), Some(&21), "an alert: {:?}", server.wire);

    let (mut client, mut server) = connected();
    client.say(b"forged");
    *client.wire.last_mut().unwrap() ^= 1;
    let error = server.take(&mut client.wire).unwrap_err();
    assert_eq!((error.reason, server.heard.len()), (CloseReason::TlsAlert, 0));
    let told = client.take(&mut server.wire).unwrap_err();
    assert_eq!(told.reason, CloseReason::TlsAlert);
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[test]
fn the_name_that_is_asked_for_decides_who_answers() {
    let authority = Authority::new();
    let server = TlsServer::options(authority.identity("localhost"))
        .identity_for("other.test", authority.identity("other.test"))
        .build();
    for name in ["localhost", "other.test", "OTHER.test"] {
        let mut client = Side::new(authority.client().session(name).unwrap());
        carry(&mut client, &mut Side::new(server.session().unwrap()), usize::MAX).unwrap();
        assert_eq!(client.progress, Progress::Open, "{name}");
    }
    let mut client = Side::new(authority.client().session("third.test").unwrap());
    let refused = carry(&mut client, &mut Side::new(server.session().unwrap()), usize::MAX).unwrap_err();
    assert!(refused.to_string().contains("third.test"), "{refused}");
}

#[test]
fn a_protocol_is_agreed_on_or_the_client_refused() {
    let authority = Authority::new();
    let server = TlsServer::options(authority.identity("localhost")).alpn(["h2", "http/1.1"]).build();
    let roots = Roots::Pem(authority.pem.clone());
    let agreed = |offered: &[&str]| {
        let client = TlsClient::with(&roots, None, offered.iter().map(|name| name.as_bytes())).unwrap();
        let (mut client, mut server) = pair(&client, &server);
        carry(&mut client, &mut server, usize::MAX).map(|()| server.session.alpn().map(<[u8]>::to_vec))
    };
    assert_eq!(agreed(&["http/1.1", "h2"]).unwrap().as_deref(), Some(&b"h2"[..]));
    assert_eq!(agreed(&[]).unwrap(), None);
    assert_eq!(agreed(&["smtp"]).unwrap_err().reason, CloseReason::TlsHandshake);
}

#[test]
fn clients_without_a_certificate_are_kept_out_where_one_is_asked_for() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = TlsServer::options(authority.identity("localhost"));
    let server = server.require_clients_signed_by(&clients.pem).unwrap().build();
    let roots = Roots::Pem(authority.pem.clone());
    let connect = |identity: Option<TlsIdentity>| {
        let client = TlsClient::with(&roots, identity, Vec::<Vec<u8>>::new()).unwrap();
        let (mut client, mut server) = pair(&client, &server);
        carry(&mut client, &mut server, usize::MAX).map(|()| server.session.peer_certificates().count())
    };
    assert_eq!(connect(Some(clients.identity("me"))).unwrap(), 1);
    assert_eq!(connect(None).unwrap_err().reason, CloseReason::TlsHandshake);
    assert_eq!(connect(Some(authority.identity("me"))).unwrap_err().reason, CloseReason::TlsHandshake);
}

#[test]
fn another_server_with_the_same_ticket_keys_goes_on_from_the_first() {
    let (authority, tickets) = (Authority::new(), TlsTickets::new());
    let server = |tickets| TlsServer::options(authority.identity("localhost")).tickets(tickets).build();
    let client = authority.client();
    let is_resumed = |server: &TlsServer| {
        let (mut client, mut server) = pair(&client, server);
        carry(&mut client, &mut server, usize::MAX).unwrap();
        assert_eq!(client.session.is_resumed(), server.session.is_resumed());
        server.session.is_resumed()
    };
    assert!(!is_resumed(&server(&tickets)));
    assert!(is_resumed(&server(&tickets)));
    assert!(!is_resumed(&server(&TlsTickets::new())));
}

#[test]
fn without_resumption_each_handshake_is_a_whole_one() {
    let authority = Authority::new();
    let server = TlsServer::new(authority.identity("localhost"));
    let client = authority.client().without_resumption();
    for _ in 0..3 {
        let (mut client, mut server) = pair(&client, &server);
        carry(&mut client, &mut server, usize::MAX).unwrap();
        assert!(!client.session.is_resumed() && !server.session.is_resumed());
    }
}

/// A client that can do what a layer has no call for.
fn plain_client(authority: &Authority) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let text = String::from_utf8(authority.pem.clone()).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(text.as_bytes()).unwrap()).unwrap();
    let versions =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let config = versions.with_root_certificates(roots).with_no_client_auth();
    ClientConnection::new(config.into(), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// Carries what is on its way between the two; how many bytes the server said.
fn exchange(client: &mut ClientConnection, server: &mut Side) -> usize {
    let mut said = 0;
    while client.wants_write() || !server.wire.is_empty() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.take(&mut wire).unwrap();
        said += server.wire.len();
        let mut wire = &*std::mem::take(&mut server.wire);
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    said
}

#[test]
fn a_key_update_is_answered_on_an_idle_link() {
    let authority = Authority::new();
    let mut client = plain_client(&authority);
    let mut server = Side::new(TlsServer::new(authority.identity("localhost")).session().unwrap());
    exchange(&mut client, &mut server);
    assert_eq!(exchange(&mut client, &mut server), 0, "an idle link says nothing");
    for _ in 0..3 {
        client.refresh_traffic_keys().unwrap();
        assert!(exchange(&mut client, &mut server) > 0);
    }
    client.writer().write_all(b"under new keys").unwrap();
    exchange(&mut client, &mut server);
    server.say(b"so are we");
    exchange(&mut client, &mut server);
    let mut heard = [0; 9];
    client.reader().read_exact(&mut heard).unwrap();
    assert_eq!((&*server.heard, &heard), (&b"under new keys"[..], b"so are we"));
}

#[test]
fn what_is_wrong_with_a_certificate_or_a_key_is_said() {
    let authority = Authority::new();
    let (chain, key) = authority.signed("localhost");
    let (_, other) = authority.signed("localhost");
    let refused = |chain: &str, key: &str| {
        TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(
        refused("", &key),
        "the certificate chain holds no certificate in PEM: it has a line BEGIN CERTIFICATE"
    );
    assert_eq!(
        refused(&chain, ""),
        "the private key holds no private key in PEM: it has a line BEGIN PRIVATE KEY"
    );
    assert_eq!(
        refused(&chain, &other),
        "the private key is not the key of the certificate in the certificate chain"
    );
    let broken = refused(&chain.replace("END CERT", "END"), &key);
    assert!(broken.starts_with("the certificate chain is no certificate in PEM: "), "{broken}");
    let broken = refused(&chain.replace("MII", "MIII"), &key);
    assert!(broken.starts_with("the certificate chain is no certificate in PEM: "), "{broken}");
    let missing = TlsIdentity::from_files("/no/such/file", "/no/such/file").unwrap_err();
    assert!(missing.to_string().starts_with("cannot read /no/such/file: No such file"), "{missing}");
}

#[test]
fn what_stands_behind_a_close_notify_is_nothing() {
    let (mut client, mut server) = connected();
    client.say(b"last");
    let copy = client.wire.clone();
    client.finish();
    client.wire.extend_from_slice(&copy);
    client.wire.extend_from_slice(b"\x17\x03\x03\x00\x20garbage of some length, and more of it");
    server.take(&mut std::mem::take(&mut client.wire)).unwrap();
    assert_eq!((server.progress, &*server.heard), (Progress::PeerEnded, &b"last"[..]));
    server.say(b"an answer");
    server.finish();
    server.take(&mut [1; 100]).unwrap();
    carry(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!((client.progress, &*client.heard), (Progress::PeerEnded, &b"an answer"[..]));
    assert_eq!(server.session.partial.capacity(), 0);
}

#[test]
fn a_handshake_in_crumbs_is_bounded() {
    let tls = TlsServer::new(Authority::new().identity("localhost"));
    let crumbs = |length: [u8; 3], bytes: usize| -> Vec<u8> {
        let message = [1].into_iter().chain(length).chain(std::iter::repeat(0)).take(bytes);
        message.flat_map(|byte| [22, 3, 1, 0, 1, byte]).collect()
    };
    let mut server = Side::new(tls.session().unwrap());
    let refused = server.take(&mut crumbs([1, 0, 0], 4)).unwrap_err();
    assert_eq!(refused.reason, CloseReason::TlsHandshake);

    // A byte in each record is allowed (RFC 8446 section 5.1), and takes six times the memory.
    let mut server = Side::new(tls.session().unwrap());
    let mut most = 0;
    let mut wire = crumbs([0, 0xff, 0xff], 0xffff + 3);
    let refused = wire.chunks_mut(1000).find_map(|chunk| {
        most = most.max(server.session.partial.capacity());
        server.take(chunk).err()
    });
    assert_eq!(refused.unwrap().reason, CloseReason::TlsHandshake);
    assert!((64 * 1024..200_000).contains(&most), "{most} bytes are kept for one peer");
    assert_eq!(server.session.partial.capacity(), 0);
}
