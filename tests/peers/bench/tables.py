"""The tables of side-by-side runs. Each function measures one and returns its markdown and a sentence on how."""

import time
from dataclasses import replace

from . import peers, report
from .counts import generator_instructions
from .load import (
    Shape,
    Spread,
    generator_cost,
    has_hullo_load,
    hullo_load,
    load_report,
    measure_shape,
    ratios,
    rounds_of,
    with_c,
)
from .peers import Peer
from .processes import SERVER_CORE, Client, Failed, Server, eventually, run as run_command

FLOOR = "floor"


def cpu(run):
    """Processor time for each message, ping-pong."""
    columns = [(n, Shape(clients=n, seconds=run.seconds)) for n in (100, 1000)]
    results = [costs(run, shape) for _, shape in columns]
    head = [
        "",
        *(f"{n:,} clients, against the floor" for n, _ in columns),
        *(f"{n:,} clients" for n, _ in columns),
    ]
    return of_peers(run, head, results, lambda ns: f"{ns / 1000:.2f} us"), run.how()


def costs(run, shape, more=()):
    """{peer: [nanoseconds for each message, of each round]}"""

    def measure(peer):
        return measure_shape(peer, shape, run.generator, more).cost

    return rounds_of(run.rounds, run.peers, measure, run.say)


def of_peers(run, head, results, form):
    """A row for each peer: the ratios to the floor of each result, then the medians themselves."""
    rows = []
    for name, peer in run.peers.items():
        if not all(name in result for result in results):
            continue
        against = [ratios(result[name], result[FLOOR]).text() for result in results]
        medians = [form(Spread.of(result[name]).middle) for result in results]
        rows.append([title(peer), *against, *medians])
    return report.table(head, rows)


def title(peer):
    return f"**{peer.name}**: {peer.what}" if peer.name in ("hullo", FLOOR) else peer.what


def sessions(run):
    """Processor time for a short session."""
    result = costs(run, Shape(clients=8, is_churn=True, seconds=run.seconds))
    return of_peers(
        run, ["", "against the floor", "a session"], [result], lambda ns: f"{ns / 1000:.1f} us"
    ), run.how()


def pipelined(run):
    """128 lines under way from each of 64 clients. The ratio is of messages, so the other way round."""
    result = costs(run, Shape(clients=64, depth=128, framing="line", seconds=run.seconds))
    rows = []
    for name in result:
        per_second = [1e9 / cost for cost in result[name]]
        floor = [1e9 / cost for cost in result[FLOOR]]
        middle = report.number(Spread.of(per_second).middle)
        rows.append([title(run.peers[name]), ratios(per_second, floor).text(), middle])
    head = ["", "messages a CPU second, against the floor", "messages a CPU second"]
    return report.table(head, rows), run.how()


def clients(run):
    """Ten thousand clients: how fast they are taken in, what they hold, what is left when they are gone."""
    count = min(10_000, run.descriptors - 100)

    def measure(peer):
        with Server(peer.serve("raw")) as server:
            start, descriptors = server.memory(), server.descriptors()
            # First with no more handshakes under way than fit in the backlog, for the rate; then all at once.
            with Client(_idle_clients(count, 4000, server.port)) as client:
                held, threads, ramp = server.memory() - start, server.threads(), client.ramp
                client.leave()
            eventually(lambda: server.descriptors() <= descriptors and server.threads() < 100)
            time.sleep(0.1)  # what is freed after the close; there is no event for that
            left = server.memory() - start
            with Client(_idle_clients(count, count, server.port)) as client:
                return ramp, client.ramp, held / count, left / 1e6, threads

    rounds = 1 if run.is_quick else 2 * run.rounds + 1
    results = rounds_of(rounds, run.fast_peers, measure, run.say)
    results |= {} if run.is_quick else rounds_of(1, run.slow_peers, measure, run.say)
    floor = [row[0] for row in results[FLOOR]]
    rows = []
    for name, peer in run.peers.items():
        if name not in results:
            continue
        ramps, bursts, helds, lefts, threads = zip(*results[name])
        rate = ratios([1 / ramp for ramp in ramps], [1 / ramp for ramp in floor]).text()
        rows.append(
            [
                title(peer),
                rate,
                report.number(count / Spread.of(ramps).middle),
                Spread.of(bursts).text("{:.2f} s"),
                report.number(Spread.of(helds).middle),
                f"{Spread.of(lefts).middle:.1f} MB",
                max(threads),
            ]
        )
    head = [
        "",
        "accepted a second, against the floor",
        "accepted a second",
        "all at once: the last welcome after",
        "resident bytes for each idle client",
        "resident after they left, above the start",
        "threads",
    ]
    slow = f"; of {', '.join(run.slow_peers)} one round" if run.slow_peers.keys() & results.keys() else ""
    how = f"{count:,} clients, none refused and none lost{slow}; {run.how('the C client', rounds)}"
    more = _at_the_descriptor_limit(run) if "hullo" in run.peers else ""
    return report.table(head, rows) + "\n\n" + more, how


