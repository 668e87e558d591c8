//! Responses of every framing, whole and broken, however they are cut into reads.

use super::*;
use proptest::prelude::*;

/// The status, the body, and what went wrong, of a response that comes in these pieces and then ends.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Option<u16>, Vec<u8>, Result<(), ResponseError>) {
    let mut response = Response::new();
    let (mut status, mut body) = (None, Vec::new());
    for mut bytes in pieces {
        loop {
            match response.next(&mut bytes) {
                Ok(Some(Event::Head(head))) => status = Some(head.status),
                Ok(Some(Event::Body(piece))) => {
                    assert!(!piece.is_empty());
                    body.extend_from_slice(piece);
                }
                Ok(Some(Event::End)) => return (status, body, Ok(())),
                Ok(None) => break,
                Err(broken) => return (status, body, Err(broken)),
            }
        }
        assert!(bytes.is_empty(), "what waits for more has taken all there is");
    }
    (status, body, response.finish())
}

#[track_caller]
fn good(text: &str, body: &str) {
    let (_, got, result) = read([text.as_bytes()]);
    assert_eq!((String::from_utf8(got).unwrap().as_str(), result), (body, Ok(())), "{text:?}");
}

#[track_caller]
fn bad(text: &str, broken: ResponseError) {
    assert_eq!(read([text.as_bytes()]).2, Err(broken), "{text:?}");
}

