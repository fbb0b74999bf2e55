# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Every file is a readable room: no longer than one sitting. (clang-tidy measures the functions.)"""

from repository import CODE_FOLDERS, CPP, ROOT, files

HEADER_LINES = 250
SOURCE_LINES = 400

# path: (lines it may have, the reason)
EXCEPTIONS = {}


def check(root, exceptions=None):
    """The faults of the tree, each as "path:line: sentence"."""
    if exceptions is None:
        exceptions = EXCEPTIONS if root == ROOT else {}  # those of this repository
    faults = []
    for path in files(root, *CODE_FOLDERS, "scripts", ".ci", suffixes=(*CPP, ".py", ".cmake", "")):
        name = path.relative_to(root).as_posix()
        room = HEADER_LINES if path.suffix == ".hpp" else SOURCE_LINES
        if name in exceptions:
            room, reason = exceptions[name]
            assert reason, f"{name}: an exception needs its reason"
        lines = len(path.read_text().splitlines())
        if lines > room:
            faults.append(f"{name}:{room}: {lines} lines, and the room is for {room}: split it")
    for name in exceptions:
        if not (root / name).is_file():
            faults.append(f"scripts/rooms.py:1: the exception {name} is no file any more")
    return faults
