"""Types at `hullo talk` on a terminal of its own: terminal.py HULLO ADDRESS"""

import os
import pty
import select
import sys
import time


class Terminal:
    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(arguments[0], arguments)
        self.shown = b""

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
        found = self.shown.endswith(text) if end else text in self.shown
        assert found, f"{self.shown!r}, and not {text!r}"
        self.shown = self.shown.partition(text)[2]

    def exit_code(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


hullo, address = sys.argv[1:]

terminal = Terminal(hullo, "talk", address)  # a conversation, to the farewell
terminal.expect(b"talking to " + address.encode())
terminal.expect(b"Welcome!")
terminal.type(b"Michael\n")
terminal.expect(b"Hello, Michael!")
terminal.type(b"a\nb\n")  # pasted: one after the other all the same
terminal.expect(b"Hello, a!")
terminal.expect(b"Hello, b!")
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
