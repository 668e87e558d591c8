"""An HTTP server at the level of sockets, whose answers are odd in a way that the path names. Prints its port."""

import socket
import struct
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = bytes(range(256)) * 1000
FAR = 64 << 20  # more than the buffers between two sockets hold

sent_behind = 0  # bytes of /behind that found room


def chunked(client):
    """Chunks of every size, in pieces that end anywhere."""
    stream, at, size = CHUNKED, 0, 1
    while at < len(BODY):
        piece = BODY[at:at + size]
        stream += b"%x;name=\"value\"\r\n%s\r\n" % (len(piece), piece)
        at, size = at + size, size * 2 % 7919 + 1
    stream += b"0\r\nTrailer: one\r\nTrailer: two\r\n\r\n"
    at, size = 0, 1
    while at < len(stream):
        client.sendall(stream[at:at + size])
        at, size = at + size, size * 3 % 9973 + 1


def endless_head(client):
    client.sendall(OK)
    while True:
        client.sendall(b"Field: value\r\n" * 100)


def reset(client):
    client.sendall(OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 10)
    time.sleep(0.05)  # most often the client has read that by now; it fails either way
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_at_once(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(client):
    client.recv(1)


def drip(client):
    client.sendall(OK + b"Content-Length: 8\r\n\r\n")
    for byte in b"dripping":
        time.sleep(0.1)
        client.sendall(bytes([byte]))


def ahead(client):
    """Answers once /behind is stuck, and says how far it came."""
    before = -1
    while before != sent_behind or before == 0:
        before = sent_behind
        time.sleep(0.2)
    client.sendall(OK + b"\r\nstuck at %d\n" % before)


def behind(client):
    global sent_behind
    client.sendall(OK + b"Content-Length: %d\r\n\r\n" % FAR)
    while sent_behind < FAR:
        client.sendall(bytes(65536))
        sent_behind += 65536


def redirect(location):
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 4\r\n\r\nmove"


ANSWERS = {
    "chunked": chunked,
    "bad-chunk": CHUNKED + b"5\r\nhello\r\nxyz\r\n",
    "empty-chunk-size": CHUNKED + b"5\r\nhello\r\n\r\n\r\n",
    "chunks-cut-short": CHUNKED + b"5\r\nhello\r\n",
    "cut-short": OK + b"Content-Length: 100\r\n\r\n" + b"x" * 10,
    "longer": OK + b"Content-Length: 5\r\n\r\nhello and more",
    "empty": b"",
    "half-head": OK + b"Field",
    "endless-head": endless_head,
    "reset": reset,
    "reset-at-once": reset_at_once,
    "drip": drip,
    "silent": silent,
    "ahead": ahead,
    "behind": behind,
    "to-close": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
    "differ": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "both": OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "gzip": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "other-protocol": b"Welcome!",
    "error": b"HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nsorry",
    "tricks": OK + b"Content-Length: 33\r\n\r\n\x1b[2J\x1b]52;c;aGk=\x07\xc2\x9b6n\x9b\rx\r\n\xe6\x95\xb0\xe2\x80\xae\xe6\x95",
    "escape": OK + b"Field: \x9b2J\r\nContent-Length: 0\r\n\r\n",
    "loop": redirect(b"loop"),
    "a/b/relative": redirect(b"../../interim#part"),
    "to-nowhere": redirect(b"http://a b/"),
    "to-space": redirect("/with space/数据?a b#c d".encode()),
    "to-latin": redirect(b"/caf\xe9\tau lait"),
    "with%20space/%E6%95%B0%E6%8D%AE?a%20b": OK + b"Content-Length: 2\r\n\r\nhi",
    "caf%E9au%20lait": OK + b"Content-Length: 2\r\n\r\nhi",
    "no-content": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
}
# After these the server waits for the client to close.
STAYS_OPEN = {"silent", "longer", "other-protocol", "no-content", "both", "interim"}


def serve(client):
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            got = client.recv(65536)
            if not got:
                return
            request += got
        path = request.split()[1].decode()[1:]
        if path == "request":
            answer = OK + b"Content-Length: %d\r\n\r\n" % len(request) + request
        elif path.startswith("elsewhere/"):
            answer = redirect(b"http://" + path[10:].encode() + b"/request")
        elif path.startswith("to/"):
            answer = redirect(path[3:].encode())
        elif path.startswith("hop/"):
            number = int(path[4:])
            answer = redirect(b"%d" % (number - 1)) if number > 0 else OK + b"\r\nlanded"
        else:
            answer = ANSWERS[path]
        if callable(answer):
            answer(client)
        else:
            client.sendall(answer)
        if path in STAYS_OPEN:
            client.recv(1)
    except OSError:
        pass  # the client has left
    finally:
        client.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print("port", listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()


sys.exit(main())
