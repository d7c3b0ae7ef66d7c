"""The way of an article from the poll to the message, told step by step, and where it ended, in plain words.

For people the end comes first; for programs one JSON object a line, whose keys are promised. Reasons and causes are
told as they come: one that is new needs no word here. Reads nothing itself, and decides nothing: what is told stands in
a `Trace`, in the archive, or was judged by the live watchlists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor import codec
from monitor.alerting.causes import FIRST, parted, words
from monitor.model import Reason
from monitor.notify.display import clean, isolate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.model import Alert, Header, Match
    from monitor.ports import (
        Decided,
        FiledLetter,
        Published,
        Sighting,
        Silence,
        SourceState,
        Told,
        Trace,
        TracedAlert,
        TracedMatch,
        TracedTelling,
    )

_BLIND: Final = 5
"""Sources that cannot be seen, of which is told by name."""
_NOBODY: Final = {
    Reason.BASELINE: "held back as a back issue: its source was new, came back or was rewritten as a whole",
    Reason.OLD: "held back as older than its source's max_age",
    Reason.SHADOW: "recorded only: the watchlist is in shadow",
    Reason.COPY: "joined a story that was told already; nobody is told again",
    Reason.SNOOZED: "came while the alert was snoozed",
    Reason.NO_ROUTE: "no receiver of the route tree takes it",
}
"""Why a match told nobody."""
_WAITS: Final = {
    Reason.QUIET_HOURS: "waits for quiet hours until",
    Reason.SNOOZED: "waits while the alert is snoozed, until",
    Reason.RATE: "waits until its rate allows a message, at",
    Reason.DIGEST: "waits for its digest at",
    Reason.GROUP_WINDOW: "waits for what gathers with it until",
}
"""What a receiver is not told yet for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a watchlist as it stands makes of the newest version in the archive; ``words`` say why."""

    watchlist: str
    matches: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is known of an article, or of an alert and its articles.

    ``versions`` are those in the archive, or ``unread`` says why that cannot be asked. ``nearby`` are the sources that
    are polled where the address is, ``polled`` all of them; ``watchlist`` is the only one that was asked for.
    """

    trace: Trace
    versions: tuple[Published, ...] = ()
    unread: str | None = None
    judged: tuple[Judged, ...] = ()
    nearby: tuple[str, ...] = ()
    polled: Collection[str] = ()
    watchlist: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.trace.articles or self.trace.alerts or self.versions)

    @property
    def matches(self) -> tuple[TracedMatch, ...]:
        """Its matches, as far as they were asked for."""
        return tuple(one for one in self.trace.matches if self.watchlist in {None, one.match.watchlist.id})

    @property
    def alerts(self) -> tuple[TracedAlert, ...]:
        """Its alerts, as far as they were asked for."""
        return tuple(one for one in self.trace.alerts if self.watchlist in {None, one.report.alert.watchlist})


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that happened; ``keys`` say it to programs."""

    step: str
    at: datetime | None
    words: str
    keys: Mapping[str, Any] = field(default_factory=dict)


def way_lines(way: Way, now: datetime) -> Iterator[str]:
    """Give the way as JSON, a line a step, and how it ended: a line for each end."""
    for step in (*_steps(way, now), *_ends(way, now)):
        words = {"words": step.words} if step.step == "ended" else {}
        yield codec.to_json({"step": step.step, "at": step.at, **step.keys, **words}).decode()


def way_texts(way: Way, now: datetime) -> Iterator[str]:
    """Tell the way to a person: what it is about, how it ended, and then each step."""
    yield from _about(way)
    yield from (f"→ {end.words}" for end in _ends(way, now))
    steps = list(_steps(way, now))
    if steps:
        yield ""
    for step in steps:
        if step.step == "judged" and way.watchlist:
            continue  # that is how it ended
        yield f"{_second(step.at) if step.at else '':20}  {step.step:8}  {step.words}"


def _about(way: Way) -> Iterator[str]:
    for header in _headers(way):
        yield f"{isolate(clean(header.title))} ({header.id})"
        if header.url:
            yield clean(header.url)
    for alert in (one.report.alert for one in way.alerts):
        if alert.event:
            yield f"{isolate(clean(alert.event.summary))} ({alert.id})"


def _headers(way: Way) -> Iterable[Header]:
    """Return each article's header in its newest version."""
    headers = [one.match.article for one in way.trace.matches] + [one.article.header for one in way.versions]
    return {header.id: header for header in headers}.values()


# --- Step by step ----------------------------------------------------------------------------------------------------


