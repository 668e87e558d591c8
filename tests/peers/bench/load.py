"""One measurement: a server, a client, and what the server's processor time was for each message."""

import json
import statistics
from dataclasses import dataclass, replace

from . import peers
from .processes import Client, Failed, Server, run


@dataclass
class Shape:
    """What the clients do."""

    clients: int = 1
    active: int = 0  # at a time; 0: all
    depth: int = 1
    framing: str = "raw"
    size: int = 16
    idle: int = 0
    is_churn: bool = False
    seconds: float = 0.4
    messages: int = 0  # instead of seconds

    def for_client(self, port):
        """The command of the C client."""
        stop = ["-n", self.messages] if self.messages else ["-t", self.seconds, "-w", self.seconds / 4]
        active = ["-a", self.active] if self.active else []
        churn = ["-x"] if self.is_churn else []
        words = [
            "-c",
            self.clients,
            *active,
            "-k",
            self.depth,
            "-f",
            self.framing,
            "-s",
            self.size,
            "-i",
            self.idle,
        ]
        return [str(peers.CLIENT), *map(str, [*words, *stop, *churn, port])]

    def for_hullo(self, port):
        """The same for `hullo load`, which has no idle clients, and whose clients are all active."""
        stop = ["-n", self.messages] if self.messages else ["-d", f"{int(self.seconds * 1000)}ms"]
        words = [
            "-c",
            self.clients,
            "--outstanding",
            self.depth,
            "--framing",
            self.framing,
            "-s",
            self.size,
            *stop,
        ]
        churn = ["--churn"] if self.is_churn else []
        return [*hullo_load(port), "--warmup", "0ms", *map(str, words), *churn]


def hullo_load(port, scheme="tcp"):
    return [str(peers.HULLO), "load", f"{scheme}://127.0.0.1:{port}", "--json", "-q"]


@dataclass
class Measured:
    messages: int
    seconds: float
    cpu: float  # nanoseconds of the server's, all of them
    lost: int = 0

    @property
    def cost(self):
        """Nanoseconds of the server's processor time for each message."""
        return self.cpu / self.messages


def with_c(server, command):
    with Client(command) as client:
        before = server.cpu()
        client.begin()
        messages, seconds, lost = client.result()
        cpu = server.cpu() - before
        client.leave()
    if not messages:
        raise Failed("nothing was answered")
    return Measured(messages, seconds, cpu, lost)


def with_hullo(server, command):
    """Ramp and farewell are part of the processor time, since it cannot be told to wait between them."""
    before = server.cpu()
    report, _ = load_report(command)
    cpu = server.cpu() - before
    return Measured(report["requests"]["correct"], report["duration_s"], cpu)


def generator_cost(server, shape, name):
    """Nanoseconds of the generator's own processor time for each request, without its ramp."""
    if name == "c":
        with Client(shape.for_client(server.port)) as client:
            before = client.cpu()
            client.begin()
            messages, _, _ = client.result()
            cpu = client.cpu() - before
            client.leave()
        return cpu / messages
    few = replace(shape, messages=shape.clients * shape.depth)
    (short, short_cpu), (long, long_cpu) = (load_report(each.for_hullo(server.port)) for each in (few, shape))
    return (long_cpu - short_cpu) / (long["requests"]["correct"] - short["requests"]["correct"])


def load_report(command):
    """What `hullo load` reports, and the nanoseconds of processor time it took."""
    code, out, err, cpu = run(command)
    try:
        report = json.loads(out)
    except ValueError:
        raise Failed(f"hullo load: exit code {code}: {err.strip()[-300:] or out[-300:]}") from None
    if code not in (0, 4) or not report["requests"]["correct"]:
        raise Failed(f"hullo load: exit code {code}: {'; '.join(report['verdict']['reasons'])}")
    return report, cpu


def has_hullo_load():
    code, _, _, _ = run([str(peers.HULLO), "load", "--help"])
    return code == 0


def rounds_of(count, candidates, measure, say):
    """Measures each candidate once a round, A B C, A B C. One that fails is named, and has no figures; without the
    floor's there are none at all. Returns {name: [result of each round]}."""
    results = {name: [] for name in candidates}
    for number in range(count):
        for name in list(results):
            try:
                results[name].append(measure(candidates[name]))
            except (Failed, OSError) as failed:  # an OSError when the server is gone while we look at it
                if name == "floor":
                    raise Failed(f"the floor: {failed}") from None
                peers.skip(name, failed)
                del results[name]
        say(f"  round {number + 1} of {count}")
    return results


def measure_shape(peer, shape, generator, more=()):
    with Server(peer.serve(shape.framing, *more)) as server:
        if generator == "hullo":
            return with_hullo(server, shape.for_hullo(server.port))
        return with_c(server, shape.for_client(server.port))


@dataclass
class Spread:
    """Median, least and most."""

    middle: float
    least: float
    most: float

    @staticmethod
    def of(values):
        return Spread(statistics.median(values), min(values), max(values))

    def text(self, form="{:.2f}"):
        middle = form.format(self.middle)
        return (
            middle
            if self.least == self.most
            else f"{middle} ({form.format(self.least)}..{form.format(self.most)})"
        )


def ratios(values, floor):
    """Of each round to the floor's of the same round."""
    return Spread.of([value / base for value, base in zip(values, floor)])
