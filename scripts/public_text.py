# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""What a public file says: its licence, no unfinished business, and no path of somebody's machine."""

import re

from repository import CODE_FOLDERS, files

SPDX = ("SPDX-FileCopyrightText: The coeval authors", "SPDX-License-Identifier: Apache-2.0")
LICENSED = (".cpp", ".hpp", ".py", ".cmake", ".sh")
RULES = [
    # The words are in pieces here, or this file would find itself.
    (re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
     "unfinished business belongs in an issue"),
    (re.compile(r"(?:^|[\s\"'`(=:])/(?:ho" r"me|Us" r"ers|ro" r"ot|wo" r"rk)/\w"),
     "the path of one machine"),
]
FOREIGN = {"LICENSE"}


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    faults = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture
        if name in FOREIGN:
            continue
        is_source = name.startswith((*CODE_FOLDERS, "scripts")) and path.suffix in LICENSED
        is_build_file = path.name in ("CMakeLists.txt", "run")
        if (is_source or is_build_file) and not all(line in text[:300] for line in SPDX):
            faults.append(f"{name}:1: the two SPDX lines are missing at the top")
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, sentence in RULES:
                if pattern.search(line):
                    faults.append(f"{name}:{number}: {sentence}: {line.strip()[:80]}")
    return faults
