#!/usr/bin/env python3
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Each C++ sample of the documentation is the text of a source that the tests build and run.

A sample is a fenced block marked cpp. The line before it names its source, a file of this folder or a
path from the root, and the region in it:

    <!-- sample: errors.cpp#catch -->

A region stands between two lines "// [catch]", without their indentation; without #region it is the
whole file after its licence lines. A block of one or two lines needs no source. With --write the
pages get the text of the sources.
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = "docs/samples"
BLOCK = re.compile(r"(?:^<!-- sample: (?P<file>[^#\s]+?)(?:#(?P<region>\w+))? -->\n)?"
                   r"^```cpp\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"^[ \t]*// \[(\w+)\]\n", re.MULTILINE)
SHORT = 2


def regions(text):
    """The {name: code} of the regions of a source; the empty name is the whole file."""
    found = {"": re.sub(r"\A(?:// SPDX.*\n)+\n?", "", MARK.sub("", text))}
    opened = {}
    for mark in MARK.finditer(text):
        name = mark[1]
        if name in opened:
            inside = MARK.sub("", text[opened.pop(name):mark.start()])
            found[name] = textwrap.dedent(inside)
        else:
            opened[name] = mark.end()
    for name in opened:
        found[name] = None
    return found


def source_path(root, name):
    return root / name if "/" in name else root / SAMPLES / name


def block_fault(root, block, used):
    """What is wrong with one block, or None. Notes the region that it uses."""
    name, region = block["file"], block["region"] or ""
    if name is None:
        lines = len(block["code"].splitlines())
        return f"a sample of {lines} lines without a source" if lines > SHORT else None
    path = source_path(root, name)
    if not path.is_file():
        return f"{name} does not exist"
    used.add((path, region))
    found = regions(path.read_text())
    if found.get(region) is None:
        return f"{name} has no region [{region}] that begins and ends"
    if found[region].strip("\n") != block["code"].strip("\n"):
        return f"the sample differs from {name}#{region}"
    return None


def pages(root):
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def check(root):
    """The faults of the documentation, each as "path:line: sentence"."""
    faults, used = [], set()
    for page in pages(root):
        text = page.read_text()
        for block in BLOCK.finditer(text):
            fault = block_fault(root, block, used)
            if fault:
                line = text.count("\n", 0, block.start("code"))
                faults.append(f"{page.relative_to(root).as_posix()}:{line}: {fault}")
    for path in sorted((root / SAMPLES).glob("*.cpp")):
        for region in regions(path.read_text()):
            if region and (path, region) not in used:
                faults.append(f"{path.relative_to(root).as_posix()}:1: no page shows [{region}]")
    return faults


def write(root):
    """Puts the text of the sources into the pages."""
    for page in pages(root):
        def from_source(block):
            path = source_path(root, block["file"] or "")
            code = regions(path.read_text()).get(block["region"] or "") if block["file"] else None
            if code is None:
                return block[0]
            before = block[0][:block.start("code") - block.start()]
            return before + code.strip("\n") + "\n```"
        text = page.read_text()
        fresh = BLOCK.sub(from_source, text)
        if fresh != text:
            page.write_text(fresh)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write(ROOT)
    all_faults = check(ROOT)
    print("\n".join(all_faults) or "every sample is the text of its source")
    sys.exit(1 if all_faults else 0)
