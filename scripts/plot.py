#!/usr/bin/env python3
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the results of `./run bench`: plot.py [results.json [folder]]; without arguments, those of all areas.

<area>.svg has a bar for coeval and each rival in every row, as a multiple of coeval's time. <area>-growth.svg has
lines, the cost of a task against the number of workers, of submitting threads, or of bytes.
"""

import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLOURS = {
    "coeval": "#2563eb",
    "oneTBB": "#f59e0b",
    "Asio": "#10b981",
    "OpenMP": "#a855f7",
    "std::async": "#94a3b8",
    "CPython": "#ef4444",
    "CPython fork": "#ef4444",
    "CPython forkserver": "#f87171",
    "CPython spawn": "#fca5a5",
    "CPython SimpleQueue": "#fca5a5",
    "CPython SharedMemory": "#fca5a5",
    "CPython Pool": "#a855f7",
    "CPython Pool chunked": "#d8b4fe",
    "joblib": "#f59e0b",
    "Boost": "#10b981",
    "cereal": "#f59e0b",
    "msgpack": "#a855f7",
    "POSIX mq": "#f59e0b",
    "POSIX sem": "#f59e0b",
    "fork": "#94a3b8",
    "posix_spawn": "#64748b",
    "pipe": "#94a3b8",
    "socketpair": "#64748b",
    "pthread": "#94a3b8",
    "pthread robust": "#64748b",
}
LEGEND_END = 890
# The charts of an area's growth: the rows <area>/growth/<what>_<count>[/<kind>], titles of the chart and its x axis.
GROWTH = {
    "threads": [
        ("workers", "forget", "submit, future dropped: ns for each task", "workers"),
        ("workers", "each", "submit and result: ns for each task", "workers"),
        ("submitters", "forget", "submit, future dropped: ns for each task", "submitting threads, 2 workers"),
    ],
    "processes": [
        ("pool_workers", None, "submit and result: ns for each task", "workers"),
        ("pool_payload", None, "one task and its result: us", "bytes of the argument"),
        ("pool_map", None, "an element of a map, there and back: us", "bytes of the element"),
    ],
}
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
    'font-size="12" role="img" aria-label="{label}">\n'
    "<style>text {{ fill: #6b7280 }} .axis {{ stroke: #9ca3af; stroke-width: 1 }} "
    ".grid {{ stroke: #9ca3af; stroke-opacity: .3 }} .one {{ stroke: #2563eb; stroke-width: 1.5 }}</style>\n"
)


def text(x, y, words, anchor="start", weight="normal"):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{words}</text>\n'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>\n'


def short(value):
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def legend(names, x, y):
    parts, left = [], x
    for name in names:
        if x + 40 + 7 * len(name) > LEGEND_END:
            x, y = left, y + 18
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{COLOURS[name]}"/>\n')
        parts.append(text(x + 17, y, name))
        x += 40 + 7 * len(name)
    return "".join(parts)


def bars(rows):
    """Each contestant's time as a multiple of coeval's, on a logarithmic scale."""
    left, top, width, bar = 220, 60, 930, 14
    least, most = 0.1, 1000
    scale = (width - left - 110) / math.log10(most / least)

    def place(multiple):
        return left + scale * math.log10(min(max(multiple, least), most) / least)

    names = [name for name in COLOURS if name == "coeval" or any(name in row["rivals"] for row in rows)]
    top += 18 * (sum(40 + 7 * len(name) for name in names) // (LEGEND_END - left))
    body, y = [], top
    for row in rows:
        ours = row["ours"]
        lines = [("coeval", ours)] + [(n, row["rivals"][n]) for n in names if n in row["rivals"]]
        body.append(text(left - 8, y + bar * len(lines) / 2 + 4, row["name"].split("/", 1)[1], "end", "bold"))
        for name, value in lines:
            end = place(value / ours)
            body.append(
                f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="{bar - 2}" fill="{COLOURS[name]}"/>\n'
            )
            body.append(text(end + 4, y + bar - 3, f"{short(value)} {row['unit']}"))
            y += bar
        y += 10
    grid = []
    for multiple in (0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000):
        x = place(multiple)
        grid.append(line(x, top - 6, x, y, "one" if multiple == 1 else "grid"))
        grid.append(text(x, top - 10, f"{multiple:g}×", "middle"))
    head = HEAD.format(width=width, height=y + 10, label="coeval beside its rivals; shorter is better")
    title = text(left, 18, "Time as a multiple of coeval's; shorter is better", weight="bold")
    return head + title + legend(names, left, 36) + "".join(grid) + "".join(body) + "</svg>\n"


def series(rows, what, kind):
    """{contestant: [(count, value)]} of the rows <area>/growth/<what>_<count>[/<kind>]."""
    found = {}
    for row in rows:
        _, _, counted, *rest = row["name"].split("/")
        if rest != ([kind] if kind else []) or not counted.startswith(what + "_"):
            continue
        count = int(counted.rsplit("_", 1)[1])
        for name, value in [("coeval", row["ours"])] + list(row["rivals"].items()):
            if value is not None:
                found.setdefault(name, []).append((count, value))
    return found


def chart(lines, title, x_title, left, width=250, top=70, height=210):
    """One chart of a picture; both scales are logarithmic, where 0 stands at 1."""
    counts = sorted({count for points in lines.values() for count, _ in points})
    first = max(counts[0], 1)
    values = [value for points in lines.values() for _, value in points]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    x_scale = width / math.log10(max(counts[-1] / first, 10))
    y_scale = height / math.log10(high / low)

    def at(count, value):
        return left + x_scale * math.log10(max(count, 1) / first), top + height - y_scale * math.log10(value / low)

    parts = [text(left, top - 12, title, weight="bold"), text(left + width / 2, top + height + 36, x_title, "middle")]
    parts.append(line(left, top, left, top + height, "axis"))
    parts.append(line(left, top + height, left + width, top + height, "axis"))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        y = at(counts[0], 10**power)[1]
        parts.append(line(left, y, left + width, y, "grid") + text(left - 6, y + 4, short(10.0**power), "end"))
    for count in counts:
        label = f"{count // 10**9}G" if count >= 10**9 else f"{count // 10**6}M" if count >= 10**6 else count
        parts.append(text(at(count, low)[0], top + height + 17, label, "middle"))
    for name, points in lines.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in sorted(points)))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>\n')
        for point in points:
            x, y = at(*point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>\n')
    return "".join(parts)


def growth(area, rows):
    parts, names = [], []
    for number, (what, kind, title, x_title) in enumerate(GROWTH[area]):
        lines = series(rows, what, kind)
        if not lines:
            continue
        names += [name for name in COLOURS if name in lines and name not in names]
        parts.append(chart(lines, title, x_title, 60 + 320 * number))
    head = HEAD.format(width=20 + 320 * len(GROWTH[area]), height=330, label="how the cost of a task grows")
    return head + legend(names, 60, 22) + "".join(parts) + "</svg>\n"


def draw(results, folder):
    rows = [row for row in json.loads(results.read_text()) if row["ours"]]
    folder.mkdir(parents=True, exist_ok=True)
    if not rows:
        return
    area = rows[0]["name"].split("/")[0]
    grown = [row for row in rows if "/growth/" in row["name"]]
    (folder / f"{area}.svg").write_text(bars([row for row in rows if row not in grown]))
    if grown:
        (folder / f"{area}-growth.svg").write_text(growth(area, grown))


def main(arguments):
    folder = pathlib.Path(arguments[1] if len(arguments) > 1 else ROOT / "docs/images")
    files = [pathlib.Path(arguments[0])] if arguments else sorted((ROOT / "bench/results").glob("*.json"))
    for results in files:
        draw(results, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
