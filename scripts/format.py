#!/usr/bin/env python3
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ files are in the format of .clang-format. With --write it brings them into it."""

import re
import subprocess
import sys

from repository import CODE_FOLDERS, CPP, ROOT, files

TOOL = "clang-format-19"


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    paths = files(root, *CODE_FOLDERS, suffixes=CPP)
    if not paths:
        return []
    result = subprocess.run([TOOL, "--dry-run", "--Werror", *paths], cwd=root,
                            capture_output=True, text=True)
    first_lines = {}
    for match in re.finditer(r"^(.*?):(\d+):\d+: error: ", result.stderr, re.MULTILINE):
        first_lines.setdefault(match[1].removeprefix(f"{root}/"), match[2])
    if result.returncode != 0 and not first_lines:
        return [f"{TOOL}: {result.stderr.strip()}"]
    return [f"{name}:{line}: not in the house's format: ./run format"
            for name, line in first_lines.items()]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: format.py --write (the check is a part of check.py)")
    paths = files(ROOT, *CODE_FOLDERS, suffixes=CPP)
    if paths:
        sys.exit(subprocess.run([TOOL, "-i", *paths]).returncode)
