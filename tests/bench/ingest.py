"""How many feeds a second are polled, beside lemon24/reader: `python -m tests.bench.ingest`, `--help` for its options.

Feeds of thirty items, from a server that is a process of its own (`feeds`). Both keep what they read in SQLite files;
monitor publishes it on its bus too, and has what is new on disk before a poll is over. reader has the number of workers
with which it is quickest at each kind of poll, and its turn right after ours. At last ten thousand sources in one
process, of which a hundred are due each second, one in ten with thirty new items: how late they are polled, and what
memory that takes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from monitor.bus import open_bus
from monitor.ingest.polling import Poller
from monitor.log import configure_logging
from monitor.ports import SourceState
from monitor.settings import Source
from monitor.store.sql import open_store
from tests.bench.feeds import tag_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.ingest.polling import PollOutcome
    from monitor.ports import Bus
    from monitor.store.sql import SqlStore

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = (
    ("first poll, all is new", 0, True),
    ("changed, one to three new", 1, True),
    ("unchanged, 304", 1, True),
    ("unchanged, same body", 1, False),
)
"""What a round is called, the step that is served, and whether with validators."""
BETWEEN: Final = timedelta(minutes=5)
WORKERS: Final = (1, 2, 4, 8)
TRIED: Final = 10
"""One of so many feeds is polled with each number of workers first."""
A_SECOND: Final = 100
STARTING: Final = timedelta(seconds=8)
"""From the start until the first source is due."""
CHANGED: Final = 10
"""One of so many sources that are due has changed."""


def main() -> None:
    """Print feeds a second of both, and how late ten thousand sources are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--sources", type=int, default=10_000, help="how many are scheduled; 0 leaves this out")
    parser.add_argument("--seconds", type=int, default=60, help="how long they are polled")
    parser.add_argument("--reader", type=Path, help="the interpreter that has reader; without it monitor is alone")
    parser.add_argument("--rounds", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--schedule", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds:
        poll_rounds(options.rounds, options.feeds)
    elif options.schedule:
        poll_scheduled(options.schedule, options.feeds, options.sources, options.seconds)
    else:
        with _started(
            [sys.executable, "-m", "tests.bench.feeds", options.feeds, datetime.now(UTC).isoformat()]
        ) as server:
            _compare(server, options)
            if options.sources:
                _show_lateness(server, options)


# --- Processes that do a thing for each line that they are told ------------------------------------------------------


class Told:
    """A process that says a line of JSON when it is ready, and one for each line that it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.first = self._answer()

    def ask(self, **what: object) -> Any:  # noqa: ANN401 - whatever it answers
        assert self._process.stdin
        print(json.dumps(what), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - likewise
        assert self._process.stdout
        line = self._process.stdout.readline()
        return json.loads(line) if line else sys.exit("the measurement failed")


@contextmanager
def _started(command: Iterable[object]) -> Iterator[Told]:
    words = list(map(str, command))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Told(process)
        finally:
            assert process.stdin
            process.stdin.close()


def _answers(about: object) -> Iterator[None]:
    """Say this, and come back for each line of the input."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        yield


# --- Side by side ----------------------------------------------------------------------------------------------------


Contender: TypeAlias = tuple[Sequence[object], Sequence[dict[str, int]]]
"""How it is started, and what it is told at each round."""


class Round(NamedTuple):
    """What polling all feeds once came to."""

    seconds: float
    new: int


def _compare(server: Told, options: argparse.Namespace) -> None:
    feeds = options.feeds
    ours = [sys.executable, "-m", "tests.bench.ingest", "--feeds", feeds, "--rounds", server.first]
    workers = _best_workers(server, options.reader, feeds // TRIED) if options.reader else []
    with tempfile.TemporaryDirectory() as folder:
        both: list[Contender] = [(ours, [{}] * len(ROUNDS))]
        if workers:
            both.append(_reader(server, options.reader, feeds, workers, folder))
        found = _rounds(server, both)
    print(
        f"{f'{feeds:,} feeds, in a second':<30}{'monitor':>9}{'reader':>9}{'workers':>9}{'ratio':>7}{'new items':>11}"
    )
    for number, ((name, *_), (own, *others)) in enumerate(zip(ROUNDS, found, strict=True)):
        beside = " " * 25
        for other in others:
            if other.new != own.new:
                sys.exit(f"{name}: monitor found {own.new} items, reader {other.new}")
            beside = f"{feeds / other.seconds:>9,.0f}{workers[number]:>9}{other.seconds / own.seconds:>7.2f}"
        print(f"{name:<30}{feeds / own.seconds:>9,.0f}{beside}{own.new:>11,}")


def _best_workers(server: Told, reader: Path, feeds: int) -> list[int]:
    """Find with how many workers reader is quickest at each round."""
    with tempfile.TemporaryDirectory() as folder:
        tried = [_reader(server, reader, feeds, [count] * len(ROUNDS), f"{folder}/{count}") for count in WORKERS]
        found = _rounds(server, tried)
    return [min(zip(row, WORKERS, strict=True))[1] for row in found]


def _reader(server: Told, reader: Path, feeds: int, workers: Sequence[int], folder: str) -> Contender:
    Path(folder).mkdir(exist_ok=True)
    command = [reader, "tests/bench/reading.py", server.first, feeds, f"{folder}/reader.db"]
    return command, [{"workers": count} for count in workers]


def _rounds(server: Told, contenders: Sequence[Contender]) -> list[list[Round]]:
    """Let all poll each round, one right after the other: who else works on this machine slows down all of them."""
    with ExitStack() as stack:
        started = [(stack.enter_context(_started(command)), told) for command, told in contenders]
        found = []
        for number, (_, step, validators) in enumerate(ROUNDS):
            server.ask(step=step, validators=validators)
            found.append([Round(*one.ask(**told[number])) for one, told in started])
    return found


def poll_rounds(address: str, feeds: int) -> None:
    """Poll all feeds for each line of the input, as `monitor run` does."""
    with _world() as (bus, store):
        poller = Poller((_source(address, feed, feed) for feed in range(feeds)), bus, store, lambda: datetime.now(UTC))
        now, before = datetime.now(UTC), 0
        for _ in _answers(None):
            begun = perf_counter()
            failed = poller.poll_all(now)
            seconds = perf_counter() - begun
            if failed:
                sys.exit(f"{failed} sources fail")
            published = sum(state.articles for state in store.sources())
            print(json.dumps([seconds, published - before]), flush=True)
            now, before = now + BETWEEN, published
        poller.close()


@contextmanager
def _world() -> Iterator[tuple[Bus, SqlStore]]:
    """Open a bus and a store on real files, and send the log to one too."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(redirect_stderr(stack.enter_context((folder / "log").open("w"))))
        configure_logging()
        bus = open_bus(f"sqlite:{folder}/var/bus.db")
        stack.callback(bus.close)
        yield bus, stack.enter_context(open_store(f"sqlite:{folder}/var/state.db"))


def _source(address: str, number: int, feed: int, **more: object) -> Source:
    return Source.model_validate({"id": f"source-{number}", "url": f"{address}/{feed}", "internal": True} | more)


# --- Ten thousand sources --------------------------------------------------------------------------------------------


class Timed(Poller):
    """Notes how late each poll begins."""

    def expect(self, due: dict[str, datetime]) -> None:
        self.late: list[float] = []
        self._expected = due

    def poll(self, source: Source, now: datetime) -> PollOutcome:
        self.late.append((datetime.now(UTC) - self._expected[source.id]).total_seconds())
        outcome = super().poll(source, now)
        self._expected[source.id] = outcome.next_due
        return outcome


def poll_scheduled(address: str, feeds: int, sources: int, seconds: int) -> None:
    """Let a poller run over sources that become due one after the other; say how late they were."""
    every = f"{sources / A_SECOND:.0f}s"
    given = [_source(address, number, number % feeds, interval=every, adaptive=False) for number in range(sources)]
    with _world() as (bus, store):
        poller = Timed(given, bus, store, lambda: datetime.now(UTC))
        for _ in _answers(None):
            begin = datetime.now(UTC) + STARTING
            poller.expect(_seed(store, given, feeds, begin))
            stop = threading.Event()
            running = threading.Thread(target=poller.run, args=[stop])
            running.start()
            stop.wait((begin - datetime.now(UTC)).total_seconds() + seconds)
            late, memory = sorted(poller.late), _memory()
            stop.set()
            running.join()
            print(json.dumps([late, memory]), flush=True)


def _seed(store: SqlStore, given: Sequence[Source], feeds: int, begin: datetime) -> dict[str, datetime]:
    """Remember the sources as polled before, due in an order that has nothing to do with theirs."""
    order = Random(1).sample(given, len(given))
    due = {source.id: begin + timedelta(seconds=place / A_SECOND) for place, source in enumerate(order)}
    polled = begin - BETWEEN
    states = [
        SourceState(
            id=source.id,
            state="ok",
            first_polled=polled,
            last_polled=polled,
            last_success=polled,
            next_due=due[source.id],
            etag=tag_at(number % feeds, 0 if number % CHANGED == number // feeds % CHANGED else 1),
        )
        for number, source in enumerate(given)
    ]
    store.note(states)
    return due


def _memory() -> list[float]:
    """Return the peak of this process and of each of its children, in megabytes."""
    children = [pid for found in Path("/proc/self/task").glob("*/children") for pid in found.read_text().split()]
    peaks = (re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in ("self", *children))
    return [int(peak[1]) / 1024 for peak in peaks if peak]


def _show_lateness(server: Told, options: argparse.Namespace) -> None:
    sizes = [f"--{name}={vars(options)[name]}" for name in ("feeds", "sources", "seconds")]
    server.ask(step=1, validators=True)
    with _started([sys.executable, "-m", "tests.bench.ingest", *sizes, "--schedule", server.first]) as one:
        late, memory = one.ask()
    middle, high = quantiles(late, n=100)[49], quantiles(late, n=100)[98]
    print(
        f"\n{options.sources:,} sources in one process, {options.seconds} s: {len(late) / options.seconds:.0f} polls/s"
    )
    print(f"seconds late: median {middle:.3f}, p99 {high:.3f}, at most {late[-1]:.3f}")
    print(f"megabytes at most: {memory[0]:.0f}, and its workers {' + '.join(f'{one:.0f}' for one in memory[1:])}")


if __name__ == "__main__":
    main()
