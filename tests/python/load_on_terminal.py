"""Runs `HULLO load URL` with a terminal for its stderr: a bar lives there, and the report on stdout is plain text."""

import os
import pty
import subprocess
import sys

hullo, url = sys.argv[1:]
master, terminal = pty.openpty()
environment = dict(os.environ, TERM="xterm")
command = [hullo, "load", url, "-c", "5", "-d", "2s", "--warmup", "300ms"]
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment)
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
report = child.stdout.read()
assert child.wait() == 0, (shown, report)
assert shown.count(b"\r") > 3, shown  # drawn again and again in its place
for part in (b"p99", b"error"):
    assert part in shown, (part, shown[:2000])
assert b"closed loop" in report and b"\x1b" not in report and b"\r" not in report, report
