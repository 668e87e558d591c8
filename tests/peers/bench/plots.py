"""Line plots as SVG, on logarithmic axes. By hand, so that one file is right on a light and on a dark page."""

import math

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 96, 56, 56
# After Okabe and Ito, so that those who see fewer colours can tell them apart.
COLOURS = {name: f"var(--{name})" for name in ["floor", "hullo", "libuv", "tokio", "go", "node", "asyncio"]}

STYLE = """
  svg { --ink: #1f2328; --soft: #59636e; --grid: #d1d9e0; --page: #ffffff;
        --floor: #1f2328; --hullo: #d55e00; --libuv: #0072b2; --tokio: #00875f; --go: #b8578f; --node: #b87f00;
        --asyncio: #3a9bd6; font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --soft: #9198a1; --grid: #3d444d; --page: #0d1117;
          --floor: #f0f6fc; --hullo: #ff8b3d; --libuv: #5aa9ff; --tokio: #2fcf9b; --go: #e89ac7; --node: #f2b632;
          --asyncio: #8fd3ff; }
  }
  text { fill: var(--soft); }
  .title { fill: var(--ink); font-size: 16px; font-weight: 600; }
  .grid { stroke: var(--grid); stroke-width: 1; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .thick { stroke-width: 3.5; }
  .dashed { stroke-dasharray: 7 5; }
  .name { font-weight: 600; }
"""


def draw(path, lines, title, x_name, y_name):
    """`lines` are {name: [(x, y)]}: hullo is drawn thickest, and the floor last and dashed, so that both show where they
    lie on each other."""
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line]
    x_at = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    low, high = _round(min(ys), math.floor), _round(max(ys), math.ceil)
    y_at = _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--page)"/>',
        f'<text class="title" x="{LEFT}" y="28">{title}</text>',
        f'<text x="{LEFT}" y="{TOP - 8}">{y_name}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{x_name}</text>',
        *_grid(sorted(set(xs)), low, high, x_at, y_at),
    ]
    order = sorted(lines, key=lambda name: (name == "floor", name == "hullo"))
    for name in order:
        parts += _line(lines[name], name, x_at, y_at)
    parts += _names(lines, y_at)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _scale(low, high, start, end):
    low, high = math.log(low), math.log(high)
    return lambda value: start + (math.log(value) - low) / ((high - low) or 1) * (end - start)


def _round(value, way):
    """To 1, 2 or 5 times a power of ten, down or up."""
    steps = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
    if way is math.floor:
        return max(step for step in steps if step <= value)
    return min(step for step in steps if step >= value)


def _grid(xs, low, high, x_at, y_at):
    for x in xs:
        yield f'<line class="grid" x1="{x_at(x):.1f}" x2="{x_at(x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{_short(x)}</text>'
    for y in (step * 10**power for power in range(-2, 7) for step in (1, 2, 5)):
        if low <= y * 1.0001 and y <= high * 1.0001:
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}"/>'
            yield f'<text x="{LEFT - 8}" y="{y_at(y) + 4:.1f}" text-anchor="end">{y:g}</text>'


def _short(value):
    if value >= 1024 and value % 1024 == 0:
        return f"{value // 1024} Ki"
    return f"{value:,}"


def _line(points, name, x_at, y_at):
    thick = {"hullo": " thick", "floor": " dashed"}.get(name, "")
    colour = COLOURS[name]
    path = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in points)
    yield f'<polyline class="line{thick}" style="stroke: {colour}" points="{path}"/>'
    for x, y in points:
        yield f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3.5" style="fill: {colour}"/>'


def _names(lines, y_at):
    """At the right end of each line, moved apart where they would touch."""
    wanted = sorted((y_at(points[-1][1]), name) for name, points in lines.items())
    places, gap = [], 17
    for y, name in wanted:
        places.append([max(y, places[-1][0] + gap) if places else y, name])
    over = places[-1][0] - (HEIGHT - BOTTOM)
    for index in range(len(places) - 1, -1, -1):
        limit = places[index + 1][0] - gap if index + 1 < len(places) else HEIGHT - BOTTOM
        if over > 0:
            places[index][0] = min(places[index][0], limit)
    for y, name in places:
        yield f'<text class="name" x="{WIDTH - RIGHT + 12}" y="{y + 4:.1f}" style="fill: {COLOURS[name]}">{name}</text>'
