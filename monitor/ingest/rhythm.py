"""How often a source brings something new, by hour and weekday, and so when its silence is unusual.

A source that dies without an error looks like one with nothing to say. So each arrival is counted under its hour of the
day and its day of the week (UTC), older ones for less; between two arrivals the model expects a number of further ones,
the sum of the rates of the hours in between. A silence is unusual when it outlasts what the source's own past explains:
more expected arrivals than it ever missed before, by a margin. Nights and weekends cost nothing, because little is
expected in them.

Pure: frozen values, every instant an argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HALF_LIFE: Final = timedelta(days=14)
PATIENCE: Final = 2.5
"""Expected arrivals that any source may miss."""
MARGIN: Final = 1.5
"""So many times its widest gap so far."""
LEAST_ARRIVALS: Final = 10
_DOUBT: Final = 5
UNKNOWN_FOR: Final = timedelta(days=7)
"""How long a source whose rhythm is not known yet may be silent."""
HARDLY_KNOWN_FOR: Final = timedelta(days=3)
"""The same for one that brought something a few times: longer than a weekend."""
LONGEST_SILENCE: Final = 3
"""So many times its longest gap is an unusual silence of any source."""
_FEW: Final = 4
LOOK_BACK: Final = timedelta(days=28)
_HOUR: Final = timedelta(hours=1)
_STEADY_HOURS: Final = 4.0
_STEADY_DAYS: Final = 8.0
"""Arrivals that an hour or a weekday is taken to have had as usual, so that few do not tell much."""
_CERTAIN: Final = timedelta(days=21)
"""Beyond it no hour is looked at singly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Arrivals since ``since``, counted by hour and weekday as they weigh at ``last``, the latest one.

    ``widest`` is the widest gap between two in expected arrivals, older ones weighing less; ``longest`` in time.
    """

    since: datetime
    last: datetime
    hours: tuple[float, ...] = (0.0,) * 24
    days: tuple[float, ...] = (0.0,) * 7
    arrivals: int = 0
    widest: float = 0.0
    longest: timedelta = timedelta()

    @classmethod
    def from_dates(cls, dates: Iterable[datetime], now: datetime) -> Self | None:
        """Guess from the dates of what a source lists when it is met first; None when they say nothing."""
        usable = sorted({date for date in dates if now - LOOK_BACK <= date <= now})
        if not usable:
            return None
        rhythm = cls(since=usable[0], last=usable[0])
        for date in usable:
            rhythm = rhythm.heard(date)
        gaps = [rhythm.expected(one, other) for one, other in pairwise(usable)]
        return replace(rhythm, widest=max(gaps, default=0.0))

    @property
    def is_known(self) -> bool:
        """Whether there were enough arrivals to tell."""
        return self.arrivals >= LEAST_ARRIVALS

    def heard(self, now: datetime) -> Self:
        """Count an arrival."""
        gap = now - self.last
        missed = self.expected(self.last, now) if self.is_known else 0.0
        fade = _fade(gap)
        hours, days = [count * fade for count in self.hours], [count * fade for count in self.days]
        hours[now.hour] += 1
        days[now.weekday()] += 1
        return replace(
            self,
            last=now,
            hours=tuple(hours),
            days=tuple(days),
            arrivals=self.arrivals + 1,
            widest=max(self.widest * fade, missed),
            longest=max(self.longest, gap),
        )

    def expected(self, start: datetime, end: datetime) -> float:
        """Return how many arrivals one would expect in [start, end)."""
        profile = self._profile()
        singly = min(end, start + _CERTAIN)
        rest = (end - singly) / _HOUR * profile.base
        return rest + sum(profile.at(moment) * share for moment, share in _hours(start, singly))

    def is_unusual(self, now: datetime) -> bool:
        """Whether it has been silent for longer than its past explains."""
        silence = now - self.last
        if silence > max(self._least, LONGEST_SILENCE * self.longest):
            return True
        return self.is_known and silence > self._least and self.expected(self.last, now) > self.patience

    @property
    def _least(self) -> timedelta:
        """How long any silence is none: nobody knows its nights before a day, nor its weekends before a week."""
        if not self.is_known:
            return HARDLY_KNOWN_FOR if self.arrivals >= _FEW else UNKNOWN_FOR
        watched = self.last - self.since
        if watched < timedelta(days=1):
            return timedelta(days=1)
        return MARGIN * self.longest if watched < timedelta(days=7) else timedelta(0)

    @property
    def patience(self) -> float:
        """How many expected arrivals it may miss; more while few have been seen."""
        return max(PATIENCE, MARGIN * self.widest) * (1 + _DOUBT / max(self.arrivals, 1))

    @property
    def a_day(self) -> float:
        """Arrivals a day, on average."""
        return 24 * self._profile().base

    def usual_gap(self) -> timedelta:
        """Return the average time between two arrivals."""
        base = self._profile().base
        return timedelta(hours=min(1 / base, 24 * 365)) if base else timedelta(days=365)

    def _profile(self) -> _Profile:
        """Weigh each hour and weekday against the average, as far as it was seen."""
        total, seen = sum(self.hours), _exposure(self.since, self.last)
        weight = sum(seen.hours)
        base = total / max(weight, 1.0)
        hours = tuple(
            (count + _STEADY_HOURS) / (base * share + _STEADY_HOURS)
            for count, share in zip(self.hours, seen.hours, strict=True)
        )
        days = tuple(
            (count + _STEADY_DAYS) / (base * share + _STEADY_DAYS)
            for count, share in zip(self.days, seen.days, strict=True)
        )
        return _Profile(base=base, hours=hours, days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """Arrivals an hour on average, and how the hours of the day and the days of the week differ from it."""

    base: float
    hours: tuple[float, ...]
    days: tuple[float, ...]

    def at(self, moment: datetime) -> float:
        return self.base * self.hours[moment.hour] * self.days[moment.weekday()]


@dataclass(frozen=True, slots=True)
class _Exposure:
    """Hours that were watched, by hour of the day and by weekday, older ones weighing less."""

    hours: tuple[float, ...]
    days: tuple[float, ...]


def _exposure(since: datetime, until: datetime) -> _Exposure:
    """Add up what was watched; beyond some days whole days are counted, which comes to the same."""
    hours, days = [0.0] * 24, [0.0] * 7
    start = max(since, until - 4 * HALF_LIFE)
    whole = math.floor((until - start) / timedelta(days=1)) if until - start > timedelta(days=3) else 0
    for number in range(whole):
        weight = _fade(timedelta(days=number + 0.5))
        days[(until - timedelta(days=number + 0.5)).weekday()] += 24 * weight
        hours = [seen + weight for seen in hours]
    rest = until - timedelta(days=whole)
    for moment, share in _hours(start, rest):
        weight = share * _fade(until - moment)
        hours[moment.hour] += weight
        days[moment.weekday()] += weight
    return _Exposure(tuple(hours), tuple(days))


def _hours(start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """Cut [start, end) at full hours; each piece with its length in hours."""
    while start < end:
        stop = min(start.replace(minute=0, second=0, microsecond=0) + _HOUR, end)
        yield start, (stop - start) / _HOUR
        start = stop


def _fade(age: timedelta) -> float:
    return math.pow(0.5, max(age / HALF_LIFE, 0.0))
