"""Markdown, and its place in BENCHMARKS.md."""

import datetime
import re

from . import peers

FILE = peers.ROOT / "BENCHMARKS.md"


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def write(name, text, how):
    """Puts it between the markers of that name, and says how it came about."""
    today = datetime.date.today().isoformat()
    block = f"<!-- begin {name} -->\n\n{text}\n\n<sub>{today}; {how}; {peers.describe()}.</sub>\n\n<!-- end {name} -->"
    page = FILE.read_text()
    pattern = re.compile(rf"<!-- begin {name} -->.*?<!-- end {name} -->", re.S)
    if not pattern.search(page):
        raise SystemExit(
            f"error: BENCHMARKS.md has no place for {name}: add <!-- begin {name} --><!-- end {name} -->"
        )
    FILE.write_text(pattern.sub(lambda _: block, page))
