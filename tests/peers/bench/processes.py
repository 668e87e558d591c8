"""Servers and clients as child processes, each pinned to a core of its own, none of them left behind."""

import atexit
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time

CORES = sorted(os.sched_getaffinity(0))
# The first core has most of the system's own work, so the server, which is what is measured, gets the last.
CLIENT_CORE, SERVER_CORE = CORES[0], CORES[-1]
PATIENCE = 60  # seconds that no run takes
_libc = ctypes.CDLL(None)
_running = set()


def raise_descriptor_limit():
    """To the hard limit, which the children inherit. Returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Child:
    def __init__(self, command, core):
        def prepare():
            _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it does not outlive us, however we end
            os.sched_setaffinity(0, {core})

        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=prepare,
            text=True,
        )
        self.pid = self.process.pid
        _running.add(self)

    def line(self):
        """The next line of its stdout."""
        alarm = signal.alarm(PATIENCE)
        line = self.process.stdout.readline()
        signal.alarm(alarm)
        if not line:
            raise Failed(
                f"{' '.join(self.command)}: ended early: {self.process.stderr.read()[-400:].strip()}"
            )
        return line.strip()

    def cpu(self):
        """Nanoseconds of processor time so far, of all threads, ended ones included."""
        return time.clock_gettime_ns(~self.pid << 3 | 2)  # what clock_getcpuclockid makes of the pid

    def memory(self):
        """Resident bytes. /proc/PID/status has only an estimate on newer kernels, this walks the pages."""
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            return int(re.search(r"^Rss:\s+(\d+)", file.read(), re.M)[1]) * 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def end(self, number=signal.SIGTERM):
        """Ends it in order, or after 10 s by force."""
        self.process.send_signal(number)  # does nothing once it has ended
        try:
            if not self.process.stdout.closed:
                self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        _running.discard(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Failed(Exception):
    """A peer or a client that did not do what it was to do."""


class Server(Child):
    """A peer that listens. `wrapper` is a command that runs it, such as valgrind."""

    def __init__(self, command, wrapper=()):
        super().__init__([*wrapper, *command], SERVER_CORE)
        try:
            line = self.line()
        except Failed:
            self.end()
            raise
        found = re.match(r"listening on \w+://127\.0\.0\.1:(\d+)", line)
        if not found:
            self.end()
            raise Failed(f"{' '.join(self.command)}: not an announcement: {line}")
        self.port = int(found[1])


class Client(Child):
    """A C client that has connected its clients, and waits to be told to begin."""

    def __init__(self, command, wrapper=()):
        super().__init__([*wrapper, *command], CLIENT_CORE)
        try:
            word, _, seconds = self.line().split()
        except Failed:
            self.end(signal.SIGKILL)
            raise
        assert word == "ready"
        self.ramp = float(seconds)

    def begin(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self):
        """Messages, seconds, and of datagrams how many were lost."""
        word, count, seconds, *lost = self.line().split()
        assert word == "messages"
        return int(count), float(seconds), int(lost[0]) if lost else 0

    def leave(self):
        """Closes all its connections."""
        self.process.communicate(timeout=PATIENCE)
        _running.discard(self)

    def __exit__(self, *_):
        if self in _running:
            self.end(signal.SIGKILL)


def run(command, core=CLIENT_CORE):
    """Runs a command to its end; its exit code, stdout, stderr, and the nanoseconds of processor time it took."""
    before = _children_cpu()
    child = Child(command, core)
    try:
        out, err = child.process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(command)}: has not ended in {PATIENCE} s") from None
    finally:
        child.end(signal.SIGKILL)
    return child.process.returncode, out, err, _children_cpu() - before


def _children_cpu():
    """Of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def eventually(is_so, seconds=10):
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)


@atexit.register
def _end_all():
    for child in list(_running):
        child.process.kill()
        child.process.wait()


def _too_long(*_):
    raise Failed(f"nothing came for {PATIENCE} s")


signal.signal(signal.SIGALRM, _too_long)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