def _steps(way: Way, now: datetime) -> Iterator[_Step]:
    trace = way.trace
    yield from map(_seen, trace.sightings)
    for source in dict.fromkeys([*(one.source for one in trace.sightings), *way.nearby]):
        yield _source(source, trace.sources.get(source))
    yield from map(_published, way.versions)
    if trace.articles and not way.versions:
        yield _not_archived(way)
    yield from map(_dead, trace.dead)
    for match in way.matches:
        yield _matched(match)
        yield from (_decided(why, way, match=match) for why in match.decided)
    yield from map(_judged, way.judged)
    for alert in way.alerts:
        yield _alerted(alert, now)
        yield from (_decided(why, way, alert=alert.report.alert) for why in alert.decided)
        yield from (_told(one, alert.report.alert) for one in alert.report.told)


def _seen(sighting: Sighting) -> _Step:
    read = f"revision {sighting.revision}" if sighting.revision else "passed over without being read"
    words = f"listed by {isolate(clean(sighting.source))}, {read}; last listed on {sighting.listed:%Y-%m-%d}"
    keys = {"article": sighting.article, "source": sighting.source, "revision": sighting.revision}
    return _Step("seen", sighting.first_seen, words, keys | {"listed": sighting.listed})


def _source(source: str, state: SourceState | None) -> _Step:
    known: dict[str, Any] = {"state": "never polled", "error": None, "last_success": None, "silent_since": None}
    if state:
        known = {key: getattr(state, key) for key in known}
    return _Step("source", state.last_polled if state else None, _how(source, state), {"source": source} | known)


def _how(source: str, state: SourceState | None) -> str:
    """Say how a source is, and since when nobody knows what it publishes."""
    name = isolate(clean(source))
    if state is None:
        return f"{name} was never polled"
    silent = f"; brought nothing new since {_minute(state.silent_since)}" if state.silent_since else ""
    error = f": {clean(state.error)}" if state.error else ""
    read = f", last read {_minute(state.last_success)}" if state.last_success else ", never read"
    return f"{name} is {state.state}{read}{silent}{error}"


def _published(version: Published) -> _Step:
    header = version.article.header
    held = f", held back as {header.held}" if header.held else ""
    keys = {"article": header.id, "source": header.source, "revision": header.revision, "held": header.held}
    words = f"published by {isolate(clean(header.source))}, revision {header.revision}{held}"
    return _Step("archive", version.at, words, keys | {"error": None})


def _not_archived(way: Way) -> _Step:
    words = f"cannot be asked: {clean(way.unread)}" if way.unread else "it is not there (any more)"
    keys = {"article": way.trace.articles[0], "source": None, "revision": None, "held": None, "error": way.unread}
    return _Step("archive", None, words, keys)


def _dead(filed: FiledLetter) -> _Step:
    letter = filed.letter
    words = f"letter {filed.id} ({filed.state}) of stage {letter.stage}: {clean(_first_line(letter.error))}"
    keys = {"id": filed.id, "state": filed.state, "stage": letter.stage, "error": letter.error}
    return _Step("dead", letter.at, words, keys)


def _matched(traced: TracedMatch) -> _Step:
    match = traced.match
    keys = {
        "watchlist": match.watchlist.id,
        "article": match.article.id,
        "revision": match.article.revision,
        "score": match.score,
        "evidence": match.evidence,
        "story": traced.story,
        "alert": traced.alert,
        "reason": traced.reason,
    }
    revision = f", revision {match.article.revision}" if match.article.revision > 1 else ""
    words = f"{clean(match.watchlist.id)}, score {match.score}: {_found(match)}"
    article = f"article {match.article.id}{revision}, story {traced.story}"
    return _Step("matched", match.matched_at, f"{words}; {article}", keys)


def _found(match: Match) -> str:
    return " + ".join(f"«{isolate(clean(one.text))}»" for one in match.evidence)


def _decided(why: Decided, way: Way, match: TracedMatch | None = None, alert: Alert | None = None) -> _Step:
    watchlist = match.match.watchlist.id if match else alert.watchlist if alert else None
    keys = {
        "watchlist": watchlist,
        "alert": match.alert if match else alert.id if alert else None,
        "receiver": why.receiver,
        "cause": why.cause,
        "reason": why.reason,
        "until": why.until,
        "silence": _silence_keys(why.silence, way.trace.silences),
    }
    until = f" until {_minute(why.until)}" if why.until else ""
    by = f" by {_silence(why.silence, way.trace.silences)}" if why.silence else ""
    joined = f", alert {match.alert}" if match and match.alert else ""
    whom = f"{why.receiver}{_for(why.cause)}" if why.receiver else watchlist
    return _Step("decided", why.at, f"{whom}: {why.reason}{by}{until}{joined}", keys)


