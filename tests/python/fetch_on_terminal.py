"""Runs `HULLO fetch URL -o FILE` with a terminal for its stderr: there is a progress bar, and it is gone at the end."""

import os
import pty
import subprocess
import sys

hullo, url, file = sys.argv[1:]
master, terminal = pty.openpty()
environment = dict(os.environ, TERM="xterm")
child = subprocess.Popen([hullo, "fetch", url, "-o", file], stderr=terminal, env=environment)
os.close(terminal)
shown = b""
while True:
    try:
        got = os.read(master, 65536)
    except OSError:  # the last user of the terminal has left
        break
    if not got:
        break
    shown += got
assert child.wait() == 0, shown
assert b"HTTP/1.0 200 OK\r\n" in shown, shown
assert b"/50.00 MiB" in shown and b"[===" in shown, shown[:2000]
assert os.path.getsize(file) == 50 << 20
