#!/usr/bin/env python3
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""The static checks: each says "ok", or lists its faults. Names as arguments choose among them.

First comes the test of the checks themselves, tests/scripts: each must find a fault planted for it.
"""

import subprocess
import sys
import time

import format
import layers
import links
import public_text
import rooms
import seams
import tested
import tidy
from repository import ROOT


def self_test(root):
    """The faults of the checks themselves."""
    command = [sys.executable, "-m", "unittest", "discover", "-s", str(root / "tests" / "scripts")]
    result = subprocess.run(command, capture_output=True, text=True)
    return [result.stderr] if result.returncode != 0 else []


CHECKS = {
    "self_test": self_test,
    "public_text": public_text.check,
    "links": links.check,
    "tested": tested.check,
    "layers": layers.check,
    "rooms": rooms.check,
    "seams": seams.check,
    "format": format.check,
    "tidy": tidy.check,
}


def main(names):
    unknown = set(names) - set(CHECKS)
    if unknown:
        sys.exit(f"no such check: {', '.join(unknown)}; there are: {', '.join(CHECKS)}")
    failed = 0
    for name in names or CHECKS:
        start = time.monotonic()
        faults = CHECKS[name](ROOT)
        seconds = time.monotonic() - start
        verdict = f"{len(faults)} faults" if faults else "ok"
        print(f"{name:12} {verdict} ({seconds:.1f} s)", flush=True)
        for fault in faults:
            print(f"  {fault}", flush=True)
        failed += bool(faults)
    print(f"{len(names or CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
