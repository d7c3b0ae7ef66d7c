"""What a match, an edition or an event leads to when it is recorded: which alert, and who is to be told of it, and why.

Pure functions over what the store remembers. What depends on the time of telling is `deciding`'s affair.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.alerting.causes import (
    DEVELOPMENT,
    FIRST,
    RESOLVED,
    changed,
    development,
    first_tier,
    growth,
    new_term,
    parted,
    returned,
    withdrawn,
)
from monitor.alerting.routing import avoid_failing, route, subject_of
from monitor.alerting.silencing import hiding_one, is_about
from monitor.model import Edit, Reason, Severity, Status, stable_hash
from monitor.ports import EditRuling, EventRuling, Routed, Ruling, ToTell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from monitor.model import Edition, Event, Match
    from monitor.ports import LastAlert, Recorded, Standing, Story
    from monitor.settings import Receiver, Route

LATE: Final = timedelta(hours=1)
"""What is decided later than this tells of an outage of ours, and comes in one message."""
_CATCHING_UP: Final = timedelta(minutes=1)
"""How long late alerts are gathered: after an outage they are recorded one after the other."""
_DEVELOPING: Final = timedelta(minutes=15)
"""How long developments of an alert are gathered; of critical ones they are not."""


# --- Matches -----------------------------------------------------------------------------------------------------


def judge_match(match: Match, story: Story, tree: Route, now: datetime) -> Ruling:
    """Say what a match of ``story`` leads to.

    A match that is held back before an alert stands apart: a later version of its story may still open one. So may one
    that the silence which hid the story's alert is not about.
    """
    if match.article.held:
        return Ruling(reason=match.article.held)
    since = came_up(match)
    joined = story.alert or story.near
    ruling = _judge(match, story, joined, tree, now)
    silence = hiding_one(story.silences, match, since, now)
    if silence:
        tell = ruling.tell if joined is None else ()
        return replace(ruling, reason=Reason.SILENCED, silence=silence.id, tell=tell, since=since)
    if joined and joined.snoozed_until and joined.snoozed_until > now:
        return replace(ruling, reason=Reason.SNOOZED, since=since)
    return replace(ruling, since=since)


def _judge(match: Match, story: Story, joined: Standing | None, tree: Route, now: datetime) -> Ruling:
    if match.watchlist.status is Status.SHADOW:
        return Ruling(reason=Reason.SHADOW)
    routed = _routed(tree, match, came_up(match), now)
    if joined is None:
        reason = Reason.TOLD if routed else Reason.NO_ROUTE
        return Ruling(reason=reason, alert=stable_hash("alert", story.id), tell=tuple(map(ToTell, routed)))
    tell = tuple(one for target in routed for one in _joining(match, story, joined, target))
    news = any(parted(one.cause)[0] != DEVELOPMENT for one in tell)
    reason = Reason.TOLD if news else Reason.COPY if story.alert else Reason.DEVELOPMENT
    return Ruling(reason=reason, alert=joined.id, tell=tell)


def _joining(match: Match, story: Story, joined: Standing, target: Routed) -> Iterator[ToTell]:
    """Say what a receiver is to be told of a match that joins an alert."""
    silence = joined.hidden.get(target.receiver)
    if silence is None and target.receiver in joined.aware:
        if story.alert:
            again = (returned(match.article.content_hash),) if story.is_withdrawn else ()
            yield from (ToTell(target, cause) for cause in (*again, *_news(match, joined)))
        else:
            wait = timedelta() if match.watchlist.severity is Severity.CRITICAL else _DEVELOPING
            gathered = replace(target, group_wait=wait, key=f"developments {joined.id}")
            yield ToTell(gathered, development(story.id))
    elif silence is None or not is_about(silence, match):
        yield ToTell(target, FIRST)


def _news(match: Match, joined: Standing) -> Iterator[str]:
    """Say what is new about an alert by a match. Of one that an older monitor opened that is not known."""
    if not joined.sources:
        return
    source = match.article.source
    grown = growth(len(joined.sources), len(joined.sources | {source}))
    if grown:
        yield grown
    if match.article.tier == 1 and not joined.tier1:
        yield first_tier(source)
    if joined.watched:
        yield from (new_term(term) for term in match.watched if term not in joined.watched)


def came_up(match: Match) -> datetime:
    """Say since when a match could have been told: an article is seen first, an edit of it when it is matched."""
    return match.article.first_seen if match.article.revision == 1 else match.matched_at


def _routed(tree: Route, report: Match | Event, since: datetime, now: datetime) -> tuple[Routed, ...]:
    """Route a report. One that comes late gathers with all that does, unless it is critical."""
    subject = subject_of(report)
    routed = route(tree, subject)
    if now - since <= LATE or subject.severity is Severity.CRITICAL:
        return routed
    return tuple(replace(one, group_wait=max(one.group_wait, _CATCHING_UP), key="late") for one in routed)


# --- Editions ----------------------------------------------------------------------------------------------------


def judge_edition(edition: Edition, recorded: Recorded, tree: Route, now: datetime) -> EditRuling:
    """Say what an edition that took away what was found in an earlier version leads to.

    Those are told who were told of that. An edition that is held back, such as one of nearly all that a source lists,
    is on record only.
    """
    article, match = edition.article.header, recorded.match
    is_still = match.watchlist.id in edition.watchlists
    edit = Edit(
        article=article.id,
        gone=match.article.content_hash,
        now=article.content_hash,
        kind="changed" if is_still else "withdrawn",
        title=article.title,
        at=edition.at,
    )
    cause = (changed if is_still else withdrawn)(article.content_hash)
    routed = () if article.held else _routed(tree, match, edition.at, now)
    tell = tuple(ToTell(one, cause) for one in routed if one.receiver in recorded.told)
    return EditRuling(alert=recorded.alert, edit=edit, tell=tell)


# --- Events ------------------------------------------------------------------------------------------------------


def judge_event(
    event: Event, last: LastAlert | None, tree: Route, receivers: Mapping[str, Receiver], now: datetime
) -> EventRuling | None:
    """Say what an event changes: raised opens, cleared closes, and None is for what changes nothing.

    Events come at least once: one from before the last change was heard already. Those who were told hear of the end.
    """
    routed = avoid_failing(_routed(tree, event, event.at, now), event, receivers)
    if last is not None and last.state != "closed":
        if event.state == "cleared" and event.at >= last.changed:
            tell = tuple(ToTell(one, RESOLVED) for one in routed if one.receiver in last.told)
            return EventRuling(alert=last.id, state="closed", tell=tell)
        return None
    if event.state == "cleared" or (last is not None and event.at <= last.changed):
        return None
    alert = stable_hash("operations", event.rule, event.subject, event.at.isoformat())
    return EventRuling(alert=alert, state="open", tell=tuple(map(ToTell, routed)))
