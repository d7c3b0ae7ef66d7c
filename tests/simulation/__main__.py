"""Print what a fortnight does to two hundred sources: `python -m tests.simulation [SOURCES [SEED]]`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.simulation.fortnight import publishers, run, table


def main() -> None:
    """Simulate, and print the tables."""
    given = [int(argument) for argument in sys.argv[1:]]
    sources, seed = [*given, *(200, 1)[len(given) :]]
    began = perf_counter()
    with TemporaryDirectory() as folder:
        outcome = run(publishers(sources, seed), Path(folder), seed)
    print(table(outcome.judge))
    print(f"\n{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
