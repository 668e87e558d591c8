"""Runs a command with a terminal of its own for the streams that STREAMS names: on_terminal.py STREAMS COMMAND...

STREAMS is `err`, or `out,err`. What the terminal was given is printed, with every byte but those of printable ASCII as \\xNN.
Ends as the command does.
"""

import subprocess
import sys

import screen

streams = sys.argv[1]
others = {"stdin": subprocess.DEVNULL} | ({} if "out" in streams else {"stdout": subprocess.DEVNULL})
child, shown = screen.run(sys.argv[2:], streams, **others)
print("".join(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in shown))
sys.exit(child.wait())
