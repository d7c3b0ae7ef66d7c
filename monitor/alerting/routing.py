"""The route tree: which receivers an alert goes to, and how long each gathers before it is told.

Does not know destinations, and decides nothing that depends on the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.model import Event
from monitor.ports import Routed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.model import Severity, WatchlistHeader
    from monitor.settings import Route, RouteMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of an alert a route may ask for."""

    severity: Severity
    owner: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def subject_of(alerting: WatchlistHeader | Event) -> Subject:
    """Say what routes see of a watchlist's or an event's alert. An event has neither owner nor labels."""
    if isinstance(alerting, Event):
        return Subject(severity=alerting.severity)
    return Subject(severity=alerting.severity, owner=alerting.owner, labels=alerting.labels)


def route(tree: Route, subject: Subject) -> tuple[Routed, ...]:
    """Return who is told, in the order written.

    The first child that takes the subject decides, with its own children first; when none does, the node itself.
    A route without receiver or group_wait has its parent's; without any up to the top the wait is none.
    """
    return _descend(tree, subject, (), timedelta())


def _descend(node: Route, subject: Subject, receivers: tuple[str, ...], wait: timedelta) -> tuple[Routed, ...]:
    receivers = node.receiver or receivers
    wait = wait if node.group_wait is None else node.group_wait
    for child in node.routes:
        if _takes(child.match, subject):
            return _descend(child, subject, receivers, wait)
    return tuple(Routed(receiver, wait) for receiver in dict.fromkeys(receivers))


def _takes(match: RouteMatch, subject: Subject) -> bool:
    """Whether each key that is given holds: lists are an or, every label must be there."""
    return (
        (not match.severity or subject.severity in match.severity)
        and (not match.owner or subject.owner in match.owner)
        and all(subject.labels.get(name) == value for name, value in match.labels.items())
    )
