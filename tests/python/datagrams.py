"""A foreign client of the datagram dialects, on sockets alone: datagrams.py DIALECT ADDRESS..."""

import os
import socket
import sys
import tempfile


class Client:
    """A socket that talks to one address, and has a name to be answered at."""

    def __init__(self, address, directory):
        kind, _, where = address.partition(":")
        if kind == "unixgram":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            Client.count = getattr(Client, "count", 0) + 1
            self.socket.bind(os.path.join(directory, str(Client.count)))
            self.socket.connect(where)
        else:
            host, _, port = where.removeprefix("//").rpartition(":")
            family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.connect((host.strip("[]"), int(port)))
        self.socket.settimeout(20)

    def ask(self, message, answer):
        self.socket.send(message)
        got = self.socket.recv(65536)
        assert got == answer, f"{message[:50]!r} was answered {got[:50]!r}, not {answer[:50]!r}"

    def ask_in_vain(self, message):
        """Sends what is not to be answered: the next answer received is to something else."""
        self.socket.send(message)

    def expect_nothing(self):
        self.socket.setblocking(False)
        try:
            got = self.socket.recv(65536)
        except BlockingIOError:
            return
        raise AssertionError(f"{got!r} came, not nothing")


def answers(client, before):
    for message in ["Michael".encode(), "世界".encode(), "你好".encode("gbk"), b"x", b"line\n", b"exit", b"bye"]:
        client.ask(message, before + message + b"!")
    everything = bytes(range(256))
    client.ask(everything, before + everything + b"!")
    longest = b"l" * 1024
    client.ask(longest, before + longest + b"!")
    client.ask_in_vain(b"")
    client.ask_in_vain(b"l" * 1025)
    client.ask_in_vain(b"l" * 9000)
    client.ask_in_vain(before + b"Michael!")  # the form of its own answer
    client.ask(b"after", before + b"after!")
    client.expect_nothing()


def hello(connect):
    answers(connect(), b"Hello, ")


def echo(connect):
    answers(connect(), b"Echo: ")


def quiet(connect):
    first, second = connect(), connect()
    for message in [b"Michael", b"", b"BYE", b"bye\n", b"x" * 2000]:
        first.ask_in_vain(message)
    first.ask(b"bye", b"bye")
    first.ask_in_vain(b"bye")  # at most once per source in five seconds
    # Another source is answered all the same, and after what the first one has sent.
    second.ask(b"bye", b"bye")
    first.expect_nothing()
    second.expect_nothing()


dialect, *addresses = sys.argv[1:]
assert addresses
with tempfile.TemporaryDirectory() as directory:
    for address in addresses:
        try:
            globals()[dialect](lambda: Client(address, directory))
        except Exception as error:
            raise SystemExit(f"{dialect} on {address}: {type(error).__name__}: {error}") from error
