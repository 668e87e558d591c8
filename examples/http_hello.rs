//! cargo run --release --example http_hello, then: curl -i http://127.0.0.1:7008/Michael
//!
//! HTTP/1.1 as far as a greeting goes: GET and HEAD, connections that are kept, requests that do not wait for the
//! answer before (pipelining), heads that come in pieces, and a limit on them.

use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin, Reactor};

const LONGEST_HEAD: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;

#[derive(Default)]
struct Hello {
    /// The front of a head whose end has not come; empty, and without a buffer, between requests.
    held: ConnMap<Vec<u8>>,
}

enum Step {
    Answered { head: usize },
    Wait,
    End,
}

/// Answers the request at the front of `input`.
fn step(input: &[u8], out: &mut Vec<u8>) -> Step {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(input) {
        Ok(httparse::Status::Complete(head)) if head <= LONGEST_HEAD => head,
        Ok(httparse::Status::Partial) if input.len() <= LONGEST_HEAD => return Step::Wait,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return refuse(out, "431 Request Header Fields Too Large", "");
        }
        Err(_) => return refuse(out, "400 Bad Request", ""),
    };
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let is_1_1 = request.version == Some(1);
    let values = |name| {
        let headers = request.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name));
        headers.filter_map(|header| str::from_utf8(header.value).ok())
    };
    if is_1_1 && values("host").count() != 1 {
        return refuse(out, "400 Bad Request", "");
    }
    if method != "GET" && method != "HEAD" {
        return refuse(out, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
    }
    // A body would have to be skipped to find the next request.
    if values("content-length").any(|length| length != "0") || values("transfer-encoding").next().is_some() {
        return refuse(out, "413 Content Too Large", "");
    }
    let says =
        |word| values("connection").flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case(word));
    let is_kept = !says("close") && (is_1_1 || says("keep-alive"));
    let connection = if is_kept { "keep-alive" } else { "close" };

    let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let body = format!("Hello, {}!\n", if name.is_empty() { "world" } else { name });
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
    out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    out.extend_from_slice(format!("Connection: {connection}\r\n\r\n").as_bytes());
    if method == "GET" {
        out.extend_from_slice(body.as_bytes());
    }
    if is_kept { Step::Answered { head } } else { Step::End }
}

fn refuse(out: &mut Vec<u8>, status: &str, header: &str) -> Step {
    let answer = format!("HTTP/1.1 {status}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(answer.as_bytes());
    Step::End
}

impl Handler for Hello {
    fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
        self.held.insert(conn, Vec::new());
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        let Some(held) = self.held.get_mut(conn) else { return };
        let mut joined = std::mem::take(held);
        let mut input = bytes;
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            input = &joined;
        }
        while !input.is_empty() {
            let mut result = Step::Wait;
            net.send_with(conn, |out| result = step(input, out));
            match result {
                Step::Answered { head } => input = &input[head..],
                Step::Wait => return *held = input.to_vec(),
                Step::End => {
                    net.close(conn);
                    return;
                }
            }
        }
    }

    fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
        self.held.remove(conn);
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7008".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("http on {}", reactor.local_addr(listener)?);
    reactor.run(&mut Hello::default())?;
    Ok(())
}
