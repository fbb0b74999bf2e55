# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Each relative link of the documentation leads to a file, and each #anchor to a heading."""

import re

from repository import files, line_of

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)


def without_code(text):
    """Markdown in which code is blank, and each line keeps its number."""
    return CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def anchors(path):
    """The anchors that a page offers: its headings, as web pages of Markdown spell them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    faults = []
    pages = sorted(root.glob("*.md")) + files(root, "docs", "examples", "bench", suffixes=(".md",))
    for page in pages:
        text = without_code(page.read_text())
        for match in LINK.finditer(text):
            link = match[1].strip("<>")
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path) if path else page
            where = f"{page.relative_to(root).as_posix()}:{line_of(text, match.start())}"
            if not target.exists():
                faults.append(f"{where}: {path} does not exist")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                faults.append(f"{where}: {path or page.name} has no heading #{anchor}")
    return faults
