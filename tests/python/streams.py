"""A foreign client of the stream dialects, on sockets alone: streams.py DIALECT ADDRESS...

Every conversation is held on every address, and every byte of it is compared.
"""

import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor


class TlsSocket:
    """TLS over a socket, whose sides end one by one: ssl.SSLSocket cannot read once it has said close_notify."""

    def __init__(self, wire):
        self.wire, self.incoming, self.outgoing = wire, ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.session = context.wrap_bio(self.incoming, self.outgoing)
        self.until_done(self.session.do_handshake)

    def until_done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.wire.recv(65536)
                self.incoming.write(data) if data else self.incoming.write_eof()
            except ssl.SSLZeroReturnError:
                return b""  # the end, as close_notify has it; any other is an exception
            finally:
                self.flush()

    def flush(self):
        if self.outgoing.pending:
            self.wire.sendall(self.outgoing.read())

    def sendall(self, data):
        self.session.write(data)
        self.flush()

    def recv(self, size):
        return self.until_done(lambda: self.session.read(size))

    def shutdown(self, _how):
        try:
            self.session.unwrap()
        except ssl.SSLWantReadError:
            pass  # the server has yet to end its side
        self.flush()

    def close(self):
        self.wire.close()


class Client:
    def __init__(self, address):
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(20)
            self.socket.connect(where)
        else:
            host, _, port = where.removeprefix("//").rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=20)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if kind == "tls":
            self.socket = TlsSocket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def expect(self, expected):
        """Reads as many bytes as expected, and not one more."""
        got = b""
        while len(got) < len(expected):
            data = self.socket.recv(len(expected) - len(got))
            if not data:
                break
            got += data
        assert got == expected, f"{got!r}, not {expected!r}"

    def expect_end(self, expected=b""):
        """Reads to the end. A reset is an exception, and fails."""
        got = b""
        while data := self.socket.recv(65536):
            got += data
        assert got == expected, f"{got!r} and the end, not {expected!r}"


def talk(address, welcome, reply, farewell=None, farewell_reply=b"", encoding="utf-8"):
    """What all dialects that go on after an answer have in common."""
    answer = lambda message: reply.replace("M", message).encode(encoding)
    names = ["Michael", "世界", "你好", "x"]
    with Client(address) as client:  # raw: in turns, nothing at the end of an answer
        client.expect(welcome)
        for name in names:
            client.send(name.encode(encoding))
            client.expect(answer(name))
        client.end()
        client.expect_end()
    with Client(address) as client:  # lines: LF and CRLF, an empty one, an unfinished one
        client.expect(welcome)
        for name in names:
            client.send(name.encode(encoding) + b"\n")
            client.expect(answer(name) + b"\n")
        client.send(b"Anna\r\n\nBob")
        client.end()
        client.expect_end(b"".join(answer(name) + b"\n" for name in ["Anna", "", "Bob"]))
    with Client(address) as client:  # a client that says nothing
        client.end()
        client.expect_end(welcome)
    with Client(address) as client:  # 8-bit clean
        client.expect(welcome)
        junk = bytes(byte for byte in range(256) if byte != 10)
        client.send(junk)
        before, after = (part.encode(encoding) for part in reply.split("M"))
        client.expect(before + junk + after)
    if farewell is None:
        return
    for end in [b"", b"\n", b"\r\n"]:
        with Client(address) as client:
            client.expect(welcome)
            client.send(farewell + end)
            client.expect_end(farewell_reply + (b"\n" if end and farewell_reply else b""))
    with Client(address) as client:  # no farewell: other letters, other spaces
        client.expect(welcome)
        for word in [farewell.upper(), farewell + b" ", b" " + farewell]:
            client.send(word)
            client.expect(answer(word.decode()))


def hello(address):
    talk(address, b"Welcome!", "Hello, M!", b"exit")


def receipt(address):
    sentence = "数据[bye]收到了!".encode("gbk")
    talk(address, b"", "数据[M]收到了!", b"bye", sentence, encoding="gbk")


def indeed(address):
    talk(address, b"Hello WorldAAA", "M 是的呢")
    with Client(address) as client:  # has no farewell
        client.expect(b"Hello WorldAAA")
        client.send(b"exit")
        client.expect("exit 是的呢".encode())


def once(address):
    for sent, answer in [(b"x", "我是Server"), (b"x\n", "我是Server\n"), (b"x\r\ny\n", "我是Server\n")]:
        with Client(address) as client:
            client.send(sent)
            client.expect_end(answer.encode())
    with Client(address) as client:
        client.end()
        client.expect_end()


def delayed(address, after_message):
    answer = lambda message: b"Hello, " + message + after_message
    with Client(address) as client:
        client.expect(b"Welcome!")  # the welcome does not wait
        start = time.monotonic()
        client.send(b"Michael")
        client.expect(answer(b"Michael"))
        assert time.monotonic() - start >= 1.0, "answered early"
        start = time.monotonic()
        client.send(b"exit")
        client.expect_end()
        assert time.monotonic() - start >= 1.0, "the farewell was looked at early"
    with Client(address) as client:  # the delay is before each message
        client.expect(b"Welcome!")
        start = time.monotonic()
        client.send(b"a\nb\nlast")
        client.end()
        for count, name in enumerate([b"a", b"b", b"last"], 1):
            client.expect(answer(name) + b"\n")
            assert time.monotonic() - start >= count, "answered early"
        client.expect_end()


def patient(address):
    delayed(address, b"!")


def plain(address):
    delayed(address, b"")


def converse(address):
    try:
        globals()[dialect](address)
    except Exception as error:
        return f"{dialect} on {address}: {type(error).__name__}: {error}"


dialect, *addresses = sys.argv[1:]
assert addresses
with ThreadPoolExecutor(len(addresses)) as pool:
    failures = list(filter(None, pool.map(converse, addresses)))
if failures:
    raise SystemExit("\n".join(failures))
