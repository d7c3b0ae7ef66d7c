"""How long a match takes from the bus to a message, beside a million past alerts: `python -m tests.bench.notifying`.

The same matches go through the notifier over an empty store and over a full one, one right after the other: who else
works on this machine slows down both. The full one is what `filling` makes. Mail goes to a server on localhost, a
process of its own. At last thousands of open alerts on one watchlist, all about the same, for which nothing is flat.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Final, ParamSpec, TypeAlias

from monitor.log import configure_logging
from monitor.model import Match
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.notify.rendering import Renderer
from monitor.notify.smtp import SmtpChannel
from monitor.ports import Settlement
from monitor.settings import Smtp
from monitor.store import open_store
from monitor.store.storied import add_member
from monitor.stories.clustering import signed_of, story_of
from tests.bench.filling import ALERTS, LISTS, NOW, Nowhere, a_copy, a_story, differs, fill, news, record
from tests.mailserver import MailServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.model import Message
    from monitor.ports import Sender
    from monitor.store import SqlStore

P = ParamSpec("P")
ROOT: Final = Path(__file__).parents[2]
PAST: Final = 1_000_000
RECORDED: Final = 2_500
STANDING: Final = 4
"""Copies whose alerts are open: with the ones that are recorded ten thousand."""
SMALL: Final = 10
"""How many times less there is of all, for a quick run."""
ROUNDS: Final = 300
WARM: Final = 20
"""Rounds before those that count."""
BURST: Final = 100
"""Matches that come at once."""
BURSTS: Final = 5
CROWDS: Final = (50, 5_000, 10_000)
"""Open alerts on one watchlist."""
CROWDED: Final = 7
"""The number of that watchlist."""
ASKED: Final = 25
"""How often a question is asked, and a match recorded in a crowd."""
DESK: Final = "desk@example.org"
LEASE: Final = timedelta(minutes=2)
MATCH: Final = "a match, from the bus to its message"


def main() -> None:
    """Print how long each step takes over an empty store and over a full one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(redirect_stderr(stack.enter_context((folder / "log").open("w"))))
        configure_logging()
        mail = stack.enter_context(_mail_server())
        empty = stack.enter_context(_opened(folder / "empty.db"))
        full = stack.enter_context(_filled(folder, RECORDED // SMALL if options.small else RECORDED))
        _compare(empty, full, mail)
        crowd = stack.enter_context(_opened(folder / "crowd.db"))
        _print_crowds(crowd, [size // SMALL for size in CROWDS] if options.small else CROWDS)


# --- A mail server ---------------------------------------------------------------------------------------------------


def serve() -> None:
    """Take mail until the input ends."""
    with MailServer() as server:
        print(server.port, flush=True)
        sys.stdin.read()


@contextmanager
def _mail_server() -> Iterator[SmtpChannel]:
    command = [sys.executable, "-m", "tests.bench.notifying", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        settings = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "monitor@example.org"}
        yield SmtpChannel(Smtp.model_validate(settings))
        process.stdin.close()


# --- Stores ----------------------------------------------------------------------------------------------------------


class Notifier:
    """The notifier over a store, a step at a time."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.recorder = Recorder(store, ALERTS)
        self.decider = Decider(store, ALERTS)
        self.renderer = Renderer()

    def deliverer(self, channel: Sender) -> Deliverer:
        return Deliverer(
            self.store,
            {"email": channel},
            self.renderer.render,
            lambda _: None,
            worker="one",
            jitter=lambda: 0.0,
        )


@contextmanager
def _opened(file: Path) -> Iterator[Notifier]:
    with open_store(f"sqlite:{file}") as store:
        yield Notifier(store)


@contextmanager
def _filled(folder: Path, stories: int) -> Iterator[Notifier]:
    if difference := differs(folder):
        sys.exit(f"what is filled is not what would have been recorded: {difference}")
    copies = PAST // RECORDED + STANDING
    seconds = _timed(_fill, folder, stories, copies)
    size = (folder / "full.db").stat().st_size
    with _opened(folder / "full.db") as full:
        print(
            f"a store of {stories * (copies - STANDING):,} past alerts and {full.store.standing():,} open ones:"
            f" {size / 1e9:.1f} GB, filled in {seconds:.0f} s\n"
        )
        yield full


def _fill(folder: Path, stories: int, copies: int) -> None:
    with open_store(f"sqlite:{folder}/news.db") as recorded:
        record(recorded, news(stories, NOW))
    fill(folder / "full.db", folder / "news.db", copies, STANDING)


# --- A match at a time -----------------------------------------------------------------------------------------------


RECORD, JOIN, DECIDE = "record, a new story", "record, joins a story", "decide"
CLAIM, RENDER, SETTLE, IDLE = "claim", "render", "settle", "nothing to do: decide and claim"
WHOLE: Final = (RECORD, DECIDE, CLAIM, RENDER, SETTLE)
Times: TypeAlias = defaultdict[str, list[float]]
Coming: TypeAlias = tuple[Match, Match, datetime]
"""A story, a copy of it, and when both are recorded."""


def _compare(empty: Notifier, full: Notifier, mail: SmtpChannel) -> None:
    both, coming = (empty, full), _coming()
    sent: list[float] = []
    times: tuple[Times, Times] = (defaultdict(list), defaultdict(list))
    for number in range(WARM + ROUNDS):
        given = next(coming)
        for side in (0, 1) if number % 2 else (1, 0):
            message = _tell(both[side], given, times[side])
        sent.append(_timed(mail.send, message, DESK))
    _print_steps(*times)
    print(f"{'send by SMTP to localhost':<38}{_spread(sent[WARM:]):>14}\n")
    _print_bursts(both, coming, mail)
    _print_questions(both)


def _coming() -> Iterator[Coming]:
    """Give stories a second after the other, none of a critical watchlist: each is one message."""
    for number in count():
        watchlist, now = number * 10 % LISTS, NOW + timedelta(seconds=number)
        yield a_story(watchlist, PAST + number, now), a_copy(watchlist, PAST + number, now), now


def _tell(one: Notifier, given: Coming, times: Times) -> Message:
    """Take a match all the way to its message, step by step, then record a copy of it."""
    match, copy, now = given
    clock = _Clock(times)
    one.recorder.record(match, now)
    clock.note(RECORD)
    one.decider.tick(now)
    clock.note(DECIDE)
    claim = one.store.claim("one", now, LEASE)
    clock.note(CLAIM)
    assert claim
    message = one.renderer.render(claim.notification)
    clock.note(RENDER)
    one.store.settle(claim, Settlement(state="sent", at=now))
    clock.note(SETTLE)
    one.recorder.record(copy, now)
    clock.note(JOIN)
    one.decider.tick(now)
    assert one.store.claim("one", now, LEASE) is None
    clock.note(IDLE)
    return message


class _Clock:
    """Notes how long each step took since the one before."""

    def __init__(self, times: Times) -> None:
        self._times, self._last = times, perf_counter()

    def note(self, step: str) -> None:
        now = perf_counter()
        self._times[step].append(now - self._last)
        self._last = now


def _print_steps(empty: Times, full: Times) -> None:
    for times in (empty, full):
        times[MATCH] = [sum(steps) for steps in zip(*(times[name] for name in WHOLE), strict=True)]
    print(f"{'milliseconds, median and p99':<38}{'empty store':>14}{'full store':>14}{'ratio':>8}")
    for name in empty:
        one, other = empty[name][WARM:], full[name][WARM:]
        print(f"{name:<38}{_spread(one):>14}{_spread(other):>14}{median(other) / median(one):>8.2f}")


def _spread(times: Sequence[float]) -> str:
    return f"{_middle(times)} {quantiles(times, n=100)[98] * 1000:6.1f}"


def _middle(times: Sequence[float]) -> str:
    return f"{median(times) * 1000:.2f}"


# --- Many at once ----------------------------------------------------------------------------------------------------


def _print_bursts(both: Sequence[Notifier], coming: Iterator[Coming], mail: SmtpChannel) -> None:
    rates: tuple[Times, Times] = (defaultdict(list), defaultdict(list))
    for _ in range(BURSTS):
        for one, found in zip(both, rates, strict=True):
            _burst(one, [next(coming) for _ in range(BURST)], mail, found)
    empty, full = rates
    print(f"{f'{BURST} matches at once, in a second':<38}{'empty store':>14}{'full store':>14}{'ratio':>8}")
    for name in empty:
        beside, rate = median(empty[name]), median(full[name])
        print(f"{name:<38}{beside:>14,.0f}{rate:>14,.0f}{beside / rate:>8.2f}")
    print()


def _burst(one: Notifier, given: Sequence[Coming], mail: SmtpChannel, rates: Times) -> None:
    """Note how many a second go through each step; every other message goes by mail, the others nowhere."""
    *_, now = given[-1]
    recorded = sum(_timed(one.recorder.record, match, now) for match, _, _ in given)
    decided = _timed(one.decider.tick, now)
    nowhere, posted = one.deliverer(Nowhere()), one.deliverer(mail)
    seconds = [(_timed(nowhere.deliver_one, now), _timed(posted.deliver_one, now)) for _ in range(len(given) // 2)]
    assert nowhere.deliver_one(now) is None
    rates["recorded"].append(len(given) / recorded)
    rates["decided"].append(len(given) / decided)
    rates["delivered to nowhere"].append(len(seconds) / sum(to_nowhere for to_nowhere, _ in seconds))
    rates["delivered by SMTP"].append(len(seconds) / sum(by_mail for _, by_mail in seconds))


# --- Asked now and then ----------------------------------------------------------------------------------------------


def _print_questions(both: Sequence[Notifier]) -> None:
    now = NOW + timedelta(hours=1)
    questions: dict[str, Callable[[SqlStore], object]] = {
        "first tick after a start": lambda store: Decider(store, ALERTS).tick(now),
        "backlog": lambda store: store.backlog(),
        "alerts that stand": lambda store: store.standing(),
        "is an address failing?": lambda store: store.is_raised("delivery failing", f"email:{DESK}"),
        "silences": lambda store: store.silences(),
        "handing over ten minutes": lambda store: store.handover(now - timedelta(minutes=50)),
    }
    print(f"{'milliseconds, median':<38}{'empty store':>14}{'full store':>14}{'ratio':>8}")
    for name, ask in questions.items():
        one, other = zip(*([_timed(ask, each.store) for each in both] for _ in range(ASKED)), strict=True)
        print(f"{name:<38}{_middle(one):>14}{_middle(other):>14}{median(other) / median(one):>8.2f}")
    print()


# --- All on one watchlist --------------------------------------------------------------------------------------------


def _print_crowds(one: Notifier, sizes: Iterable[int]) -> None:
    """Print how long a match takes that may tell the same as any of so many, and how long the new ones of these do."""
    names = ("record, new", "record, joins", "decide on those", "claim")
    print(f"{'ms; open alerts on one watchlist':<32}" + "".join(f"{name:>16}" for name in names))
    last = 0
    for size in sizes:
        now = _gather(one, range(last, size))
        decided = _timed(one.decider.tick, now)
        claimed = [_timed(one.store.claim, "one", now, LEASE) for _ in range(ASKED)]
        last = size + ASKED
        times: Times = defaultdict(list)
        for number in range(size, last):
            times[RECORD].append(_timed(one.recorder.record, a_story(CROWDED, number, now), now))
            times[JOIN].append(_timed(one.recorder.record, a_copy(CROWDED, number, now), now))
        found = (times[RECORD], times[JOIN], [decided], claimed)
        print(f"{size:<32,}" + "".join(f"{_middle(each):>16}" for each in found))


def _gather(one: Notifier, numbers: range) -> datetime:
    """Record stories without asking what they tell the same as, which would take hours, then file them."""
    for number in numbers:
        now = NOW + timedelta(seconds=number)
        match = a_story(CROWDED, number, now)
        one.recorder.record(replace(match, signature=None), now)
        signed = signed_of(match)
        assert signed
        with one.store.database.writing() as connection:
            add_member(connection, match, story_of(match, ()), signed)
    return now


def _timed(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    begun = perf_counter()
    work(*args, **kwargs)
    return perf_counter() - begun


if __name__ == "__main__":
    main()
