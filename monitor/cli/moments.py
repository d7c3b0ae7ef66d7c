"""Moments and spans as people type them. Does not read the clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, Literal

import typer

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_SPAN: Final = re.compile(r"(?:\d+[smhdw])+", re.ASCII)


def moment(text: str, now: datetime, side: Literal["before", "after"]) -> datetime:
    """Read a time of day (the nearest one before or after ``now``), a date and time, or how long ago or ahead it is.

    What has no zone of its own is by the clocks of this machine.

    Raises:
        BadParameter: it is none of them.
    """
    from monitor.documents import parse_duration

    sign = 1 if side == "after" else -1
    if found := _CLOCK.fullmatch(text):
        local = now.astimezone()
        there = local.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0, tzinfo=None)
        passed = there.astimezone() < now if side == "after" else there.astimezone() > now
        return (there + timedelta(days=sign) if passed else there).astimezone(now.tzinfo)
    if _SPAN.fullmatch(text):
        return now + sign * parse_duration(text)
    try:
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write it like 23:00, 2026-11-20T23:00, 2026-11-20T23:00+02:00 or 12h"
        ) from None
