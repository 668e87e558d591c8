"""Types at `hullo talk` on a terminal of its own: terminal.py HULLO ADDRESS"""

import os
import pty
import select
import socket
import sys
import threading
import time


class Terminal:
    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(arguments[0], arguments)
        self.shown = b""
        self.all = b""

    def type(self, text):
        os.write(self.fd, text)

    def expect(self, text, end=False):
        """Reads until `text` is shown; with `end`, until the terminal is closed, and then it must be the last."""
        deadline = time.monotonic() + 20
        while end or text not in self.shown:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{self.shown!r}, and not {text!r}"
            try:
                data = os.read(self.fd, 4096)
            except OSError:  # Linux: the other end is closed
                data = b""
            if not data:
                break
            self.shown += data
            self.all += data
        found = self.shown.endswith(text) if end else text in self.shown
        assert found, f"{self.shown!r}, and not {text!r}"
        self.shown = self.shown.partition(text)[2]

    def exit_code(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def serve(*turns):
    """Serves one client: says the first, and each of the others when it has read something. Its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        client, _ = listener.accept()
        with client:
            client.sendall(turns[0])
            for turn in turns[1:]:
                client.recv(1024)
                client.sendall(turn)

    threading.Thread(target=run, daemon=True).start()
    return f"tcp://127.0.0.1:{listener.getsockname()[1]}"


hullo, address = sys.argv[1:]

terminal = Terminal(hullo, "talk", address)  # a conversation, to the farewell
terminal.expect(b"talking to " + address.encode())
terminal.expect(b"Welcome!\r\n")  # what is typed next begins a line
terminal.type(b"Michael\n")
terminal.expect(b"Hello, Michael!\r\n")
terminal.type(b"a\nb\n")  # pasted: one after the other all the same
terminal.expect(b"Hello, a!\r\n")
terminal.expect(b"Hello, b!\r\n")
terminal.type(b"exit\n")
terminal.expect(b"exit\r\n", end=True)
assert terminal.exit_code() == 0

terminal = Terminal(hullo, "talk", address)  # Ctrl-D, and the prompt gets a line of its own
terminal.expect(b"Welcome!")
terminal.type(b"Michael\n")
terminal.expect(b"Michael\r\n")
terminal.expect(b"Hello, Michael!")
terminal.type(b"\x04")
terminal.expect(b"\r\n", end=True)
assert terminal.exit_code() == 0

terminal = Terminal(hullo, "talk", address)  # Ctrl-C
terminal.expect(b"Welcome!")
terminal.type(b"\x03")
terminal.expect(b"\r\n", end=True)
assert terminal.exit_code() == 130

tricks = b"\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b[2J\x1b[6n\xc2\x9b2J\x9b2J\rover\xe2\x80\xae\x00\ttab\r\nend"
for encoding in "utf-8", "gbk", "bytes":  # nothing that a terminal would obey reaches it
    address = serve(b"Hi", tricks, tricks)
    terminal = Terminal(hullo, "talk", address, "--encoding", encoding)
    terminal.expect(b"Hi\r\n")
    for _ in range(2):
        terminal.type(b"a\n")
        terminal.expect(b"a\r\n")
        terminal.expect(b"\r\nend\r\n")
    terminal.expect(address.encode() + b" ended the connection\r\n", end=True)  # and the end is said
    assert terminal.exit_code() == 0, terminal.exit_code()
    assert b"\\x1b]52;c;aGk=\\x07" in terminal.all and b"\ttab\r\n" in terminal.all, terminal.all
    text = terminal.all.decode()
    rest = [c for c in text.replace("\r\n", "").replace("\t", "") if ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e"]
    assert not rest, text
    assert encoding == "gbk" or "\\u{9b}2J\\x9b2J\\x0dover\\u{202e}\\x00" in text, text
