"""A daemon on a terminal that takes no output, or from whose foreground it was sent away: it starts, greets and ends."""

import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

HULLO = sys.argv[1]
DEADLINE = time.monotonic() + 40


def greet(path):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(path)
                client.sendall(b"Anna\n")
                client.shutdown(socket.SHUT_WR)
                said = b""
                while chunk := client.recv(100):
                    said += chunk
                assert said == b"Welcome!Hello, Anna!\n", said
                return
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < DEADLINE, "it does not listen"
            time.sleep(0.01)


def serve(path, terminal):
    command = [HULLO, "serve", "unix:" + path, "--log-level", "debug"]
    return subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)


def stopped(path):
    """As by Ctrl-S, before it has said a word."""
    main, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    daemon = serve(path, terminal)
    greet(path)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    os.close(main)
    os.close(terminal)


def in_the_background(path):
    """With `stty tostop`, a write from the background stops a process that has nothing against it."""
    pid, main = pty.fork()
    if pid == 0:
        settings = termios.tcgetattr(0)
        settings[3] |= termios.TOSTOP
        termios.tcsetattr(0, termios.TCSANOW, settings)
        daemon = subprocess.Popen([HULLO, "serve", "unix:" + path], process_group=0)
        greet(path)
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(20)
        os._exit(0 if code == 0 else 1)
    said = b""
    try:
        while chunk := os.read(main, 1000):
            said += chunk
    except OSError:
        pass  # the other side is closed
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    assert b"listening on unix:" in said and b"hullo: drained" in said, said


with tempfile.TemporaryDirectory() as directory:
    stopped(os.path.join(directory, "stopped"))
    if sys.version_info >= (3, 11):
        in_the_background(os.path.join(directory, "background"))
    else:
        print("skipped: this Python starts no process groups", file=sys.stderr)
