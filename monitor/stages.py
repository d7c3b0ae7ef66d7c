"""The stages that read the bus: what each of them does with a record, under a setup that may be exchanged meanwhile.

Hides how matcher and notifier are made of their parts. Threads, their order and their end are `app`'s affair.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from monitor import codec
from monitor.consuming import Consuming
from monitor.matching import compile_watchlists
from monitor.model import Article, DeadLetter, Edition, Event, Match
from monitor.notify.channels import CHANNELS, open_channels
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.notify.rendering import Renderer
from monitor.stories.editing import edition_of
from monitor.stories.signing import sign_matches

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.matching import Matcher
    from monitor.matching.expressions import Watchlist
    from monitor.ports import Bus, Outgoing
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

TICK: Final = timedelta(milliseconds=250)


class Matching:
    """Articles held against the watchlists. Each article is judged by one set of them, whichever stands then."""

    def __init__(self, bus: Bus, watchlists: Sequence[Watchlist], clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.compiled: tuple[Matcher, int] = compile_watchlists(watchlists), len(watchlists)
        self.articles = 0
        self.seconds = 0.0
        self.matches: Counter[str] = Counter()
        self.consuming = Consuming(bus, "articles", "matcher", (Article,), self.match, clock=clock, output="matches")

    def use(self, watchlists: Sequence[Watchlist]) -> None:
        """Take these watchlists from the next article on; they are compiled before anything changes."""
        self.compiled = compile_watchlists(watchlists, self.compiled[0]), len(watchlists)

    @property
    def watchlists(self) -> int:
        """Count the watchlists in use."""
        return self.compiled[1]

    def match(self, article: Article) -> list[Outgoing]:
        """Return the article's matches, signed, and of an edit what became of it, ready to publish."""
        begun = time.perf_counter()
        matches = sign_matches(article, self.compiled[0].match(article, self.clock()))
        self.articles += 1
        self.seconds += time.perf_counter() - begun
        self.matches.update(match.watchlist.id for match in matches)
        edition = edition_of(article, matches, self.clock())
        return [*map(codec.encode, matches), *([codec.encode(edition)] if edition else [])]


class Notifying:
    """Matches, events and dead letters recorded; what is due decided; what is owed delivered.

    Each channel has a turn of its own, so that one whose server hangs keeps no other waiting.
    """

    def __init__(self, bus: Bus, store: SqlStore, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.bus, self.store, self.clock = bus, store, clock
        self.turned_at: dict[str, datetime | None] = dict.fromkeys(("deciding", *map(_delivering, CHANNELS)))
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.renderer: Renderer | None = None
        self.use(settings)
        found: tuple[type[Match | Edition], ...] = (Match, Edition)
        self.consumings = (
            Consuming(bus, "matches", "notifier", found, self._record, clock=clock),
            Consuming(bus, "events", "notifier-events", (Event,), self._record_event, clock=clock),
            Consuming(bus, "dead", "notifier-dead", (DeadLetter,), self._file_dead, clock=clock),
        )

    def use(self, settings: Settings) -> None:
        """Take these routes, receivers and templates from the next record on."""
        renderer = Renderer(settings.templates, settings.alerts.zones)
        channels = open_channels(settings)
        self.recorder = Recorder(self.store, settings.alerts)
        self.decider = Decider(self.store, settings.alerts, (source.id for source in settings.sources))
        self.deliverer = Deliverer(
            self.store,
            channels,
            renderer.render,
            self._publish_event,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            jitter=random.random,
            give_up=settings.alerts.give_up,
        )
        if self.renderer:
            self.renderer.close()
        self.renderer = renderer

    def tell(self, *, windows_elapsed: bool = False) -> int:
        """Decide what is due and deliver what is owed now; return how many messages were tried."""
        self.decider.tick(self.clock(), windows_elapsed=windows_elapsed)
        with ThreadPoolExecutor(len(CHANNELS)) as threads:
            return sum(threads.map(self._drain, CHANNELS))

    @property
    def loops(self) -> tuple[Callable[[threading.Event], None], ...]:
        """What is to run until an event is set, each in a thread of its own: deciding, and every channel."""
        return (self._keep_deciding, *(partial(self._keep_delivering, channel) for channel in CHANNELS))

    def _keep_deciding(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.turned_at["deciding"] = self.clock()
            self.decider.tick(self.clock())
            stop.wait(TICK.total_seconds())

    def _keep_delivering(self, channel: str, stop: threading.Event) -> None:
        """Deliver; where nothing is owed, put right what was sent."""
        while not stop.is_set():
            self.turned_at[_delivering(channel)] = self.clock()
            if not self._deliver(channel) and not self.deliverer.refresh_one(self.clock(), channel):
                stop.wait(TICK.total_seconds())

    def _drain(self, channel: str) -> int:
        """Deliver what is owed by a channel now, and put right what it sent; return how many were tried."""
        tried = 0
        while self._deliver(channel):
            tried += 1
        while self.deliverer.refresh_one(self.clock(), channel):
            pass
        return tried

    def close(self) -> None:
        """Stop what templates run in."""
        if self.renderer:
            self.renderer.close()

    def _deliver(self, channel: str) -> bool:
        attempt = self.deliverer.deliver_one(self.clock(), channel)
        if attempt:
            self.attempts[attempt.notification.channel, attempt.outcome] += 1
        return attempt is not None

    def _record(self, record: Match | Edition) -> tuple[Outgoing, ...]:
        if isinstance(record, Match):
            self.recorder.record(record, self.clock())
        else:
            self.recorder.record_edition(record, self.clock())
        return ()

    def _record_event(self, event: Event) -> tuple[Outgoing, ...]:
        self.recorder.record_event(event, self.clock())
        return ()

    def _file_dead(self, letter: DeadLetter) -> tuple[Outgoing, ...]:
        self.recorder.file_dead(letter)
        return ()

    def _publish_event(self, event: Event) -> None:
        self.bus.publish("events", [codec.encode(event)])


def _delivering(channel: str) -> str:
    """Name a channel's turn, as health tells it."""
    return f"delivery: {channel}"
