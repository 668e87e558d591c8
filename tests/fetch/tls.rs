//! `hullo fetch https://`: who is trusted, what is asked for, and where a body ends.

use crate::support::*;

/// A server over TLS, and the file of its certificate, which is in `dir`; `None`, and why is printed, without Python.
fn serve(dir: &TempDir, certificate: &Certificate) -> Option<(Server, String)> {
    let files = certificate.files(dir);
    Some((Server::tls(&files, false)?, files.0))
}

#[test]
fn a_page_is_asked_for_as_over_tcp_and_with_its_protocol() {
    let dir = TempDir::new();
    let Some((server, cert)) = serve(&dir, &Certificate::new()) else { return };
    let url = server.url("asked");
    let port = url.trim_start_matches("https://localhost:").trim_end_matches("/asked");
    for trust in [&["--cacert", cert.as_str()][..], &["--insecure"]] {
        let fetched = fetch([trust, &[&url]].concat());
        let begin = format!("http/1.1\r\nGET /asked HTTP/1.1\r\nHost: localhost:{port}\r\n");
        assert!(fetched.text().starts_with(&begin), "{}", fetched.text());
        assert!(fetched.err.starts_with("HTTP/1.1 200 OK\n"), "{}", fetched.err);
    }
    // As many as one likes, of which the later ones go on from the first.
    let fetched = fetch((0..20).map(|_| server.url("whole")).chain(["--cacert".to_owned(), cert]));
    assert_eq!(fetched.text(), "all of it".repeat(20));
}

#[test]
fn redirects_lead_from_http_to_https_and_back() {
    let (dir, pages) = (TempDir::new(), TempDir::new());
    pages.write("page.txt", "hello\n");
    let Some((secret, cert)) = serve(&dir, &Certificate::of_authority()) else { return };
    let (Some(plain), Some(odd)) = (Server::files(pages.path()), Server::odd()) else { return };
    let page = plain.url("page.txt");
    assert_eq!(fetch([&secret.url(&format!("to/{page}")), "--cacert", &cert]).text(), "hello\n");
    let way = odd.url(&format!("to/{}", secret.url("whole")));
    assert_eq!(fetch([way.as_str(), "--cacert", &cert]).text(), "all of it");
    assert_eq!(fetch([way.as_str(), "--insecure"]).text(), "all of it");
    // Without a flag, the certificates of the system count there.
    let refused = fetch([&way]);
    let sentence = refused.sentence();
    assert!(sentence.contains("redirected to https://") && sentence.contains("--cacert FILE"), "{sentence}");
}

#[test]
fn a_body_is_whole_where_its_length_or_a_close_notify_says_so() {
    let dir = TempDir::new();
    let Some((server, cert)) = serve(&dir, &Certificate::new()) else { return };
    for path in ["whole", "length", "chunks"] {
        assert_eq!(fetch([&server.url(path), "--cacert", &cert]).text(), "all of it", "{path}");
    }
    let ways = [
        ("truncated", "the body may be cut short: it has no length, and the connection ended without a TLS"),
        ("cut-short", "the body is cut short: 91 bytes are missing"),
        ("chunks-cut-short", "the body is cut short: its last chunk is missing"),
        ("half-head", "the head is cut short"),
        ("empty", "an empty answer"),
        ("reset", "the connection was reset after"),
    ];
    for (path, part) in ways {
        let file = dir.join("page");
        let url = server.url(path);
        let fetched = fetch([&url, "--cacert", &cert, "-o", file.to_str().unwrap()]);
        let sentence = fetched.sentence();
        assert!(sentence.starts_with(&format!("{url}: ")) && sentence.contains(part), "{sentence}");
        assert!(!file.exists(), "{path}");
    }
}

#[test]
fn whom_nobody_trusts_and_what_is_no_tls_is_told_with_the_remedy() {
    let (dir, pages) = (TempDir::new(), TempDir::new());
    let Some((server, cert)) = serve(&dir, &Certificate::new()) else { return };
    let (other, expired) = (TempDir::new(), TempDir::new());
    let other = Certificate::new().files(&other).0;
    let Some((old, expired)) = serve(&expired, &Certificate::expired()) else { return };
    let Some(plain) = Server::files(pages.path()) else { return };
    let Some(strict) = Server::tls(&(cert.clone(), dir.join("key.pem").display().to_string()), true) else {
        return;
    };
    let by_number = old.url("whole").replace("localhost", "127.0.0.1");
    for (url, trusted, parts) in [
        (server.url("whole"), &other, ["nobody who is trusted has signed it", "--cacert FILE"]),
        (old.url("whole"), &expired, ["expired", "--insecure"]),
        (by_number, &expired, ["certificate", "--insecure"]),
        (plain.url("").replace("http:", "https:"), &cert, ["does not speak TLS there", "check the port"]),
        (strict.url("whole"), &cert, ["alert", "asks for a certificate of ours"]),
    ] {
        let fetched = fetch([&url, "--cacert", trusted]);
        let sentence = fetched.sentence();
        assert!(sentence.starts_with(&format!("{url}: ")), "{sentence}");
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
    }
    assert_eq!(fetch([&old.url("whole"), "--insecure"]).text(), "all of it");
}
