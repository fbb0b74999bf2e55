# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the benchmarks: each row is in them, whatever is missing, and nothing else of the page changes."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import bench_tables  # noqa: E402

ROWS = [
    {"name": "area/one", "unit": "ns", "ours": 12.345, "rivals": {"B": 1234.5, "A": 24.69}, "best_rival": "A", "ratio": 0.5},
    {"name": "area/two", "unit": "us", "ours": None, "rivals": {}, "best_rival": None, "ratio": None},
]


class BenchTables(unittest.TestCase):
    def test_a_line_for_each_row(self):
        lines = bench_tables.table(ROWS).splitlines()
        self.assertEqual(lines[2], "| `one` | ns | 12.3 | A 24.7 | 0.5 | B 1,234 |")
        self.assertEqual(lines[3], "| `two` | us | - | - | - | - |")

    def test_only_its_place_in_the_page_changes(self):
        page = "before\n<!-- results: area -->\nold\n<!-- end of results -->\nbetween\n<!-- results: other -->\nkept\n<!-- end of results -->\n"
        new = bench_tables.filled(page, {"area": "new\n"})
        self.assertEqual(new, page.replace("old\n", "new\n"))
        self.assertEqual(bench_tables.filled(new, {"area": "new\n"}), new)


if __name__ == "__main__":
    unittest.main()