def _at_the_descriptor_limit(run):
    """hullo with as many clients as the system gives it descriptors for, in words."""
    count = run.descriptors - 100
    server = run.peers["hullo"].serve("raw", "--max-connections", str(count))
    with Server(server) as server:
        start, descriptors = server.memory(), server.descriptors()
        with Client(_idle_clients(count, 4000, server.port)) as client:
            held = (server.memory() - start) / count
            client.leave()
        eventually(lambda: server.descriptors() <= descriptors)
        time.sleep(0.1)
        left = (server.memory() - start) / 1e6
    return (
        f"With {count:,} clients, which is what the descriptor limit leaves room for here, hullo holds {held:.0f} bytes for "
        f"each, and {left:.1f} MB more than at its start when they have left."
    )


def _idle_clients(count, handshakes, port):
    words = ["-c", 1, "-i", count - 1, "-b", handshakes, "-f", "raw", "-n", 1, port]
    return [str(peers.CLIENT), *map(str, words)]


def udp(run):
    """Processor time for each datagram, against recvfrom and sendto one at a time."""
    candidates = {
        FLOOR: Peer(FLOOR, "", [str(peers.OUT / "c" / "udp_floor"), "raw"]),
        "hullo": Peer("hullo", "", [str(peers.HULLO), "serve", "udp://127.0.0.1:0"]),
    }
    rows = []
    for what, arguments in [
        ("8 flows, one datagram under way each", ["-k", "1"]),
        ("8 flows, 16 under way each", ["-k", "16"]),
        ("8 flows, bursts of 16 by a sender that uses UDP_SEGMENT", ["-k", "16", "-g"]),
    ]:

        def measure(peer):
            command = [str(peers.UDP_CLIENT), *arguments, "-t", str(run.seconds)]
            with Server(peer.command) as server:
                return with_c(server, [*command, str(server.port)])

        result = rounds_of(run.rounds, candidates, measure, run.say)
        cost = {name: [measured.cost for measured in result[name]] for name in result}
        lost = sum(measured.lost for name in result for measured in result[name])
        against = ratios(cost["hullo"], cost[FLOOR])
        middles = [f"{Spread.of(cost[name]).middle / 1000:.2f} us" for name in (FLOOR, "hullo")]
        rows.append([what, against.text(), *middles, lost])
    head = [
        "",
        "hullo against one at a time",
        "one at a time, a datagram",
        "hullo, a datagram",
        "lost in all runs",
    ]
    return report.table(head, rows), run.how("the C client")