#[test]
fn a_body_ends_where_its_length_a_last_chunk_or_the_stream_says() {
    good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", "hello");
    good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", "");
    good("HTTP/1.0 200 OK\r\n\r\nhello", "hello");
    good("HTTP/1.1 200\r\n\r\n", "");
    good("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "hi");
    good(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n0A\r\n, and more\r\n0\r\nT: t\r\n\r\n",
        "hello, and more",
    );
    good("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", "");
    good("HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "");
}

#[test]
fn a_field_that_goes_on_in_the_next_line_is_one() {
    good("HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nContent-Length:\r\n 2\r\n\r\nhi and more", "hi");
    good("HTTP/1.1 200 OK\nTransfer-Encoding:\n  chunked\n\n2\r\nhi\r\n0\r\n\r\n", "hi");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 2\r\n\r\nhi", ResponseError::BadLength);
}

#[test]
fn interim_responses_are_passed_over() {
    good("HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi", "hi");
    bad("HTTP/1.1 101 Switch\r\n\r\n", ResponseError::SwitchedProtocols);
    bad("HTTP/1.1 100 Go on\r\n\r\n", ResponseError::HeadCutShort);
    bad(&"HTTP/1.1 100 Go on\r\n\r\n".repeat(HEAD_LIMIT / 20), ResponseError::HeadTooLong);
}

#[test]
fn the_chunked_coding_counts_more_than_a_length_and_others_are_refused() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Length: x\r\nTransfer-Encoding:";
    good(&format!("{head} chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), "hi");
    bad(&format!("{head} gzip, chunked\r\n\r\n"), ResponseError::UnknownCoding("gzip".into()));
    bad(&format!("{head} chunked, gzip\r\n\r\n"), ResponseError::UnknownCoding("gzip".into()));
    bad(
        &format!("{head} chunked\r\ntransfer-encoding: chunked\r\n\r\n"),
        ResponseError::UnknownCoding("chunked".into()),
    );
}

#[test]
fn lengths_that_agree_are_one_and_others_are_refused() {
    good("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 02\r\n\r\nhi", "hi");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", ResponseError::LengthsDiffer);
    for length in ["", "-1", "+1", "1x", "1 1", "2,", "18446744073709551616"] {
        bad(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhi"), ResponseError::BadLength);
    }
}

#[test]
fn what_is_cut_short_is_told() {
    bad("", ResponseError::EmptyAnswer);
    bad("HT", ResponseError::HeadCutShort);
    bad("HTTP/1.1 200 OK\r\nA: b\r\n", ResponseError::HeadCutShort);
    bad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", ResponseError::BodyCutShort(Some(3)));
    for body in ["", "5", "5\r\nhi", "2\r\nhi", "2\r\nhi\r\n", "2\r\nhi\r\n0"] {
        bad(
            &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"),
            ResponseError::BodyCutShort(None),
        );
    }
    good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", "hi");
}

#[test]
fn what_is_no_response_is_told_at_once() {
    bad("Welcome!", ResponseError::NotHttp);
    bad("\r\nHTTP/1.1 200 OK\r\n\r\n", ResponseError::NotHttp);
    bad("HTTP/2.0 200 OK\r\n\r\n", ResponseError::NotHttp);
    bad("HTTP/1.1 abc\r\n\r\n", ResponseError::BadHead(httparse::Error::Status));
    bad("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ResponseError::BadHead(httparse::Error::HeaderName));
    let many = "A: b\r\n".repeat(300);
    bad(&format!("HTTP/1.1 200 OK\r\n{many}\r\n"), ResponseError::BadHead(httparse::Error::TooManyHeaders));
    for endless in ["A: b\r\n".repeat(20_000), "x".repeat(70_000)] {
        bad(&format!("HTTP/1.1 200 OK\r\n{endless}"), ResponseError::HeadTooLong);
    }
}

#[test]
fn a_bad_chunk_is_told() {
    for body in [
        "zz",
        "2\r\nhi!",
        "2\r\nhi\rx",
        "-2\r\n",
        "\r\n",
        ";x\r\n",
        " \r\n",
        "2\nhi\r\n",
        "ffffffffffffffffff\r\n",
    ] {
        bad(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"), ResponseError::BadChunk);
    }
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    bad(&format!("{head}2;{}", "x".repeat(5000)), ResponseError::BadChunk);
    bad(&format!("{head}0\r\n{}", "T: t\r\n".repeat(20_000)), ResponseError::TrailersTooLong);
}

/// Cuts `bytes` at these places, wherever in it they fall.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// A response with this body, framed in one of the three ways.
fn framed(body: &[Vec<u8>], framing: u8) -> Vec<u8> {
    let mut text = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n".to_vec();
    match framing {
        0 => text.extend(format!("Content-Length: {}\r\n\r\n", body.concat().len()).bytes()),
        1 => text.extend(b"Transfer-Encoding: chunked\r\n\r\n"),
        _ => text.extend(b"\r\n"),
    }
    for piece in body {
        match framing {
            1 if piece.is_empty() => {}
            1 => text.extend([format!("{:x};e=\"f\"\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()),
            _ => text.extend(piece),
        }
    }
    if framing == 1 {
        text.extend(b"0\r\nTrailer: t\r\n\r\n");
    }
    text
}

proptest! {
    #[test]
    fn any_cut_of_the_stream_gives_the_same_body(
        body in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        framing in 0..3u8,
        places in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let text = framed(&body, framing);
        prop_assert_eq!(read(cut(&text, &places)), (Some(200), body.concat(), Ok(())));
        prop_assert_eq!(read(text.chunks(1)), (Some(200), body.concat(), Ok(())));
    }

    #[test]
    fn a_stream_that_breaks_off_is_never_taken_for_a_whole_one(
        body in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..6),
        framing in 0..2u8,
        end in any::<usize>(),
    ) {
        let text = framed(&body, framing);
        // From the chunk of size zero on, what may be missing is no part of the body.
        let body_complete = if framing == 1 { text.len() - b"Trailer: t\r\n\r\n".len() } else { text.len() };
        prop_assert!(read([&text[..end % body_complete]]).2.is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_are_never_hoarded(
        start in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'0')], 0..300),
        places in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        let text = [start.as_bytes(), &bytes].concat();
        let (body_complete, in_pieces) = (read([&text[..]]), read(cut(&text, &places)));
        prop_assert_eq!(body_complete, in_pieces);
    }
}
