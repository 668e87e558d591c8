"""Runs `HULLO load URL` with a terminal for its stderr: a bar lives there, and the report on stdout is plain text."""

import subprocess
import sys

import screen

hullo, url = sys.argv[1:]
command = [hullo, "load", url, "-c", "5", "-d", "2s", "--warmup", "300ms"]
child, shown = screen.run(command, stdout=subprocess.PIPE)
report = child.stdout.read()
assert child.wait() == 0, (shown, report)
assert shown.count(b"\r") > 3, shown  # drawn again and again in its place
for part in (b"p99", b"error"):
    assert part in shown, (part, shown[:2000])
assert b"closed loop" in report and b"\x1b" not in report and b"\r" not in report, report
