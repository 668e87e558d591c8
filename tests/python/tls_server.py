"""An HTTP server over TLS whose answers end in the ways that a path names: tls_server.py CHAIN KEY [ca]. Prints its port.

With `ca` it asks for a certificate of the client's.
"""

import contextlib
import socket
import ssl
import struct
import sys
import threading

OK = b"HTTP/1.1 200 OK\r\n"

# What is sent, and whether the end of it is announced with a close_notify.
ANSWERS = {
    "whole": (OK + b"\r\nall of it", True),
    "truncated": (OK + b"\r\nall of it", False),
    "length": (OK + b"Content-Length: 9\r\n\r\nall of it", False),
    "cut-short": (OK + b"Content-Length: 100\r\n\r\nall of it", False),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n", False),
    "chunks-cut-short": (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n", False),
    "half-head": (OK, False),
    "empty": (b"", False),
}


def leave(wire):
    """Ends our side, and reads the other to its end: what is left unread there becomes a reset, which overtakes what we said."""
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_WR)
        while wire.recv(4096):
            pass


def answer(client, wire, request):
    path = request.split(b" ")[1].decode().removeprefix("/")
    if path.startswith("to/"):
        client.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % path.removeprefix("to/").encode())
    elif path == "asked":
        protocol = client.selected_alpn_protocol() or "none"
        client.sendall(OK + b"\r\n" + protocol.encode() + b"\r\n" + request)
    elif path == "reset":
        client.sendall(OK + b"Content-Length: 100\r\n\r\nx")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    else:
        text, is_announced = ANSWERS[path]
        client.sendall(text)
        if not is_announced:
            return leave(wire)
    client.unwrap()


def serve(wire):
    with wire.dup() as ours:
        try:
            with context.wrap_socket(wire, server_side=True) as client:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    piece = client.recv(4096)
                    if not piece:
                        return
                    request += piece
                answer(client, ours, request)
        except ssl.SSLError:
            leave(ours)  # one of the two does not trust the other, and an alert says so
        except OSError:
            pass  # the client has left


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["http/1.1"])
if "ca" in sys.argv[3:]:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print("port", listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
