"""How the cost of a message grows, with the number of clients and with the size of the messages; drawn as plots."""

from . import plots, report
from .load import Shape, Spread, rounds_of, with_c
from .processes import Server

SHOWN = ["floor", "hullo", "libuv", "tokio", "go", "node", "asyncio"]
CLIENTS = [1, 10, 100, 1_000, 10_000]
SIZES = [16, 64, 256, 1024, 4096, 16 * 1024, 64 * 1024]
FOLDER = report.FILE.parent / "docs" / "plots"


def growth(run):
    shown = {name: run.peers[name] for name in (SHOWN[:4] if run.is_quick else SHOWN) if name in run.peers}
    most = run.descriptors - 100
    by_clients = [(n, Shape(clients=min(n, most), seconds=run.seconds / 2)) for n in CLIENTS]
    by_size = [(n, Shape(clients=16, framing="line", size=n, seconds=run.seconds / 2)) for n in SIZES]
    rounds = max(1, run.rounds - 2)
    parts = []
    for name, title, head, points, more in [
        ("clients", "What a message costs with more clients", "clients", by_clients, []),
        # One read may hold no newline yet, so the framing has to be told: an auto server would take it for raw.
        (
            "sizes",
            "What a message costs when it is longer",
            "bytes in a message",
            by_size,
            ["--max-message", "64KiB", "--framing", "line"],
        ),
    ]:
        lines = _lines(shown, points, rounds, more, run.say)
        parts.append(
            report.table(
                [head, *(f"{n:,}" for n, _ in points)],
                [[peer, *(f"{y / 1000:.2f}" for _, y in lines[peer])] for peer in lines],
            )
        )
        if not run.is_dry:
            in_us = {peer: [(x, y / 1000) for x, y in line] for peer, line in lines.items()}
            plots.draw(FOLDER / f"{name}.svg", in_us, title, head, "microseconds of server CPU a message")
    pictures = [
        "![Server CPU for each message against the number of clients](docs/plots/clients.svg)",
        "![Server CPU for each message against its size](docs/plots/sizes.svg)",
    ]
    text = f"{pictures[0]}\n\n{parts[0]}\n\n{pictures[1]}\n\n{parts[1]}"
    return (
        text,
        f"microseconds of server CPU a message, {rounds} {'rounds, alternating, medians' if rounds > 1 else 'round'}; sizes with 16 clients",
    )


def _lines(shown, points, rounds, more, say):
    """{peer: [(x, nanoseconds)]}. One server takes all points of a round, so the state it has grown is part of it."""

    def measure(peer):
        framing = points[0][1].framing
        with Server(peer.serve(framing, *more)) as server:
            return [with_c(server, shape.for_client(server.port)).cost for _, shape in points]

    results = rounds_of(rounds, shown, measure, say)
    xs = [x for x, _ in points]
    return {
        name: list(zip(xs, (Spread.of(costs).middle for costs in zip(*results[name])))) for name in results
    }
