"""Servers as the tutorials write them, a thread for each client: greeters.py KIND

It prints the port that it serves, and serves until it is killed, or for two minutes.
"""

import signal
import socket
import sys
import threading
import time


def greet(client, welcome, reply, farewell, encoding, delay, answers_farewell):
    with client:
        client.sendall(welcome.encode(encoding))
        while data := client.recv(1024):
            time.sleep(delay)
            message = data.decode(encoding)
            if message == farewell and not answers_farewell:
                break
            client.sendall(reply.replace("M", message).encode(encoding))
            if message == farewell:
                break


def split(client):
    """Answers each message with a GBK character, a byte at a time."""
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while client.recv(1024):
            client.sendall(b"\xca")
            time.sleep(0.02)
            client.sendall(b"\xfd")


def tcp(serve, *rest):
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, *rest), daemon=True).start()

    return listener, run


def udp():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def run():
        while True:
            data, sender = server.recvfrom(1024)
            server.sendto(b"Hello, " + data + b"!", sender)

    return server, run


KINDS = {
    "hello": lambda: tcp(greet, "Welcome!", "Hello, M!", "exit", "utf-8", 0, False),
    "patient": lambda: tcp(greet, "Welcome!", "Hello, M!", "exit", "utf-8", 0.3, False),
    "receipt": lambda: tcp(greet, "", "数据[M]收到了!", "bye", "gbk", 0, True),
    "indeed": lambda: tcp(greet, "Hello WorldAAA", "M 是的呢", None, "utf-8", 0, False),
    "split": lambda: tcp(split),
    "udp": udp,
}

server, run = KINDS[sys.argv[1]]()
print(server.getsockname()[1], flush=True)
signal.alarm(120)
run()
