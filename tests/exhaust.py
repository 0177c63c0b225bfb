"""Search all histories of a small mirror, up to a bound, for one that breaks a promise: `make exhaust`.

SECONDS (600) limits the time, DEPTH the steps, JOBS the processes. Without violations after at least the default time,
the figures are written into docs/reliability.md.
"""

from __future__ import annotations

import os
import sys

from tests.support import TOP
from tests.support.exhaust.expand import Steps
from tests.support.exhaust.report import progress_line, section, wrong_lines
from tests.support.exhaust.roots import roots
from tests.support.exhaust.search import Bounds, Search
from tests.support.sections import renew_section

SECONDS = 600
DEPTH = 99
FAULT_DEPTH = 2
PEOPLE_DEPTH = 1


def main() -> int:
    seconds = int(os.environ.get("SECONDS") or SECONDS)
    depth = int(os.environ.get("DEPTH") or DEPTH)
    jobs = int(os.environ.get("JOBS") or os.cpu_count() or 1)
    bounds = Bounds(seconds, depth, FAULT_DEPTH, PEOPLE_DEPTH)
    figures = Search(roots(), Steps(), bounds, jobs).run(lambda so_far: print(progress_line(so_far), flush=True))
    print(progress_line(figures))
    for line in wrong_lines(figures):
        print(line)
    if figures.wrong:
        return 1
    if seconds >= SECONDS:
        renew_section(TOP / "docs/reliability.md", "all histories", section(figures, bounds, jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
