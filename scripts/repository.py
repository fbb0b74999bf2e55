# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the files of the repository, and C++ text without its comments."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPP = (".cpp", ".hpp")
CODE_FOLDERS = ("include", "src", "tests", "bench", "examples", "apps", "docs")
_SKIPPED_FOLDERS = {".git", "build", "__pycache__", "results"}


def files(root, *folders, suffixes=None):
    """The files under the folders of root (all of root without any), sorted."""
    found = []
    for folder in folders or (".",):
        for path in (root / folder).rglob("*"):
            inside = path.relative_to(root)
            if not path.is_file() or _SKIPPED_FOLDERS & set(inside.parts):
                continue
            if suffixes is None or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


_COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"\((?P<raw>.*?)\)"|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def without_comments(text, keep_strings=True):
    """C++ text in which each comment (and string) is blank, and each line keeps its number."""
    def blank(match):
        found = match.group()
        if keep_strings and not found.startswith("/"):
            return found
        return re.sub(r"[^\n]", " ", found)
    return _COMMENT_OR_STRING.sub(blank, text)


def line_of(text, position):
    """The number of the line in which the position of the text is."""
    return text.count("\n", 0, position) + 1
