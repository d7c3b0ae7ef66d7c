"""The same feeds polled by lemon24/reader, in an environment of its own: `tests.bench.ingest` starts this.

Each line of the input is one round over all feeds with so many workers; each line of the output says how long it took
and how many entries were new.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

from reader import make_reader


def main(address: str, feeds: int, file: str) -> None:
    """Poll when told to, through the public interface."""
    reader = make_reader(file)
    for feed in range(feeds):
        reader.add_feed(f"{address}/{feed}")
    print("null", flush=True)
    for line in sys.stdin:
        begun = perf_counter()
        results = [one.value for one in reader.update_feeds_iter(scheduled=False, **json.loads(line))]
        seconds = perf_counter() - begun
        for fault in (one for one in results if isinstance(one, Exception)):
            raise fault
        print(json.dumps([seconds, sum(one.new for one in results if one)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
