# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over src/, and over one file that includes every header.

A file takes it seconds, so what was found clean is remembered, by the hash of all that it reads.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOOL = "clang-tidy-19"
MEMORY = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "coeval" / "tidy"


def units(root, build):
    """The compiler's command for each file that is worth a look: the library's, and all headers."""
    with open(build / "compile_commands.json") as database:
        commands = {Path(entry["file"]): entry["command"] for entry in json.load(database)}
    return [(path, commands[path]) for path in sorted(commands)
            if path.is_relative_to(root / "src") or path.name == "all_headers.cpp"]


def fingerprint(root, source, command):
    """The hash of the preprocessed file with its comments, and of what tells clang-tidy what to do.

    None when the file does not even preprocess.
    """
    words = shlex.split(command)
    words = words[next(i for i, word in enumerate(words) if "clang++" in word):]
    if "-o" in words:
        place = words.index("-o")
        del words[place:place + 2]
    result = subprocess.run([*words, "-E", "-CC"], cwd=root, capture_output=True)
    if result.returncode != 0:
        return None
    version = subprocess.run([TOOL, "--version"], capture_output=True).stdout
    config = root / ".clang-tidy"
    text = version + config.read_bytes() + command.encode() + result.stdout
    return hashlib.sha256(text.replace(str(root).encode(), b"")).hexdigest()


def check_unit(root, build, source, command):
    """The faults of one file."""
    key = fingerprint(root, source, command)
    remembered = MEMORY / key if key else None
    if remembered and remembered.exists():
        return []
    result = subprocess.run([TOOL, "--quiet", "-p", build, source], cwd=root,
                            capture_output=True, text=True)
    found = re.findall(r"^(.*?:\d+):\d+: (?:error|warning): (.*)$", result.stdout, re.MULTILINE)
    if result.returncode == 0 and not found and remembered:
        MEMORY.mkdir(parents=True, exist_ok=True)
        remembered.touch()
    if result.returncode != 0 and not found:
        return [f"{TOOL}: {result.stdout}{result.stderr}".strip()]
    return [f"{place.removeprefix(f'{root}/')}: {text}" for place, text in found]


def check(root, build=None):
    """The faults of the tree, each as "path:line: sentence"."""
    build = build or root / "build" / "clang-check"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda unit: check_unit(root, build, *unit), units(root, build))
        return sorted({fault for faults in results for fault in faults})
