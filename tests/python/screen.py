"""What a command shows on a terminal of its own."""

import os
import pty
import subprocess


def run(command, streams="err", **others):
    """Runs it with a terminal for the streams that `streams` names. The process, and what the terminal was given."""
    master, terminal = pty.openpty()
    others |= {f"std{stream}": terminal for stream in streams.split(",")}
    child = subprocess.Popen(command, env=dict(os.environ, TERM="xterm"), **others)
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
    return child, shown
