# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. Any arrow that is not in these tables is a fault."""

import re

from repository import CODE_FOLDERS, CPP, files, line_of, without_comments

AREAS = {
    "core": set(),
    "threading": {"core"},
    "pickle": {"core"},
    "futures": {"core", "threading"},
    "multiprocessing": {"core", "threading", "pickle"},
    "executors": {"core", "threading", "futures", "multiprocessing", "pickle"},
    "asyncio": {"core", "threading", "futures"},
    "observe": {"core", "threading", "pickle", "futures", "multiprocessing", "executors", "asyncio"},
}

# Finer than an area: the files whose path begins in one of these ways may also include these areas.
ALSO = {
    ("asyncio/subprocess",): {"multiprocessing"},  # it starts its children as a Process does
    # Pool is a layer above the process pool.
    ("multiprocessing/pool", "multiprocessing/detail/pool_", "multiprocessing/async_result",
     "multiprocessing/unordered_range"): {"executors", "futures"},
}
# In executors, processes are the process pool's business, and a factory's that offers both.
OF_PROCESSES = ("executors/processes/", "executors/process_", "executors/detail/process_",
                "executors/make_executor", "executors/any_executor")
ONLY_FOR = {
    "multiprocessing": {"executors": OF_PROCESSES},
    "pickle": {"executors": OF_PROCESSES},
}
STRANGERS = [("executors/thread_", "executors/process_"), ("executors/process_", "executors/thread_")]

# The rooms of src, and those of the same area that each may include besides itself.
ROOMS = {
    "executors/common": set(),
    "executors/threads": {"executors/common"},
    "executors/forks": {"executors/common", "executors/threads"},
    "executors/processes/exchange": set(),
    "executors/processes/worker": {"executors/processes/exchange"},
    "executors/processes/pool": {"executors/processes/exchange", "executors/common"},
    "multiprocessing/memory": set(),
    "multiprocessing/locks": {"multiprocessing/memory"},
    "multiprocessing/channels": {"multiprocessing/memory", "multiprocessing/locks"},
    "multiprocessing/processes": {"multiprocessing/memory", "multiprocessing/channels"},
    "multiprocessing/pool": set(),
}

# Public headers that adapt coeval to another library, which a program includes by itself.
ADAPTERS = {"fmt.hpp": "fmt"}

