"""Whose turn it is to ask a host: requests to one keep a distance in time, and are few at once.

Knows hosts by their names only, and nothing of what is asked.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from monitor.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE: Final = 2
LONGEST_GAP: Final = timedelta(seconds=30)
PATIENCE: Final = timedelta(seconds=60)
MAX_HOSTS: Final = 10_000


class HostBusyError(FetchError):
    """Too many wait for the host before this one."""


@dataclass(slots=True)
class _Line:
    """Who waits for a host, in order, how many are being served, and when the next may be, on the monotonic clock."""

    moved: threading.Condition
    gap: float
    waiting: deque[object] = field(default_factory=deque)
    served: int = 0
    next_at: float = 0.0

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.served and self.next_at <= monotonic()


class Turns:
    """Lets threads through to a host one after the other, in the order in which they came."""

    def __init__(self, gap: timedelta, patience: timedelta = PATIENCE) -> None:
        self._gap, self._patience = gap.total_seconds(), patience.total_seconds()
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._is_closed = False

    @contextmanager
    def turn(self, host: str) -> Iterator[float]:
        """Wait for a turn, and hold it; give the seconds that this took.

        Raises:
            HostBusyError: its turn did not come within ``patience``.
            CancelledError: closed meanwhile.
        """
        came = monotonic()
        with self._lock:
            line = self._line(host)
            self._wait(line, came + self._patience)
        try:
            yield monotonic() - came
        finally:
            with self._lock:
                line.served -= 1
                line.moved.notify_all()

    def slow_down(self, host: str, gap: timedelta) -> None:
        """Keep requests to a host this far apart, at most `LONGEST_GAP`, and never nearer than those to others."""
        with self._lock:
            self._line(host).gap = max(self._gap, min(gap, LONGEST_GAP).total_seconds())

    def close(self) -> None:
        """Send everyone away."""
        with self._lock:
            self._is_closed = True
            for line in self._lines.values():
                line.moved.notify_all()

    def _line(self, host: str) -> _Line:
        if host not in self._lines:
            if len(self._lines) >= MAX_HOSTS:
                self._lines = {name: line for name, line in self._lines.items() if not line.is_idle}
            self._lines[host] = _Line(threading.Condition(self._lock), self._gap)
        return self._lines[host]

    def _wait(self, line: _Line, until: float) -> None:
        me = object()
        line.waiting.append(me)
        try:
            while seconds := self._remaining(line, me, until):
                line.moved.wait(seconds)
        finally:
            line.waiting.remove(me)
            line.moved.notify_all()
        line.served += 1
        line.next_at = monotonic() + line.gap

    def _remaining(self, line: _Line, me: object, until: float) -> float:
        """Return how long there is nothing to do but wait; 0 when it is our turn."""
        if self._is_closed:
            raise CancelledError
        now = monotonic()
        free_at = line.next_at if line.waiting[0] is me and line.served < AT_ONCE else math.inf
        if free_at > now >= until:
            raise HostBusyError("its host is busy")
        return max(0.0, min(free_at, until) - now)
