# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the benchmarks: each row and each contestant is in them, whatever is missing."""

import json
import sys
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

sys.dont_write_bytecode = True
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import plot  # noqa: E402


def row(name, ours, **rivals):
    return {"name": name, "unit": "ns/task", "ours": ours, "rivals": rivals, "ratio": None}


class Plot(unittest.TestCase):
    def draw(self, rows):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        results = Path(folder.name) / "results.json"
        results.write_text(json.dumps(rows))
        plot.main([str(results), folder.name])
        pictures = {path.name: path.read_text() for path in Path(folder.name).glob("*.svg")}
        for picture in pictures.values():
            xml.dom.minidom.parseString(picture)
        return pictures

    def test_a_bar_for_each_contestant(self):
        picture = self.draw([row("threads/one", 10.0, oneTBB=20.0, Asio=5.0)])["threads.svg"]
        for words in ("one", "10 ns/task", "20 ns/task", "5 ns/task"):
            self.assertIn(f">{words}<", picture)
        self.assertLess(self.width(picture, "Asio"), self.width(picture, "coeval"))
        self.assertLess(self.width(picture, "coeval"), self.width(picture, "oneTBB"))

    def width(self, picture, name):
        of_name = [line for line in picture.splitlines() if plot.COLOURS[name] in line and "<rect" in line]
        bar = of_name[1]  # the first is that of the legend
        return float(bar.split('width="')[1].split('"')[0])

    def test_lines_for_growth(self):
        rows = [row(f"threads/growth/workers_{n}/{kind}", 10.0 * n, oneTBB=20.0) for n in (1, 64) for kind in ("forget", "each")]
        rows += [row(f"threads/growth/submitters_{n}/forget", 10.0 * n) for n in (1, 16)]
        picture = self.draw(rows)["threads-growth.svg"]
        self.assertEqual(picture.count("<polyline"), 5)
        for count in ("1", "64", "16"):
            self.assertIn(f">{count}<", picture)

    def test_lines_for_the_growth_of_processes(self):
        rows = [row(f"processes/growth/pool_workers_{n}", 10.0 * n, joblib=20.0) for n in (1, 64)]
        rows += [row(f"processes/growth/pool_payload_{n}", 10.0 + n) for n in (0, 1000, 100_000_000)]
        picture = self.draw(rows)["processes-growth.svg"]
        self.assertEqual(picture.count("<polyline"), 3)
        self.assertEqual(picture.count("<circle"), 7)
        for count in ("64", "0", "1000", "100M"):
            self.assertIn(f">{count}<", picture)

    def test_a_row_without_our_value_is_left_out(self):
        pictures = self.draw([row("threads/gone", None, oneTBB=20.0), row("threads/there", 1.0)])
        self.assertNotIn("gone", pictures["threads.svg"])
        self.assertNotIn("threads-growth.svg", pictures)


if __name__ == "__main__":
    unittest.main()
