"""What a match or an event leads to, and what is due to be told: pure functions over what the store remembers.

Holding back has one order (design: baseline/old, shadow, copy, group window). What depends on the match alone is
judged when it is recorded (`judge_match`, `judge_event`); what depends on the time is decided when its group is due
(`decide`). Does not read, write or send, and does not know what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.alerting.routing import route, subject_of
from monitor.model import Reason, Status, stable_hash
from monitor.ports import Decision, EventRuling, Owed, Ruling, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.model import Event, Match
    from monitor.ports import Group, LastAlert, Story
    from monitor.settings import Route


# --- When it is recorded -----------------------------------------------------------------------------------------


def judge_match(match: Match, story: Story, tree: Route) -> Ruling:
    """Say what a match of ``story`` leads to.

    A match that is held back before an alert stands apart: a later version of its story may still open one.
    """
    if match.article.held:
        return Ruling(reason=match.article.held)
    if match.watchlist.status is Status.SHADOW:
        return Ruling(reason=Reason.SHADOW)
    if story.alert:
        return Ruling(reason=Reason.COPY, alert=story.alert)
    routed = route(tree, subject_of(match.watchlist))
    reason = Reason.TOLD if routed else Reason.NO_ROUTE
    return Ruling(reason=reason, alert=stable_hash("alert", story.id), routed=routed)


def judge_event(event: Event, last: LastAlert | None, tree: Route) -> EventRuling | None:
    """Say what an event changes: raised opens, cleared closes, and None is for what changes nothing.

    Events come at least once: one from before the last change was heard already.
    """
    if last is not None and last.state != "closed":
        if event.state == "cleared" and event.at >= last.changed:
            return EventRuling(alert=last.id, state="closed")
        return None
    if event.state == "cleared" or (last is not None and event.at <= last.changed):
        return None
    alert = stable_hash("operations", event.rule, event.subject, event.at.isoformat())
    return EventRuling(alert=alert, state="open", routed=route(tree, subject_of(event)))


# --- When it is due ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `decide` looks at: groups not yet decided, and each receiver's (channel, destination) pairs.

    ``windows_elapsed`` takes every group's window as over.
    """

    groups: Sequence[Group]
    destinations: Mapping[str, Sequence[tuple[str, str]]]
    windows_elapsed: bool = False


def decide(state: State, now: datetime) -> Decision:
    """Tell what is due at ``now``; what still gathers is held back until ``next_due``.

    A receiver that is no longer configured is owed nothing, and the verdict says so.
    """
    due = [group for group in state.groups if state.windows_elapsed or group.due_at <= now]
    gathering = [group.due_at for group in state.groups if not (state.windows_elapsed or group.due_at <= now)]
    return Decision(
        notifications=tuple(owed for group in due for owed in _owed(group, state.destinations)),
        verdicts=tuple(verdict for group in due for verdict in _verdicts(group, state.destinations)),
        groups=tuple(group.id for group in due),
        next_due=min(gathering, default=None),
    )


def _owed(group: Group, destinations: Mapping[str, Sequence[tuple[str, str]]]) -> list[Owed]:
    """One alert alone is told as itself, several as their group."""
    single = len(group.alerts) == 1
    cause, about = ("first", group.alerts[0]) if single else (f"group:{group.id}", group.id)
    return [
        Owed(
            receiver=group.receiver,
            channel=channel,
            destination=destination,
            cause=cause,
            about=about,
            alerts=group.alerts,
        )
        for channel, destination in destinations.get(group.receiver, ())
    ]


def _verdicts(group: Group, destinations: Mapping[str, Sequence[tuple[str, str]]]) -> list[Verdict]:
    reason = Reason.TOLD if destinations.get(group.receiver) else Reason.NO_ROUTE
    return [Verdict(alert=alert, receiver=group.receiver, reason=reason) for alert in group.alerts]
