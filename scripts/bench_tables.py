#!/usr/bin/env python3
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The results of `./run bench` as Markdown tables: bench_tables.py [--write] [area...].

Prints the table of each area that has results. With --write it puts them into docs/develop/benchmarks.md, each
between its lines `<!-- results: <area> -->` and `<!-- end of results -->`.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/develop/benchmarks.md"
PLACE = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows):
    """The Markdown table of an area's results."""
    lines = ["| Row | Unit | coeval | Best rival | Ratio | The others |", "|---|---|---|---|---|---|"]
    for row in rows:
        best = row["best_rival"]
        others = sorted((value, name) for name, value in row["rivals"].items() if name != best)
        cells = [
            f"`{row['name'].split('/', 1)[1]}`",
            row["unit"],
            number(row["ours"]),
            f"{best} {number(row['rivals'][best])}" if best else "-",
            number(row["ratio"]),
            ", ".join(f"{name} {number(value)}" for value, name in others) or "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def filled(page, tables):
    """The page with the tables, {area: Markdown}, in their places."""
    return PLACE.sub(lambda place: place[1] + tables[place[2]] + place[3] if place[2] in tables else place[0], page)


def main(arguments):
    areas = [name for name in arguments if name != "--write"]
    areas = areas or sorted(file.stem for file in RESULTS.glob("*.json"))
    tables = {area: table(json.loads((RESULTS / f"{area}.json").read_text())) for area in areas}
    if "--write" in arguments:
        PAGE.write_text(filled(PAGE.read_text(), tables))
    else:
        print("\n".join(f"{area}:\n\n{lines}" for area, lines in tables.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
