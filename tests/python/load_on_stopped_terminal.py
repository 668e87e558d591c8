"""Runs `HULLO load URL` with a terminal for its stderr, and stops that terminal as Ctrl-S does: a signal ends it all the same,
with its report."""

import os
import pty
import signal
import subprocess
import sys
import termios

hullo, url = sys.argv[1:]
master, terminal = pty.openpty()
environment = dict(os.environ, TERM="xterm")
command = [hullo, "load", url, "-c", "2", "-d", "60s", "--warmup", "0s"]
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment)
shown = b""
while b"measure" not in shown:
    shown += os.read(master, 65536)
termios.tcflow(terminal, termios.TCOOFF)
# It draws on for a while, and nobody takes it.
try:
    child.wait(1)
except subprocess.TimeoutExpired:
    pass
child.send_signal(signal.SIGINT)
report, _ = child.communicate(timeout=20)
assert child.returncode == 130, (child.returncode, report)
assert report.startswith(b"STOPPED: by SIGINT"), report
