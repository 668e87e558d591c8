"""What only a local peer can do, to a daemon and to `hullo talk`: local_peers.py HULLO DIRECTORY PID ADDRESS...

To each ADDRESS (unix:, unixpacket:, unixgram:) of the daemon PID goes a client whose name fills a socket address to its
last byte, and one that sends descriptors; then `hullo talk` is sent some. No descriptor may be left open by it.
"""

import array
import ctypes
import os
import select
import socket
import subprocess
import sys
import time

KINDS = {"unix": socket.SOCK_STREAM, "unixpacket": socket.SOCK_SEQPACKET, "unixgram": socket.SOCK_DGRAM}
PATIENCE = 20
hullo, directory, daemon, *addresses = sys.argv[1:]
count = 0


def new_socket(kind):
    one = socket.socket(socket.AF_UNIX, KINDS[kind])
    one.settimeout(PATIENCE)
    return one


def new_name(length):
    global count
    count += 1
    start = f"{directory}/{count}-"
    return start + "n" * (length - len(start))


def bind(one, name):
    """With no NUL behind the name, which Python would want room for."""
    address = int(socket.AF_UNIX).to_bytes(2, sys.byteorder) + name.encode()
    assert ctypes.CDLL(None).bind(one.fileno(), address, len(address)) == 0, name


def client(kind, path, length):
    one = new_socket(kind)
    bind(one, new_name(length))
    one.connect(path)
    if kind != "unixgram":
        expect(one, b"Welcome!")
    return one


def expect(one, wanted):
    got = b""
    while len(got) < len(wanted):
        part = one.recv(65536)
        assert part, f"the end after {got!r}, not {wanted!r}"
        got += part
    assert got == wanted, f"{got!r}, not {wanted!r}"


def send_with_descriptors(one, message):
    """The write end of a pipe, ten times: the read end, which hears when the last of them is closed."""
    reader, writer = os.pipe()
    rights = array.array("i", [writer] * 10)
    one.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(writer)
    return reader


def expect_closed(reader):
    ready, _, _ = select.select([reader], [], [], PATIENCE)
    assert ready, "somebody keeps the descriptor"
    assert os.read(reader, 1) == b""
    os.close(reader)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def serve(kind, path):
    before = descriptors(daemon)
    for length in [108, 107, 20 + len(directory)]:
        one = client(kind, path, length)
        one.send(b"Ann")
        expect(one, b"Hello, Ann!")
        pipes = [send_with_descriptors(one, b"Bob\n") for _ in range(3)]
        if kind == "unix":  # raw framing was decided with the first message: a message is what a read returned
            expect(one, b"Hello, Bob\n!" * 3)
        else:
            for _ in pipes:
                answer = one.recv(100)
                assert answer.strip() in (b"Hello, Bob!", b"Hello, Bob\n!"), answer
        for pipe in pipes:
            expect_closed(pipe)
        one.close()
    deadline = time.monotonic() + PATIENCE
    while descriptors(daemon) > before:  # the clients have left; the daemon is about to see it
        assert time.monotonic() < deadline, "the daemon keeps descriptors"


def talk_on_stream(kind):
    path = f"{directory}/{kind}-server"
    listener = new_socket(kind)
    listener.bind(path)
    listener.listen(1)
    with subprocess.Popen([hullo, "talk", f"{kind}:{path}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        one, _ = listener.accept()
        one.send(b"zero\n")
        assert process.stdout.readline() == b"zero\n"
        before = descriptors(process.pid)
        for reader in [send_with_descriptors(one, line) for line in (b"one\n", b"two\n", b"three\n")]:
            expect_closed(reader)
        for line in (b"one\n", b"two\n", b"three\n"):
            assert process.stdout.readline() == line
        assert descriptors(process.pid) == before
        one.close()
        process.stdin.close()


def talk_on_datagrams():
    path = f"{directory}/datagram-server"
    one = new_socket("unixgram")
    one.bind(path)
    with subprocess.Popen([hullo, "talk", f"unixgram:{path}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"Ann\n")
        process.stdin.flush()
        message, name = one.recvfrom(100)
        assert message.strip() == b"Ann", message
        one.connect(name)
        one.send(b"zero\n")
        assert process.stdout.readline() == b"zero\n"
        before = descriptors(process.pid)
        for reader in [send_with_descriptors(one, b"one\n") for _ in range(3)]:
            expect_closed(reader)
        assert process.stdout.readline() == b"one\n"
        assert descriptors(process.pid) == before
        process.stdin.close()
        process.kill()


for address in addresses:
    serve(*address.split(":", 1))
talk_on_stream("unix")
talk_on_stream("unixpacket")
talk_on_datagrams()
