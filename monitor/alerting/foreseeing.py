"""Who would be told of a report, when, and what would hold it back until then: the live rules, asked in advance.

Pure, and without rules of its own: `judge_match`, `judge_event` and `decide` answer, as often as something is held
back. What else would come meanwhile is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.alerting.deciding import State, decide
from monitor.alerting.judging import judge_event, judge_match
from monitor.model import Alert, Match, Reason
from monitor.ports import Story, Telling, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.model import Event
    from monitor.ports import Routed, Silence
    from monitor.settings import Alerts

_LOOKS: Final = 100
"""What is held back so often in a row is held back by what follows it without end, such as digests in quiet hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What becomes of one receiver's telling: held back for each of ``holds``, it ends ``at`` then for ``reason``."""

    routed: Routed
    holds: tuple[tuple[Reason, datetime], ...]
    reason: Reason
    at: datetime
    silence: int | None = None


def foresee(
    report: Match | Event,
    alerts: Alerts,
    silences: Sequence[Silence],
    messages: Mapping[str, tuple[datetime, ...]],
    at: datetime,
) -> tuple[Reason, tuple[Foreseen, ...]]:
    """Say what a first report of a story, or a fault, would lead to at ``at``: why, and what for each receiver."""
    if isinstance(report, Match):
        standing = tuple(silence for silence in silences if silence.created <= at < silence.expires)
        ruling = judge_match(report, Story(id="foreseen", silences=standing), alerts.route, at)
        reason, tell = ruling.reason, ruling.tell
    else:
        raised = judge_event(report, None, alerts.route, alerts.receivers, at)
        tell = raised.tell if raised else ()
        reason = Reason.TOLD if tell else Reason.NO_ROUTE
    waiting = Waiting(silences=tuple(silences), messages=messages)
    return reason, tuple(_follow(_telling(report, one.routed, at), one.routed, waiting, alerts, at) for one in tell)


def _telling(report: Match | Event, routed: Routed, at: datetime) -> Telling:
    header = report.watchlist if isinstance(report, Match) else None
    alert = Alert(
        id="foreseen",
        kind="watchlist" if header else "operations",
        name=header.name if header else "operations",
        severity=header.severity if header else report.severity,  # type: ignore[union-attr]  # without header an event
        state="open",
        created=at,
        matches=(report,) if isinstance(report, Match) else (),
        event=None if isinstance(report, Match) else report,
    )
    return Telling(
        id=0,
        alert=alert,
        receiver=routed.receiver,
        cause="first",
        key=routed.key,
        since=at,
        opened=at,
        closes=at + routed.group_wait if routed.group_wait else None,
    )


def _follow(telling: Telling, routed: Routed, waiting: Waiting, alerts: Alerts, at: datetime) -> Foreseen:
    """Look at a telling whenever it would be looked at, until it ends."""
    holds: list[tuple[Reason, datetime]] = []
    for _ in range(_LOOKS):
        state = State(waiting=replace(waiting, tellings=(telling,)), receivers=alerts.receivers)
        (verdict,) = decide(state, at).verdicts
        if verdict.until is None:
            break
        holds.append((verdict.reason, verdict.until))
        telling, at = replace(telling, held=verdict.reason, until=verdict.until), verdict.until
    return Foreseen(routed=routed, holds=tuple(holds), reason=verdict.reason, at=at, silence=verdict.silence)
