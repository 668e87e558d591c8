"""The dialect `hello` on a Unix socket with a backlog of five, a thread for each client: unix_greeter.py PATH

It prints a number once it listens, and serves until it is killed, or for two minutes.
"""

import signal
import socket
import sys
import threading


def greet(client):
    with client:
        client.sendall(b"Welcome!")
        while data := client.recv(1024):
            client.sendall(b"Hello, " + data + b"!")


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(5)
print(0, flush=True)
signal.alarm(120)
while True:
    client, _ = listener.accept()
    threading.Thread(target=greet, args=(client,), daemon=True).start()
