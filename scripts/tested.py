# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Each test that docs/tested.md names exists: folder/Suite.name, .name of the suite before, Suite.*. And each
row of the acceptance table (docs/develop/acceptance-rows.txt) has its row there."""

import re

from repository import files, line_of

DEFINED = re.compile(r"\b(?:TYPED_|CONTRACT_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
NAMED = re.compile(r"(?<![\w./])(?:(?P<folder>\w+)/(?P<suite>\w+))?\.(?P<name>\*|(?!md\b)[a-z]\w+)(?![\w/])")
COMPILE_FAIL = re.compile(r"compile_fail/(\w+)")


def defined_tests(root):
    """{(folder, suite): names} of all GoogleTest tests."""
    tests = {}
    for path in files(root, "tests", suffixes=(".cpp",)):
        folder = path.relative_to(root / "tests").parts[0]
        for suite, name in DEFINED.findall(path.read_text()):
            tests.setdefault((folder, suite), set()).add(name)
    return tests


def rows_in(text):
    """{section: the names of its rows}: those that the first cell lists, or begins with in bold."""
    rows = {}
    section = None
    for line in text.splitlines():
        if line.startswith("## "):
            section = rows.setdefault(line.removeprefix("## ").strip(), set())
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if section is not None and line.startswith("|") and any(cells[1:]):
            bold = re.match(r"\*\*([^*]+)\*\*", cells[0])
            section.update({bold[1]} if bold else (name.strip() for name in cells[0].split(",")))
    return rows


def missing_rows(root, text):
    """Rows of the acceptance table that the page does not have."""
    table = root / "docs" / "develop" / "acceptance-rows.txt"
    if not table.exists():
        return ["docs/develop/acceptance-rows.txt does not exist"]
    there = rows_in(text)
    faults = []
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        section, _, row = (part.strip() for part in line.partition("|"))
        if row not in there.get(section, ()):
            faults.append(f"docs/develop/acceptance-rows.txt:{number}: docs/tested.md has no row \"{row}\" under "
                          f"{section}: name its tests there, or \"not there\" and why")
    return faults


def check(root):
    """The faults of the page, each as "path:line: sentence"."""
    page = root / "docs" / "tested.md"
    if not page.exists():
        return ["docs/tested.md does not exist"]
    text = page.read_text()
    tests = defined_tests(root)
    faults = missing_rows(root, text)
    suite = None
    for match in NAMED.finditer(text):
        if match["suite"]:
            suite = (match["folder"], match["suite"])
        where = f"docs/tested.md:{line_of(text, match.start())}"
        if suite not in tests:
            faults.append(f"{where}: there is no suite {'/'.join(suite or ('?',))}")
        elif match["name"] != "*" and match["name"] not in tests[suite]:
            faults.append(f"{where}: {'/'.join(suite)} has no test {match['name']}")
    for match in COMPILE_FAIL.finditer(text):
        if not (root / "tests" / "compile_fail" / f"{match[1]}.cpp").exists():
            where = f"docs/tested.md:{line_of(text, match.start())}"
            faults.append(f"{where}: compile_fail has no test {match[1]}")
    return faults