def latency(run):
    """Open loop, half of what the floor can do."""
    if not has_hullo_load():
        raise Failed("this hullo has no `load`, and an open loop needs it")
    count = 1000
    capacity = rounds_of(
        1 if run.is_quick else 3, {FLOOR: run.peers[FLOOR]}, lambda peer: _capacity(peer, count, run), run.say
    )
    rate = int(Spread.of(capacity[FLOOR]).middle / 2)
    # Many short runs: where the machine stops for some milliseconds, it spoils the tail of one run and not of all.
    seconds = 1

    def measure(peer):
        with Server(peer.serve("line")) as server:
            words = ["-c", count, "-r", rate, "-d", f"{seconds}s", "--warmup", "500ms", "--framing", "line"]
            found, _ = load_report([*hullo_load(server.port), *map(str, words)])
        response = found["latency_us"]["response"]
        is_trusted = found["verdict"]["trustworthy"]
        return [response["p50"], response["p99"], response["p99_9"], response["max"], is_trusted]

    rounds = 1 if run.is_quick else 2 * run.rounds + 1
    results = rounds_of(rounds, run.fast_peers, measure, run.say)
    rows = []
    for name in results:
        *figures, trusted = zip(*results[name])
        cells = [Spread.of(figure).text("{:,.0f}") for figure in figures]
        rows.append([title(run.peers[name]), *cells, f"{sum(trusted)} of {len(trusted)}"])
    head = ["", "p50, us", "p99, us", "p99.9, us", "most, us", "runs that the generator trusts"]
    how = f"{rate:,} requests a second by {count:,} clients, {seconds} s a run; {run.how('`hullo load`', rounds)}"
    return report.table(head, rows), how


def _capacity(peer, count, run):
    with Server(peer.serve("line")) as server:
        measured = with_c(
            server, Shape(clients=count, framing="line", seconds=run.seconds).for_client(server.port)
        )
        return measured.messages / measured.seconds


def timers(run):
    """Set and cancel with a million pending."""
    if not peers.TIMERS.exists():
        raise Failed("the Rust peers were not built")
    kinds = {
        "hullo": "hullo's `Net::set_timer`",
        "heap": "`BinaryHeap`, cancelled ones noted and swept out",
        "tree": "`BTreeMap`",
    }

    def measure(kind):
        code, out, err, _ = run_command([str(peers.TIMERS), kind], SERVER_CORE)
        if code:
            raise Failed(err)
        _, setting, _, cancelling = out.split()
        return float(setting), float(cancelling)

    results = rounds_of(run.rounds, {kind: kind for kind in kinds}, measure, run.say)
    rows = [
        [kinds[kind], *(Spread.of(values).text("{:.0f}") for values in zip(*results[kind]))]
        for kind in results
    ]
    return report.table(["", "set, ns", "cancel, ns"], rows), f"{run.rounds} rounds, alternating"


def generators(run):
    """`hullo load` against the C client, each asking the floor."""
    if not has_hullo_load():
        raise Failed("this hullo has no `load`")
    floor = run.peers[FLOOR]
    rows = []
    for what, shape in [
        ("ping-pong, 100 clients", Shape(clients=100, framing="line")),
        ("64 clients, 64 lines pipelined", Shape(clients=64, depth=64, framing="line")),
    ]:

        def measure(name):
            with Server(floor.serve(shape.framing)) as server:
                return generator_cost(server, replace(shape, seconds=run.seconds * 2), name)

        result = rounds_of(run.rounds, {"c": "c", "hullo": "hullo"}, measure, run.say)
        against = ratios(result["hullo"], result["c"])
        instructions = {name: generator_instructions(floor, shape, name) for name in ("c", "hullo")}
        rows.append(
            [
                what,
                against.text(),
                *(f"{Spread.of(result[name]).middle / 1000:.2f} us" for name in ("c", "hullo")),
                f"{instructions['hullo'] / instructions['c']:.2f}",
                *(f"{instructions[name]:.0f}" for name in ("c", "hullo")),
            ]
        )
    head = [
        "",
        "CPU a request, against the C client",
        "C client",
        "`hullo load`",
        "user instructions a request, against the C client",
        "C client",
        "`hullo load`",
    ]
    return report.table(head, rows), run.how("both")
