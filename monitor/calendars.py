"""Hours and dates as people in a place say them: daily hours with their days of the week, cron lines, zones.

Hides what a change of the clocks does to them. Does not know what time it is, nor what the hours are for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FOR_EVER: Final = timedelta(days=9)
"""Hours that have not ended after this end never: each day of the week has come by."""
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A stretch of the day, from ``begin`` until ``end``, in minutes since midnight, on the days on which it begins.

    It ends on the next day when ``end`` is not after ``begin``. ``days`` are numbers from 0, Monday.
    """

    begin: int
    end: int
    days: frozenset[int] = frozenset(range(7))

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the stretch ends in which ``at`` lies; None when it lies in none.

        Clocks that are put back make a stretch longer, never two: it begins at the first of two equal times and ends
        at the last. A time that the clock leaps over is the moment of the leap.
        """
        today = at.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            if day.weekday() in self.days:
                begin, end = self._on(day, zone)
                if begin <= at < end:
                    return end
        return None

    def _on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        end = self.end if self.end > self.begin else self.end + _DAY
        return _instant(day, self.begin, zone, fold=0), _instant(day, end, zone, fold=1)


def end_of(stretches: Iterable[Hours], at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the hours end in which ``at`` lies, those that follow on one another taken together.

    None when it lies in none. Hours that never end are cut off after `FOR_EVER`.
    """
    hours, end = tuple(stretches), at
    while end < at + FOR_EVER:
        ends = [until for one in hours if (until := one.until(end, zone))]
        if not ends:
            break
        end = max(ends)
    return end if end > at else None


def next_time(cron: str, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant after ``after`` that a cron line of `parse_cron` names, by the clocks of ``zone``.

    As in Debian's cron, a time that the clock leaps over comes right after the leap, and one that it shows twice once.
    """
    return next(CronSim(cron, after.astimezone(zone))).astimezone(UTC)


def parse_clock(text: str) -> int:
    """Read ``23:00``, or ``24:00``, as minutes since midnight.

    Raises:
        ValueError: it is no time of day.
    """
    if not _CLOCK.fullmatch(text):
        raise ValueError(f'{text!r} is no time of day; write it like "07:30", with two digits each')
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def parse_cron(text: str) -> str:
    """Check a cron line: minute, hour, day of the month, month, day of the week.

    Raises:
        ValueError: it is none, or names no time at all.
    """
    remedy = 'write minute, hour, day, month and weekday, such as "0 8 * * mon-fri"'
    if len(text.split()) != 5:  # noqa: PLR2004 - with seconds it would have six
        raise ValueError(f"{text!r} is no cron line of five fields; {remedy}")
    try:
        next(CronSim(text, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{text!r} names no time ({error or 'no such day'}); {remedy}") from None
    return text


def parse_zone(name: str) -> ZoneInfo:
    """Look a time zone up by its IANA name.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write it like Asia/Beirut, Europe/Berlin or UTC") from None


def _instant(day: date, minute: int, zone: ZoneInfo, *, fold: int) -> datetime:
    """Return when the clock shows this minute of the day: the first time or, with ``fold``, the last."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return at
    before, behind = sorted(wall.replace(tzinfo=zone, fold=one).astimezone(UTC) for one in (0, 1))
    return _leap(before, behind, zone)


def _leap(before: datetime, behind: datetime, zone: ZoneInfo) -> datetime:
    """Find the second at which the clock is put forward, between two instants."""
    offset = before.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + (behind - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)
