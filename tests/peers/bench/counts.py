"""What is counted and not timed: instructions (callgrind) and system calls (strace). Counts repeat; timings do not.

Each count is the difference of two runs of unlike length, so that start, ramp and end cancel out.
"""

import os
import re
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from . import peers, report
from .load import Shape, with_c
from .processes import Client, Failed, Server, run as run_command

COUNTED = ["floor", "hullo", "libuv", "tokio", "mio"]


def instructions(run):
    """User instructions for each message."""
    if not shutil.which("valgrind"):
        raise Failed("valgrind is not installed")
    pingpong = Shape(clients=8, active=1)
    idle = 1000 if run.is_quick else min(5000, run.descriptors - 200)
    shapes = [
        ("ping-pong, 8 clients in turn", pingpong, (1000, 5000)),
        ("64 lines pipelined", Shape(clients=8, active=1, depth=64, framing="line"), (6400, 32000)),
        ("a short session", Shape(clients=1, is_churn=True), (200, 1000)),
        (
            f"ping-pong beside {idle:,} idle clients",
            replace(pingpong, idle=idle),
            (1000, 6000 if run.is_quick else 21000),
        ),
    ]
    rows = []
    for title, peer in _counted(run.peers):
        cells = []
        for what, shape, counts in shapes:
            if shape.idle and peer.name not in ("floor", "hullo"):
                cells.append("")
                continue
            low, high = (
                _server_instructions(peer.serve(shape.framing), replace(shape, messages=n).for_client)
                for n in counts
            )
            cells.append(report.number((high - low) / (counts[1] - counts[0])))
        rows.append([title, *cells, _datagram_instructions(peer)])
        run.say(f"  {title}")
    return report.table(
        ["", *(what for what, _, _ in shapes), "a datagram"], rows
    ), "callgrind, user instructions a message"


def _counted(found):
    """Titles and peers; hullo once more with a second reactor, which must change nothing."""
    for name in COUNTED:
        if name in found:
            yield _title(found[name]), found[name]
        if name == "hullo" and name in found:
            hullo = found[name]
            yield "hullo, `--reactors 2`", replace(hullo, command=[*hullo.command, "--reactors", "2"])


def _title(peer):
    return f"**{peer.name}**" if peer.name in ("floor", "hullo") else peer.what


def _datagram_instructions(peer):
    commands = {
        "floor": [str(peers.OUT / "c" / "udp_floor"), "raw"],
        "hullo": [*peer.command, "udp://127.0.0.1:0"],
    }
    if peer.name not in commands:
        return ""
    counts = (1000, 5000)

    def client(n):
        return lambda port: [str(peers.UDP_CLIENT), "-c", "1", "-k", "1", "-n", str(n), str(port)]

    low, high = (_server_instructions(commands[peer.name], client(n)) for n in counts)
    return report.number((high - low) / (counts[1] - counts[0]))


def _server_instructions(command, client):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with Server(command, wrapper) as server:
            with_c(server, client(server.port))
        return _summary(out)


def _summary(out):
    found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M) if out.exists() else None
    if not found:
        raise Failed("callgrind has left no count")
    return int(found[1])


def syscalls(run):
    """System calls for each message, by name."""
    if not shutil.which("strace"):
        raise Failed("strace is not installed")
    rows = []
    low, high = 500, 2500
    for peer in run.peers.values():
        if peer.name == "threads" or (run.is_quick and peer.name not in COUNTED):
            continue  # the idle clients of threads are idle threads
        shape = Shape(clients=8, active=1)
        before, after = (_calls(peer, replace(shape, messages=n)) for n in (low, high))
        each = {name: (after.get(name, 0) - before.get(name, 0)) / (high - low) for name in after}
        parts = [
            f"{name} {count:.2f}"
            for name, count in sorted(each.items(), key=lambda item: -item[1])
            if count >= 0.005
        ]
        idle = _idle_calls(peer, run)
        rows.append([_title(peer), f"{sum(each.values()):.2f}", ", ".join(parts), idle])
        run.say(f"  {peer.name}")
    head = ["", "calls a message", "which", "with 1,000 idle clients, calls a second"]
    return report.table(head, rows), "strace -c; ping-pong, 8 clients in turn; threads left out"


def _calls(peer, shape):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        with Server(peer.serve(shape.framing), ["strace", "-f", "-q", "-c", "-o", str(out)]) as server:
            with_c(server, shape.for_client(server.port))
            _end_traced(server)
        return _counts(out)


def _end_traced(server):
    """Ends what strace runs; strace then writes its table and ends by itself."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), signal.SIGTERM)
    server.process.wait(timeout=20)


def _idle_calls(peer, run):
    seconds = 1.0
    with tempfile.TemporaryDirectory() as folder, Server(peer.serve("raw")) as server:
        out = Path(folder) / "out"
        with Client(Shape(clients=1000, messages=1).for_client(server.port)) as client:
            time.sleep(0.3)  # until what follows a ramp is over
            run_command(
                [
                    "timeout",
                    "-s",
                    "INT",
                    str(seconds),
                    "strace",
                    "-f",
                    "-q",
                    "-c",
                    "-o",
                    str(out),
                    "-p",
                    str(server.pid),
                ]
            )
            client.leave()
        return f"{sum(_counts(out).values()) / seconds:.0f}"


def _counts(out):
    """strace's table: the fourth column is the number of calls, the last the name."""
    counts = {}
    for line in out.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            counts[words[-1]] = int(words[3])
    return counts


def generator_instructions(floor, shape, name):
    """User instructions of the generator itself for each request."""
    if not shutil.which("valgrind"):
        raise Failed("valgrind is not installed")
    counts = [4096 * 2, 4096 * 8]
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, Server(floor.serve(shape.framing)) as server:
            out = Path(folder) / "out"
            wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
            asked = replace(shape, messages=count)
            if name == "c":
                with Client(asked.for_client(server.port), wrapper) as client:
                    client.begin()
                    client.result()
                    client.leave()
            else:
                code, _, err, _ = run_command([*wrapper, *asked.for_hullo(server.port)])
                if code not in (0, 4):
                    raise Failed(f"hullo load: exit code {code}: {err[-300:]}")
            found.append(_summary(out))
    return (found[1] - found[0]) / (counts[1] - counts[0])
