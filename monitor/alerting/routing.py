"""The route tree: which receivers an alert goes to, with what it gathers, and how long it gathers before it is told.

Does not know destinations, and decides nothing that depends on the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from monitor.model import Event
from monitor.ports import Routed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.model import Match, Matcher, Severity
    from monitor.settings import Receiver, Route, RouteMatch

DELIVERY_FAILING: Final = "delivery failing"
"""The rule of events which tell that a destination cannot be reached; their subject is ``channel:destination``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of an alert a route or a silence may ask for. Operations alerts have their ``rule`` for a watchlist."""

    severity: Severity
    owner: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    watchlist: str | None = None
    source: str | None = None
    lang: str | None = None
    kind: Literal["watchlist", "operations"] = "watchlist"
    rule: str | None = None


def subject_of(alerting: Match | Event) -> Subject:
    """Say what routes see of a match's or an event's alert. An event has neither owner nor labels nor a source."""
    if isinstance(alerting, Event):
        return Subject(severity=alerting.severity, kind="operations", rule=alerting.rule)
    header, article = alerting.watchlist, alerting.article
    return Subject(
        severity=header.severity,
        owner=header.owner,
        labels=header.labels,
        watchlist=header.id,
        source=article.source,
        lang=article.lang,
    )


def takes(wanted: RouteMatch | Matcher, subject: Subject) -> bool:
    """Whether each key that is given holds: lists are an or, every label must be there."""
    keys = (
        (wanted.severity, subject.severity),
        (wanted.owner, subject.owner),
        (wanted.watchlist, subject.watchlist),
        (wanted.source, subject.source),
        (wanted.lang, subject.lang),
        (wanted.kind, subject.kind),
        *((values, subject.labels.get(name)) for name, values in wanted.labels.items()),
    )
    return all(not asked or given in asked for asked, given in keys)


def route(tree: Route, subject: Subject) -> tuple[Routed, ...]:
    """Return who is told, in the order written; a receiver that two routes name is told as the first one says.

    The first child that takes the subject decides, with its own children first, and each one behind it as long as
    those that took it say continue; when none takes it, the node itself decides. A route without receiver, group_wait
    or group_by has its parent's; without any up to the top alerts of a watchlist gather, and do not wait.
    """
    first: dict[str, Routed] = {}
    for routed in _descend(tree, subject, _Inherited()):
        first.setdefault(routed.receiver, routed)
    return tuple(first.values())


def avoid_failing(routed: tuple[Routed, ...], event: Event, receivers: Mapping[str, Receiver]) -> tuple[Routed, ...]:
    """Leave out who can be reached only where nothing arrives, as the event says; without anybody, tell another.

    That is the first one configured that has another destination.
    """
    if event.rule != DELIVERY_FAILING or not routed:
        return routed
    reached = {
        name
        for name, receiver in receivers.items()
        if any(f"{channel}:{destination}" != event.subject for channel, destination in receiver.destinations)
    }
    left = tuple(one for one in routed if one.receiver in reached or one.receiver not in receivers)
    others = (replace(routed[0], receiver=name) for name in receivers if name in reached)
    return left or tuple(others)[:1]


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a route has of its parents, and the way to it."""

    receivers: tuple[str, ...] = ()
    wait: timedelta = timedelta()
    group_by: tuple[str, ...] = ("watchlist",)
    via: tuple[int, ...] = ()


def _descend(node: Route, subject: Subject, above: _Inherited) -> Iterator[Routed]:
    receivers = node.receiver or above.receivers
    wait = above.wait if node.group_wait is None else node.group_wait
    group_by = above.group_by if node.group_by is None else node.group_by
    taken = False
    for number, child in enumerate(node.routes):
        if takes(child.match, subject):
            taken = True
            yield from _descend(child, subject, _Inherited(receivers, wait, group_by, (*above.via, number)))
            if not child.go_on:
                return
    if not taken:
        key = _key(subject, group_by)
        yield from (Routed(receiver, wait, key, above.via) for receiver in receivers)


def _key(subject: Subject, group_by: tuple[str, ...]) -> str:
    """Say what an alert has in common with those that it gathers with. News and operations never gather together."""
    return " ".join([subject.kind, *(f"{name}={_dimension(subject, name)}" for name in group_by)])


def _dimension(subject: Subject, name: str) -> str | None:
    if name.startswith("label:"):
        return subject.labels.get(name.removeprefix("label:"))
    if name == "watchlist":
        return subject.watchlist or subject.rule
    value: str | None = getattr(subject, name)
    return value
