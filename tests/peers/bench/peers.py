"""Which peers there are, and how each is built. What cannot be built here is named and left out."""

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
OUT = ROOT / "target" / "peers"
HULLO = ROOT / "target" / "release" / "hullo"
CLIENT, UDP_CLIENT, TIMERS = (
    OUT / "c" / "client",
    OUT / "c" / "udp_client",
    OUT / "rust" / "release" / "timers",
)


@dataclass
class Peer:
    name: str
    what: str
    command: list = field(repr=False)
    is_slow: bool = False  # an interpreter: measured in fewer rounds where a round takes seconds

    def serve(self, framing, *more):
        """The command that runs it. hullo is told no framing: it is run as users run it. `more` is for hullo alone."""
        if self.name == "hullo":
            return [*self.command, "tcp://127.0.0.1:0", *more]
        return [*self.command, framing]


def skip(what, why):
    print(f"SKIP: {what}: {why}", flush=True)


def build(only=None):
    """Builds what is there, and returns the peers that are, in the order of the tables; the floor and hullo first."""
    (OUT / "c").mkdir(parents=True, exist_ok=True)
    if not shutil.which("gcc"):
        sys.exit("error: there is no gcc here, and without the floor and the C client there is no figure")
    for source in ["client", "udp_client", "floor", "udp_floor"]:
        if error := _gcc(source, []):
            sys.exit(f"error: {error}")
    if error := _cargo([], ROOT / "target"):
        sys.exit(f"error: hullo does not build: {error}")
    found = [
        Peer("floor", "epoll in C, nothing else", [str(OUT / "c" / "floor")]),
        Peer("hullo", "`hullo serve`, release build", [str(HULLO), "serve"]),
    ]
    for make in [_libuv, _libevent, _rust, _go, _node, _python]:
        found += make()
    unknown = set(only or []) - {peer.name for peer in found}
    for name in unknown:
        skip(name, "no such peer here")
    return [peer for peer in found if not only or peer.name in only or peer.name == "floor"]


def _gcc(source, libraries):
    """The error if there is one."""
    command = ["gcc", "-O2", "-o", str(OUT / "c" / source), str(HERE / "c" / f"{source}.c"), *libraries]
    return _run(command)


def _cargo(arguments, target):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    return _run(["cargo", "build", "--release", "--locked", "--quiet", *arguments], environment, cwd=ROOT)


def _run(command, environment=None, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=600)
    return done.stderr.strip()[-600:] if done.returncode else None


def _version_of(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]


def _libuv():
    if error := _gcc("libuv", ["-luv"]):
        return skip("libuv", f"Debian's libuv1-dev? {error.splitlines()[0]}") or []
    return [Peer("libuv", f"libuv {_pkg_config('libuv')} (C)", [str(OUT / "c" / "libuv")])]


def _libevent():
    if error := _gcc("libevent", ["-levent_core"]):
        return skip("libevent", f"Debian's libevent-dev? {error.splitlines()[0]}") or []
    return [Peer("libevent", f"libevent {_pkg_config('libevent')} (C)", [str(OUT / "c" / "libevent")])]


def _pkg_config(name):
    if not shutil.which("pkg-config"):
        return ""
    return _version_of("pkg-config", "--modversion", name)


def _rust():
    if error := _cargo(["--manifest-path", str(HERE / "rust" / "Cargo.toml")], OUT / "rust"):
        return skip("tokio, mio, timers", error.splitlines()[-1]) or []
    binaries = OUT / "rust" / "release"
    versions = _locked_versions()
    return [
        Peer("tokio", f"tokio {versions['tokio']}, current-thread (Rust)", [str(binaries / "tokio_net")]),
        Peer("mio", f"mio {versions['mio']}, as its example has it (Rust)", [str(binaries / "mio_net")]),
    ]


def _locked_versions():
    lines = (HERE / "rust" / "Cargo.lock").read_text().splitlines()
    pairs = zip(lines, lines[1:])
    return {a[8:-1]: b[11:-1] for a, b in pairs if a.startswith("name = ") and b.startswith("version = ")}


def _go():
    if not shutil.which("go"):
        return skip("go", "Debian's golang is not installed") or []
    binary = OUT / "go-net"
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GO111MODULE": "off",
        "GOCACHE": str(OUT / "go-cache"),
    }
    if error := _run(["go", "build", "-o", str(binary), str(HERE / "go" / "net.go")], environment):
        return skip("go", error.splitlines()[0]) or []
    return [Peer("go", f"Go net, {_version_of('go', 'version').split()[2]}", [str(binary)])]


def _node():
    if not shutil.which("node"):
        return skip("node", "Debian's nodejs is not installed") or []
    return [
        Peer("node", f"Node net, {_version_of('node', '--version')}", ["node", str(HERE / "node" / "net.js")])
    ]


def _python():
    """Debian's interpreter is preferred where it has uvloop, so that all three are run by the same one."""
    candidates = [python for python in ["/usr/bin/python3", sys.executable] if os.path.exists(python)]
    has_uvloop = [python for python in candidates if _run([python, "-c", "import uvloop"]) is None]
    python = (has_uvloop or [sys.executable])[0]
    version = _version_of(python, "--version")
    loop = [python, str(HERE / "python" / "loop.py")]
    found = []
    if has_uvloop:
        uvloop = _version_of(python, "-c", "import uvloop; print(uvloop.__version__)")
        found.append(Peer("uvloop", f"asyncio on uvloop {uvloop}, {version}", [*loop, "uvloop"], True))
    else:
        skip("uvloop", "Debian's python3-uvloop is not installed")
    return [
        *found,
        Peer("asyncio", f"asyncio, {version}", loop, True),
        Peer(
            "threads",
            f"a thread for each client, {version}",
            [python, str(HERE / "python" / "threads.py")],
            True,
        ),
    ]


@functools.cache
def describe():
    """Where, with what and of what the figures are. Once, before our own writing makes the work tree dirty."""
    commit = _version_of("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10")
    rustc = _version_of("rustc", "--version").split()[1]
    gcc = _version_of("gcc", "-dumpfullversion")
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    cores = len(os.sched_getaffinity(0))
    kernel = os.uname().release.split("-")[0]
    return f"{cores} cores of {model}, Linux {kernel}, rustc {rustc}, gcc {gcc}, hullo at {commit}"