def _silence_keys(number: int | None, silences: Mapping[int, Silence]) -> dict[str, Any] | None:
    if number is None:
        return None
    silence = silences.get(number)
    return {"id": number, "author": silence and silence.author, "comment": silence and silence.comment}


def _judged(judged: Judged) -> _Step:
    return _Step("judged", None, judged.words, {"watchlist": judged.watchlist, "matches": judged.matches})


def _alerted(traced: TracedAlert, now: datetime) -> _Step:
    report = traced.report
    alert, acked = report.alert, report.alert.acked
    snoozed = report.snoozed_until if report.snoozed_until and report.snoozed_until > now else None
    keys = {
        "alert": alert.id,
        "kind": alert.kind,
        "watchlist": alert.watchlist,
        "severity": alert.severity,
        "state": alert.state,
        "acked": acked,
        "snoozed_until": snoozed,
    }
    said = f": {isolate(clean(acked.comment))}" if acked and acked.comment else ""
    by = f" by {isolate(clean(acked.by))}{said}" if acked else ""
    until = f", snoozed until {_minute(snoozed)}" if snoozed else ""
    words = f"{alert.severity}  {isolate(clean(alert.name))} ({alert.state}{by}{until}, {alert.id})"
    return _Step("alert", alert.created, words, keys)


def _told(told: Told, alert: Alert) -> _Step:
    keys = {
        "alert": alert.id,
        "receiver": told.receiver,
        "channel": told.channel,
        "destination": told.destination,
        "cause": told.cause,
        "state": told.state,
        "owed": told.owed,
        "attempts": told.attempts,
        "next_attempt": told.next_attempt,
        "error": told.error,
    }
    whom = f"{told.receiver} by {told.channel} to {isolate(clean(told.destination))}{_for(told.cause)}"
    return _Step("told", told.at, f"{whom}: {_delivery(told)}", keys)


def _delivery(told: Told) -> str:
    tries = "1 attempt" if told.attempts == 1 else f"{told.attempts} attempts"
    again = f", next {_minute(told.next_attempt)}" if told.next_attempt and told.attempts else ""
    error = f": {clean(told.error)}" if told.error else ""
    return f"{told.state}, {tries}{again}{error}"


# --- Where it ended --------------------------------------------------------------------------------------------------


def _ends(way: Way, now: datetime) -> Iterator[_Step]:
    """Give how it ended for each watchlist and receiver."""
    if not way.is_known:
        yield _end("unseen", _unseen(way))
        return
    for letter in way.trace.dead:
        if letter.state == "kept":
            number, error = letter.id, clean(_first_line(letter.letter.error))
            yield _end("dead", f"stage {letter.letter.stage} failed on it ({error}); see `monitor dead show {number}`")
    if not (way.matches or way.alerts):
        yield _unmatched(way)
    for match in _newest(way.matches):
        yield from _match_ends(match, way)
    for alert in way.alerts:
        yield from _alert_ends(alert, way.trace.silences, now)


def _end(outcome: str, words: str, **keys: str | None) -> _Step:
    whose = {"watchlist": None, "alert": None, "receiver": None}
    return _Step("ended", None, words, {**whose, **keys, "outcome": outcome})


def _unseen(way: Way) -> str:
    near = "; ".join(_how(source, way.trace.sources.get(source)) for source in way.nearby)
    polled = f". Polled there: {near}" if near else ""
    blind = [source for source in way.trace.sources if source in way.polled and source not in way.nearby]
    more = f" and {len(blind) - _BLIND} more" if len(blind) > _BLIND else ""
    unseen = f". Blind now: {', '.join(map(clean, blind[:_BLIND]))}{more}" if blind else ""
    return f"never seen by a source{polled}{unseen}"


def _unmatched(way: Way) -> _Step:
    matching = [judged.watchlist for judged in way.judged if judged.matches]
    if way.watchlist:
        named = next((judged.words for judged in way.judged), "it is not in the archive, to be held against it now")
        article = next((version.article.header.id for version in reversed(way.versions)), "")
        more = f"; `monitor explain {way.watchlist} {article}` for the rest" if way.judged else ""
        outcome = "unrecorded" if matching else "unmatched"
        return _end(outcome, f"seen, but no match of {way.watchlist}: {named}{more}", watchlist=way.watchlist)
    if matching:
        names = ", ".join(matching)
        later = "they were changed since, or the matcher or the notifier has not come to it (see `monitor doctor`)"
        return _end("unrecorded", f"seen, and {names} would match it now, but no match is recorded: {later}")
    if way.trace.sightings and not any(sighting.revision for sighting in way.trace.sightings):
        return _end("passed over", "listed, but passed over without being read")
    return _end("unmatched", "seen, but no watchlist matches it")


