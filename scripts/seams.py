# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The two seams of the library: atomics go through coeval::atomic, so that the schedule checker can
replace them, and the kernel is called through coeval::sys(), so that a test can make calls fail."""

import re

from repository import CPP, files, line_of, without_comments

SEAM = {"src/core/system.cpp": "the seam itself",
        "src/core/descriptor_kernel.cpp": "its part for descriptors",
        "src/core/process_kernel.cpp": "its part for processes"}

# The kernel and glibc together know of a holder's death; nothing of ours could.
ROBUST = {"src/multiprocessing/robust_mutex.cpp": "the lock that tells of a holder's death",
          "src/multiprocessing/process_token.cpp": "registers with fork"}

# (what must not stand in the library, where it may, what to write instead)
RULES = [
    (r"\batomic_(?:thread|signal)_fence\b",
     {},
     "ThreadSanitizer cannot see a fence: give the operation its order"),
    (r"\bstd::atomic(?:_\w+)?\b",
     {"include/coeval/core/atomic.hpp": "the seam itself",
      "src/core/system.cpp": "the table of system calls: a setting, below the seam",
      "src/core/log.cpp": "the log handler: a setting, no part of any protocol",
      "src/core/hooks.cpp": "the observer: a setting, no part of any protocol",
      "include/coeval/core/hooks.hpp": "the observer's declaration"},
     "use coeval::atomic"),
    (r"\bstd::(?:mutex|recursive_mutex|timed_mutex|shared_mutex|condition_variable\w*|"
     r"counting_semaphore|binary_semaphore|latch|barrier)\b",
     {},
     "use a lock of coeval::threading: the schedule checker cannot see the standard's"),
    (r"\bstd::(?:jthread|thread(?!::)|async)\b|\bstd::this_thread::(?:sleep_\w+|yield)\b",
     {},
     "threads are started by coeval::sys() and never sleep to synchronise"),
    (r"\b(?:steady|system|high_resolution)_clock::now\b|\bstd::random_device\b",
     {},
     "time and chance come from coeval::sys()"),
    (r"(?<![\w.>*])(?:::)?(?:syscall|clock_gettime|clock_nanosleep|nanosleep|usleep|sched_yield|"
     r"sched_[gs]etaffinity|pthread_(?:create|join|detach|kill|cancel|setname_np|(?:mutex|cond|"
     r"rwlock|spin|barrier)_\w+)|fork|vfork|posix_spawnp?|getrandom|getentropy|gettid)\s*\(",
     SEAM | ROBUST,
     "call the kernel through coeval::sys()"),
    (r"(?<![\w.>])::(?:open|openat|read|write|close|pipe2?|dup[23]?|mmap|munmap|ftruncate|kill|"
     r"waitid|waitpid|poll|ppoll|socket\w*|accept4?|recv\w*|send\w*|eventfd|getpid|prctl)\s*\(",
     SEAM,
     "call the kernel through coeval::sys()"),
]


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    faults = []
    for path in files(root, "include", "src", suffixes=CPP):
        name = path.relative_to(root).as_posix()
        text = without_comments(path.read_text(), keep_strings=False)
        for pattern, homes, advice in RULES:
            if name in homes:
                continue
            for match in re.finditer(pattern, text):
                found = match.group().rstrip(" (")
                faults.append(f"{name}:{line_of(text, match.start())}: {found}: {advice}")
    return faults
