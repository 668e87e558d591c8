"""Runs `HULLO fetch URL -o FILE` with a terminal for its stderr: there is a progress bar, and it is gone at the end."""

import os
import sys

import screen

hullo, url, file = sys.argv[1:]
child, shown = screen.run([hullo, "fetch", url, "-o", file])
assert child.wait() == 0, shown
assert b"HTTP/1.0 200 OK\r\n" in shown, shown
assert b"/50.00 MiB" in shown and b"[===" in shown, shown[:2000]
assert os.path.getsize(file) == 50 << 20
