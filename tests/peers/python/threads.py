"""One thread for each client, as the tutorials have it.

python3 threads.py raw|line        Read buffer: 64 KiB for each client.
"""

import socket
import sys
import threading

LINE = sys.argv[1] == "line"
END = b"\n" if LINE else b""


def serve(client):
    with client:
        try:
            client.sendall(b"Welcome!" + END)
            messages = client.makefile("rb", 65536) if LINE else iter(lambda: client.recv(65536), b"")
            for message in messages:
                if LINE:
                    message = message.rstrip(b"\n").removesuffix(b"\r")
                if message == b"exit":
                    return
                client.sendall(b"Hello, %b!%b" % (message, END))
        except OSError:
            pass


threading.stack_size(256 * 1024)
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening on tcp://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
