# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Each test that docs/tested.md names exists: folder/Suite.name, .name of the suite before, Suite.*."""

import re

from repository import files, line_of

DEFINED = re.compile(r"\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
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


def check(root):
    """The faults of the page, each as "path:line: sentence"."""
    page = root / "docs" / "tested.md"
    if not page.exists():
        return ["docs/tested.md does not exist"]
    text = page.read_text()
    tests = defined_tests(root)
    faults = []
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
