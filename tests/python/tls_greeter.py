"""The dialect `hello` over TLS, a thread for each client: tls_greeter.py KIND CHAIN KEY

KIND is greets, cuts (it goes without a close_notify in place of its third answer), wants (a certificate of the client's, by
TLS 1.3) or wants12 (by TLS 1.2). It prints the port that it serves, and serves until it is killed, or for two minutes. Who
comes with a ticket is not welcome.
"""

import signal
import socket
import ssl
import sys
import threading

kind, chain, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
if kind.startswith("wants"):
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(chain)
if kind == "wants12":
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def greet(wire):
    whole = wire.dup()
    try:
        with context.wrap_socket(wire, server_side=True) as client:
            client.sendall(b"Known!" if client.session_reused else b"Welcome!")
            for number, line in enumerate(client.makefile("rb"), 1):
                message = line.rstrip(b"\n")
                if message == b"exit":
                    client.unwrap()
                    return
                if kind == "cuts" and number == 3:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(b"Hello, " + message + b"!\n")
    except ssl.SSLError:
        # What is left unread would reset the connection, and the alert could be lost.
        while whole.recv(4096):
            pass
    except OSError:
        pass
    finally:
        whole.close()


signal.alarm(120)
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=greet, args=[client], daemon=True).start()