# Outside the library only the public API is included. These see more, to test it.
MAY_SEE_SRC = ("tests/internals/", "tests/model/", "tests/support/")
MAY_SEE_DETAIL = ("tests/", "bench/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
SYSTEM_FOLDERS = {"sys", "linux", "netinet", "arpa", "net", "asm", "bits"}


def includes(path):
    """The (line, quote, name) of each include of a file."""
    text = without_comments(path.read_text())
    return [(line_of(text, m.start(1)), m[1], m[2]) for m in INCLUDE.finditer(text)]


def resolve(root, path, quote, name):
    """The file of the repository that an include names, as (folder, "area/file.hpp"), or None."""
    if name.startswith("coeval/"):
        return "include", name.removeprefix("coeval/")
    if (root / "src" / name).is_file():
        return "src", name
    beside = (path.parent / name).resolve()
    if quote == '"' and beside.is_file():
        for folder in ("include/coeval", "src"):
            if beside.is_relative_to(root / folder):
                return folder.split("/")[0], beside.relative_to(root / folder).as_posix()
    return None


def leads_back(user, prefixes, more):
    """Whether the files of these prefixes, which may include the areas more, may include user in turn."""
    area = prefixes[0].split("/")[0]
    if user.split("/")[0] in more:
        return True
    is_below = any(area in AREAS[other] for other in more)
    return is_below and user.startswith(f"{area}/") and not user.startswith((*prefixes, f"{area}/{area}."))


def room_of(path):
    """The room of src that a file is in, or None."""
    folder = path.rpartition("/")[0]
    return folder if folder in ROOMS else None


def fault_between_rooms(user, used):
    """Why a file of one room may not include one of another room of its area, or None."""
    room, other = room_of(user), room_of(used)
    if room and other and room != other and room.split("/")[0] == other.split("/")[0]:
        if other not in ROOMS[room]:
            return f"the room {room} may not include {other}"
    return None


def fault_between(user, used):
    """Why the library's file user (area/file) may not include used, or None."""
    user_area, used_area = user.split("/")[0], used.split("/")[0]
    if fault := fault_between_rooms(user, used):
        return fault
    for one, other in STRANGERS:
        if user.startswith(one) and used.startswith(other):
            return "the thread pool and the process pool do not know each other"
    for prefixes, more in ALSO.items():
        if used.startswith(prefixes) and leads_back(user, prefixes, more):
            return f"{prefixes[0]}* stands above {user}"
    if user_area == used_area:
        return None
    allowed = set(AREAS[user_area])
    for prefixes, more in ALSO.items():
        if user.startswith(prefixes):
            allowed |= more
    if used_area not in allowed:
        return f"{user_area} may not include {used_area}"
    names = ONLY_FOR.get(used_area, {}).get(user_area)
    if names and not user.startswith(names):
        return f"in {user_area} only {'*, '.join(names)}* may include {used_area}"
    if user_area == "observe" and "/detail/" in used:
        return "observe sees the others' public headers only"
    return None


def library_fault(folder, user, target, quote, name):
    """Why a file of include/ or src/ may not have this include, or None."""
    if folder == "include":
        if quote == '"':
            return "a public header includes <coeval/...>, never with quotes"
        first = name.split("/")[0]
        known = SYSTEM_FOLDERS | {ADAPTERS.get(user)}
        if target is None and "/" in name and first not in known:
            return "a public header includes coeval, the standard library and the kernel only"
    if target is None:
        return None
    used_folder, used = target
    if folder == "include" and used_folder == "src":
        return "a public header may not include a private one"
    if used == "coeval.hpp" and user not in ADAPTERS:
        return "the library does not include its own umbrella header"
    if "/" not in user or "/" not in used:  # coeval.hpp and version.hpp stand above the areas
        return None
    for path in (user, used):
        if path.split("/")[0] not in AREAS:
            return f"the area {path.split('/')[0]} is not in the table of scripts/layers.py"
    return fault_between(user, used)


def outside_fault(user, target):
    """Why a file outside the library may not include the target, or None."""
    if target is None:
        return None
    folder, used = target
    if folder == "src" and not user.startswith(MAY_SEE_SRC):
        return "only include/ is for use outside the library"
    if "/detail/" in used and not user.startswith(MAY_SEE_DETAIL):
        return "detail headers are the library's own"
    return None


def unreachable(root, edges):
    """The public headers that coeval.hpp does not lead to; of core and detail, src may instead."""
    start = "include/coeval/coeval.hpp"
    if not (root / start).is_file():
        return []

    def reach(paths):
        seen, todo = set(), list(paths)
        while todo:
            path = todo.pop()
            if path not in seen:
                seen.add(path)
                todo += edges.get(path, ())
        return seen

    from_umbrella = reach([start])
    from_source = reach(p for p in edges if p.startswith("src/"))
    faults = []
    for path in files(root, "include", suffixes=CPP):
        name = path.relative_to(root).as_posix()
        is_inner = "/core/" in name or "/detail/" in name
        if name.removeprefix("include/coeval/") in ADAPTERS:
            continue
        if name not in from_umbrella and not (is_inner and name in from_source):
            faults.append(f"{name}:1: nothing that a user includes leads to this header")
    return faults


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    faults, edges = [], {}
    for path in files(root, *CODE_FOLDERS, suffixes=CPP):
        name = path.relative_to(root).as_posix()
        for line, quote, included in includes(path):
            target = resolve(root, path, quote, included)
            if name.startswith("include/coeval/"):
                user = name.removeprefix("include/coeval/")
                fault = library_fault("include", user, target, quote, included)
            elif name.startswith("src/"):
                fault = library_fault("src", name.removeprefix("src/"), target, quote, included)
            else:
                fault = outside_fault(name, target)
            if fault:
                faults.append(f"{name}:{line}: {fault} ({included})")
            if target:
                folder = "include/coeval/" if target[0] == "include" else "src/"
                edges.setdefault(name, []).append(folder + target[1])
    return faults + unreachable(root, edges)