def _newest(matches: Sequence[TracedMatch]) -> Iterable[TracedMatch]:
    """Keep one match of each watchlist: the first that led to its alert, else the newest."""
    kept: dict[str, TracedMatch] = {}
    for match in matches:
        before = kept.get(match.match.watchlist.id)
        if before is None or before.alert is None:
            kept[match.match.watchlist.id] = match
    return kept.values()


def _match_ends(traced: TracedMatch, way: Way) -> Iterator[_Step]:
    """Say why a match told nobody; where it was to, its alert's receivers say."""
    if traced.reason is Reason.TOLD:
        return
    said = {telling.reason for alert in way.alerts for telling in alert.tellings}
    if traced.reason in said:
        return
    number = next((why.silence for why in traced.decided if why.silence), None)
    words = _NOBODY.get(traced.reason, f"held back: {traced.reason}")
    if number:
        words = f"matched, {traced.reason} by {_silence(number, way.trace.silences)}"
    watchlist = traced.match.watchlist.id
    yield _end(traced.reason, f"{clean(watchlist)}: {words}", watchlist=watchlist, alert=traced.alert)


def _alert_ends(traced: TracedAlert, silences: Mapping[int, Silence], now: datetime) -> Iterator[_Step]:
    alert = traced.report.alert
    name = clean(alert.watchlist or alert.name)
    reached = {told.receiver for told in traced.report.told}
    left = [one for one in traced.tellings if one.reason is not Reason.TOLD or one.receiver not in reached]
    ends = [_message_end(one, alert) for one in traced.report.told]
    ends += [_telling_end(one, silences, now) for one in left]
    if not ends and alert.event:
        ends.append(("", Reason.NO_ROUTE, _NOBODY[Reason.NO_ROUTE]))
    for receiver, outcome, said in ends:
        whose = {"watchlist": alert.watchlist, "alert": alert.id, "receiver": receiver or None}
        yield _end(outcome, f"{name}: {said}", **whose)


def _telling_end(telling: TracedTelling, silences: Mapping[int, Silence], now: datetime) -> tuple[str, str, str]:
    """Say for what a receiver waits, or why it is not told: whom, the outcome and its words."""
    whom = f"{telling.receiver}{_for(telling.cause)}"
    if telling.reason is None:
        since = f"since {_minute(telling.opened)}"
        return telling.receiver, "undecided", f"{whom} is not decided on {since}; is the notifier running?"
    if telling.ended is None:
        waits = _WAITS.get(telling.reason, f"waits for {telling.reason} until")
        overdue = "; that is over: is the notifier running?" if telling.until and telling.until < now else ""
        return telling.receiver, telling.reason, f"{whom} {waits} {_minute(telling.until)}{overdue}"
    if telling.reason is Reason.TOLD:
        return telling.receiver, telling.reason, f"{whom} is told by the message to another of the same address"
    if telling.silence:
        by = _silence(telling.silence, silences)
        return telling.receiver, telling.reason, f"{whom}: matched, {telling.reason} by {by}"
    return telling.receiver, telling.reason, f"{whom} is not told: {telling.reason}"


def _message_end(told: Told, alert: Alert) -> tuple[str, str, str]:
    whom = f"{told.receiver} by {told.channel}{_for(told.cause)}"
    if told.at:
        return told.receiver, "told", f"told {whom} at {_minute(told.at)}"
    error = f": {clean(told.error)}" if told.error else ""
    if told.state == "failed":
        again = f"; `monitor alerts resend {alert.id}` tries again"
        return told.receiver, "failed", f"given up telling {whom}{error}{again}"
    return told.receiver, "sending", f"telling {whom} is {_delivery(told)}"


# --- Words -----------------------------------------------------------------------------------------------------------


def _silence(number: int, silences: Mapping[int, Silence]) -> str:
    silence = silences.get(number)
    said = f" ({clean(silence.author)}: {isolate(clean(silence.comment))})" if silence else ""
    return f"silence {number}{said}"


def _for(cause: str | None) -> str:
    """Say what it is told for, unless that is the news itself; a group's number says nothing."""
    kind, _ = parted(cause or FIRST)
    return "" if kind == FIRST else f" ({kind if kind == 'group' else isolate(clean(words(cause or '')))})"


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%MZ}" if instant else "never"


def _second(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%SZ}"
