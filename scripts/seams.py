# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The two seams of the library: atomics go through coeval::atomic, so that the schedule checker can
replace them, and the kernel is called through coeval::sys(), so that a test can make calls fail."""

import re

from repository import CPP, files, line_of, without_comments

SEAM = {"src/core/system.cpp": "the seam itself",
        "src/core/descriptor_kernel.cpp": "its part for descriptors",
        "src/core/process_kernel.cpp": "its part for processes"}

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
     SEAM,
     "call the kernel through coeval::sys()"),
    (r"(?<![\w.>])::(?:open|openat|read|write|close|pipe2?|dup[23]?|mmap|munmap|ftruncate|kill|"
     r"waitid|waitpid|poll|ppoll|socket\w*|accept4?|recv\w*|send\w*|eventfd|getpid|prctl)\s*\(",
     SEAM,
     "call the kernel through coeval::sys()"),
]

# Calls that return a descriptor, which the seam moves above the standard ones.
MAKES_DESCRIPTOR = (r"(?<!\w)::(?:open|openat2?|creat|socket|accept4?|memfd_create|shm_open|dup|dup3|eventfd|"
                    r"epoll_create1?|timerfd_create|signalfd|inotify_init1?|userfaultfd|fanotify_init|"
                    r"pidfd_open|perf_event_open)\s*\(|\bSYS_(?:pidfd_open|pidfd_getfd|openat2?|"
                    r"io_uring_setup|userfaultfd|memfd_create|epoll_create1?)\b")
MOVED = re.compile(r"above_standard\((?:[\w:<>]+\()*(?:::)?(?:syscall\()?$")


def standard_descriptors(name, text):
    """Calls of the seam that may give the library one of the descriptors 0 to 2."""
    for match in re.finditer(MAKES_DESCRIPTOR, text):
        if not MOVED.search(text[:match.start()]):
            yield (f"{name}:{line_of(text, match.start())}: {match.group().rstrip(' (')}: the "
                   "program may have closed descriptor 0, 1 or 2: above_standard(...)")


def check(root):
    """The faults of the tree, each as "path:line: sentence"."""
    faults = []
    for path in files(root, "include", "src", suffixes=CPP):
        name = path.relative_to(root).as_posix()
        text = without_comments(path.read_text(), keep_strings=False)
        if name in SEAM:
            faults.extend(standard_descriptors(name, text))
        for pattern, homes, advice in RULES:
            if name in homes:
                continue
            for match in re.finditer(pattern, text):
                found = match.group().rstrip(" (")
                faults.append(f"{name}:{line_of(text, match.start())}: {found}: {advice}")
    return faults
