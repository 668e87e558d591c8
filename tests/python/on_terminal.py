"""Runs a command with a terminal of its own for the streams that STREAMS names: on_terminal.py STREAMS COMMAND...

STREAMS is `err`, or `out,err`. What the terminal was given is printed, with every byte but those of printable ASCII as \\xNN.
Ends as the command does.
"""

import os
import pty
import subprocess
import sys

streams = sys.argv[1].split(",")
master, terminal = pty.openpty()
environment = dict(os.environ, TERM="xterm")
child = subprocess.Popen(
    sys.argv[2:],
    stdin=subprocess.DEVNULL,
    stdout=terminal if "out" in streams else subprocess.DEVNULL,
    stderr=terminal,
    env=environment,
)
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
print("".join(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in shown))
sys.exit(child.wait())
