"""What of a notification its reader sees: which report leads, what became of it, what else tells the story.

Hides the order and the limits of all that is shown, and how times read by the reader's clocks. All text is cleaned, so
nothing that a publisher wrote can become mark-up, a header or a bidi trick. Does not lay anything out (`rendering`,
`blocks`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING, Final

from monitor.alerting import causes
from monitor.model import How, Severity
from monitor.notify.display import clean, cut, web_link
from monitor.notify.marking import NO_HEADLINE, headline, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta, tzinfo

    from monitor.model import Alert, Edit, Event, Header, Match, Notification
    from monitor.notify.marking import Line

OPERATIONS: Final = "operations"
_NOTHING: Final = "nothing found"
_TITLE_LENGTH: Final = 120  # characters of headline in a subject; phones show some 45
_LABEL_LENGTH: Final = 80
_REASON_LENGTH: Final = 300
_QUOTES: Final = 6  # passages shown of an alert that is told alone
_QUOTES_OF_MANY: Final = 2  # of each, where several are told
_GONE: Final = 2  # passages shown of what an article no longer says
_ENTRIES: Final = 6  # other articles listed of an alert, and developments
_ENTRY_LENGTH: Final = 120
_ENTRY_LINK_LENGTH: Final = 500
_REPORTS: Final = 40  # alerts shown in one message, if they fit
_ROOM: Final = 95_000
"""Bytes of HTML for all reports of a message. Gmail cuts it at 102,400 and hides the rest."""
_REPORT_MARKUP: Final = 1_400  # with its headline's
_WORD_MARKUP: Final = 200
_QUOTE_MARKUP: Final = 260
_ENTRY_MARKUP: Final = 620
_MARK_MARKUP: Final = 60
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_SEVERITIES: Final = tuple(Severity)


# --- What templates see --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Another article: ``at`` is when it was published, ``word`` what became of it since, if anything did."""

    source: str
    at: str
    headline: Line
    link: str | None = None
    lang: str | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Other articles under a title, and how many more there are."""

    title: str
    entries: tuple[Entry, ...]
    unlisted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One alert.

    ``title`` is the beginning of the headline, for a subject; ``word`` what became of it since, which is said before
    it: ``withdrawn``, ``changed``, ``recovered``; ``label`` the watchlist's name, or ``operations``; ``details`` are
    source, times and certainty; ``link`` is http(s) or None; ``gone`` what is no longer said, ``quotes`` the sentences
    with their words marked (the first says what stands now, where something is gone), ``unquoted`` how many more there
    are; ``listings`` are the developments, and the others that tell the same: of an alert that is told alone, else
    ``details`` say how many.
    """

    title: str
    headline: Line
    label: str
    severity: Severity
    details: tuple[str, ...]
    word: str | None = None
    likely: bool = False
    link: str | None = None
    lang: str | None = None
    gone: tuple[Line, ...] = ()
    quotes: tuple[Line, ...] = ()
    unquoted: int = 0
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One notification: gravest alert first. A digest of nothing has no reports.

    ``reasons`` say why it was sent, ``why`` is all of them in one line; ``title`` and ``word`` are the first report's;
    ``label`` is the watchlist's name, or how many alerts; ``unshown`` how many alerts are not in ``reports``.
    """

    title: str
    label: str
    why: str
    reasons: tuple[str, ...]
    severity: Severity
    reports: tuple[Report, ...]
    unshown: int
    word: str | None = None


# --- Of a notification ---------------------------------------------------------------------------------------------


def digest_of(notification: Notification, zone: tzinfo = UTC) -> Digest:
    """Choose what is shown of a notification; ``zone`` is by whose clocks its reader lives."""
    alerts = sorted(notification.alerts, key=lambda alert: (-_SEVERITIES.index(alert.severity), alert.created))
    if not alerts:
        return _nothing(notification)
    clock = _Clock(zone, notification.created)
    alone = len(alerts) == 1
    shown = tuple(_fitting(_report(alert, notification.cause, clock, alone=alone) for alert in alerts[:_REPORTS]))
    lead = shown[0]
    reasons = tuple(_reasons(notification, lead))
    return Digest(
        title=lead.title,
        label=lead.label if alone else f"{len(alerts)} alerts",
        why=" · ".join(reasons),
        reasons=reasons,
        severity=alerts[0].severity,
        reports=shown,
        unshown=len(alerts) - len(shown),
        word=lead.word,
    )


def _nothing(notification: Notification) -> Digest:
    """Say that there is nothing to tell, which is worth a message where one is expected."""
    why = clean(notification.why or _NOTHING)
    reasons = tuple(one for one in why.split("; ") if one != _NOTHING)
    return Digest(
        title=_NOTHING, label="digest", why=why, reasons=reasons, severity=Severity.LOW, reports=(), unshown=0
    )


def _fitting(reports: Iterable[Report]) -> Iterator[Report]:
    """Give the reports that have room in one message; the first always has."""
    room = _ROOM
    for number, report in enumerate(reports):
        room -= _size(report)
        if room < 0 < number:
            return
        yield report


def _size(report: Report) -> int:
    """Estimate how many bytes of HTML a report takes; never too few."""
    entries = [entry for listing in report.listings for entry in listing.entries]
    passages = (*report.gone, *report.quotes)
    parts = [part for line in (report.headline, *passages, *(one.headline for one in entries)) for part in line.parts]
    texts = (report.label, *report.details, *(one.source for one in entries), *(part.text for part in parts))
    words = sum(len(escape(text).encode("utf-8")) for text in texts)
    links = 2 * len(report.link or "") + sum(len(one.link or "") for one in entries)
    marks = sum(part.marked for part in parts)
    markup = _REPORT_MARKUP + _QUOTE_MARKUP * len(passages) + _ENTRY_MARKUP * len(entries) + _MARK_MARKUP * marks
    return markup + words + links + (_WORD_MARKUP if report.word else 0)


def _reasons(notification: Notification, lead: Report) -> Iterator[str]:
    """Say why it was sent: a message's second line."""
    alerts = notification.alerts
    if len(alerts) > 1:
        yield f"{len(alerts)} alerts"
        counts = Counter(alert.severity for alert in alerts)
        if len(counts) > 1:
            yield ", ".join(f"{counts[severity]} {severity}" for severity in reversed(_SEVERITIES) if counts[severity])
    elif not alerts[0].matches:
        yield "monitor itself"
        if lead.word:
            yield lead.word
    else:
        yield _cause(notification.cause, alerts[0])
        if lead.likely:
            yield "likely: spelling"
    if notification.why:
        yield from (cut(one, _REASON_LENGTH) for one in clean(notification.why).split(" · "))


def _cause(cause: str, alert: Alert) -> str:
    if cause.startswith(("group:", "digest:")):
        cause = causes.FIRST
    joined = len({*alert.stories} - {*alert.stories[:1]})
    if causes.parted(cause)[0] == causes.DEVELOPMENT:
        return _count(joined, "development")
    return cut(clean(causes.words(cause)).strip(), _LABEL_LENGTH)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# --- Of an alert ---------------------------------------------------------------------------------------------------


def _report(alert: Alert, cause: str, clock: _Clock, *, alone: bool) -> Report:
    if alert.matches:
        return _story(alert, cause, clock, alone=alone)
    if alert.event:
        return _operation(alert, alert.event, clock)
    return Report(
        title=_title(alert.name),
        headline=headline(alert.name),
        label=OPERATIONS,
        severity=alert.severity,
        details=(),
    )


def _operation(alert: Alert, event: Event, clock: _Clock) -> Report:
    """Report what monitor says of itself: what has happened or, once it is over, that it is, and what it was."""
    about, over = f"{_label(event.rule)}: {_label(event.subject)}", alert.cleared
    if over:
        times = (f"since {clock.time(event.at)}", f"recovered {clock.time(over.at)} after {_span(over.at - event.at)}")
    else:
        times = (event.state, clock.time(event.at))
    summary = over.summary if over else event.summary
    return Report(
        title=_title(summary),
        headline=headline(summary),
        label=OPERATIONS,
        severity=alert.severity,
        details=(about, *times),
        word="recovered" if over else None,
        gone=(headline(event.summary),) if over else (),
    )


def _story(alert: Alert, cause: str, clock: _Clock, *, alone: bool) -> Report:
    lead = _lead(alert, cause)
    edit = _edit_of(alert, lead.article.id)
    match, gone, quotes = _edited(alert, lead, edit) if edit else (lead, (), _quotes(lead))
    article = match.article
    likely = any(evidence.how is How.VARIANT for evidence in match.evidence)
    room = _QUOTES if alone else _QUOTES_OF_MANY
    return Report(
        title=_title(article.title),
        headline=headline(article.title, match.evidence),
        label=_label(match.watchlist.name),
        severity=alert.severity,
        details=(
            _label(article.source),
            clock.published(article),
            *_standing(edit, clock, likely=likely),
            *(() if alone else _sizes(alert)),
        ),
        word=edit.kind if edit else None,
        likely=likely,
        link=web_link(article.url),
        lang=_language(article),
        gone=gone[:_GONE],
        quotes=quotes[:room],
        unquoted=len(quotes[room:]),
        listings=tuple(_listings(alert, article, clock)) if alone else (),
    )


def _standing(edit: Edit | None, clock: _Clock, *, likely: bool) -> Iterator[str]:
    """Say how far a report is to be believed."""
    if edit:
        yield f"{edit.kind} {clock.time(edit.at)}"
    if edit is None or edit.kind == "changed":
        yield "likely (spelling)" if likely else "sure"


def _lead(alert: Alert, cause: str) -> Match:
    """Choose the match that is the cause: the first that has it, else the first of all."""
    for edit in alert.edits:
        if cause in {causes.changed(edit.now), causes.withdrawn(edit.now)}:
            return _version(alert, edit.article, edit.gone) or alert.matches[0]
    stories = zip(alert.matches, alert.stories or ("",) * len(alert.matches), strict=True)
    return next((match for match, story in stories if cause in _causes(match, story)), alert.matches[0])


def _causes(match: Match, story: str) -> set[str]:
    return {
        causes.first_tier(match.article.source),
        causes.development(story),
        causes.returned(match.article.content_hash),
        *map(causes.new_term, match.watched),
    }


def _version(alert: Alert, article: str, content_hash: str) -> Match | None:
    wanted = (article, content_hash)
    return next((one for one in alert.matches if (one.article.id, one.article.content_hash) == wanted), None)


def _edit_of(alert: Alert, article: str) -> Edit | None:
    """Return what became of an article last. One that says again what it was chosen for is not withdrawn."""
    edits = [edit for edit in alert.edits if edit.article == article]
    if not edits or (edits[-1].kind == "withdrawn" and _says_again(alert, edits[-1])):
        return None
    return edits[-1]


def _says_again(alert: Alert, edit: Edit) -> bool:
    return any(match.article.id == edit.article and match.matched_at > edit.at for match in alert.matches)


def _edited(alert: Alert, lead: Match, edit: Edit) -> tuple[Match, tuple[Line, ...], tuple[Line, ...]]:
    """Choose what is shown of an article that was edited: a version, what is gone from it, and what it says now.

    A withdrawn report keeps the headline that was told; a changed one has its new one.
    """
    was_lead = any((one.article, one.gone) == (edit.article, lead.article.content_hash) for one in alert.edits)
    old = lead if was_lead else _version(alert, edit.article, edit.gone) or lead
    told = sentences(old.evidence)
    if edit.kind == "withdrawn":
        title = headline(edit.title)
        now = () if str(title) == str(headline(old.article.title)) else (title,)
        return old, _without(told, [headline(old.article.title)]), now
    new = _version(alert, edit.article, edit.now)
    if new is None:
        new = replace(old, article=replace(old.article, title=edit.title), evidence=())
    return new, _without(told, [headline(new.article.title), *sentences(new.evidence)]), _quotes(new)


def _without(lines: Iterable[Line], said: Iterable[Line]) -> tuple[Line, ...]:
    """Leave out the lines that are said elsewhere."""
    known = {*map(str, said)}
    return tuple(line for line in lines if str(line) not in known)


def _quotes(match: Match) -> tuple[Line, ...]:
    """Give the sentences of the text in which something was found; the title's are in the headline."""
    return sentences(one for one in match.evidence if one.field == "text")


def _title(text: str) -> str:
    return cut(clean(text).strip(), _TITLE_LENGTH) or NO_HEADLINE


def _label(text: str) -> str:
    return cut(clean(text).strip(), _LABEL_LENGTH)


def _language(article: Header) -> str | None:
    return article.lang if article.lang and _LANGUAGE.fullmatch(article.lang) else None


# --- Of its story --------------------------------------------------------------------------------------------------


def _stories(alert: Alert) -> tuple[list[Header], list[Header]]:
    """Return the articles of the alert's own story, and of each development the first; each in its newest version."""
    own: dict[str, Header] = {}
    joined: dict[str, dict[str, Header]] = {}
    stories = alert.stories or ("",) * len(alert.matches)
    for match, story in zip(alert.matches, stories, strict=True):
        articles = own if story == stories[0] else joined.setdefault(story, {})
        articles[match.article.id] = match.article
    return [*own.values()], [next(iter(articles.values())) for articles in joined.values()]


def _sizes(alert: Alert) -> Iterator[str]:
    """Say how large a story of several articles is."""
    own, joined = _stories(alert)
    if len(own) > 1:
        yield _extent(own)
    if joined:
        yield _count(len(joined), "development")


def _extent(articles: Sequence[Header]) -> str:
    sources = {article.source for article in articles}
    return f"{_count(len(articles), 'article')} from {_count(len(sources), 'source')}"


def _listings(alert: Alert, lead: Header, clock: _Clock) -> Iterator[Listing]:
    """List what else the alert holds besides its lead: developments, and who tells the same."""
    own, joined = _stories(alert)
    for title, articles in (("Developments", joined), (_extent(own), own)):
        others = _spread((article for article in articles if article.id != lead.id), lead)
        entries = tuple(_entry(article, alert, clock) for article in others[:_ENTRIES])
        if entries:
            yield Listing(title=title, entries=entries, unlisted=len(others) - len(entries))


def _spread(articles: Iterable[Header], lead: Header) -> list[Header]:
    """Order articles so that each other source comes before the second of any."""
    times = Counter([lead.source])
    ranked = []
    for article in articles:
        ranked.append((times[article.source], article))
        times[article.source] += 1
    return [article for _, article in sorted(ranked, key=lambda one: one[0])]


def _entry(article: Header, alert: Alert, clock: _Clock) -> Entry:
    edit, link = _edit_of(alert, article.id), web_link(article.url)
    return Entry(
        source=_label(article.source),
        at=clock.brief(article.published or article.first_seen),
        headline=headline(article.title, length=_ENTRY_LENGTH),
        link=link if link and len(link) <= _ENTRY_LINK_LENGTH else None,
        lang=_language(article),
        word=edit.kind if edit else None,
    )


# --- Times ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clock:
    """Times as somebody in ``zone`` reads them in a message of ``today``."""

    zone: tzinfo
    today: datetime

    def published(self, article: Header) -> str:
        """Say when an article came: ``published 11:05 EET``."""
        if article.published:
            return f"published {self.time(article.published)}"
        return f"first seen {self.time(article.first_seen)}"

    def time(self, moment: datetime) -> str:
        """Write a time: ``11:05 EET``, of another day than the message ``23:50 EET, Thu 19 Nov``."""
        there = self._there(moment)
        name = there.tzname() or ""
        return f"{there:%H:%M} {name if name.isalpha() else f'UTC{name}'}{self._day(there)}"

    def brief(self, moment: datetime) -> str:
        """Write a time where the zone is clear: ``11:05``, ``23:50, Thu 19 Nov``."""
        there = self._there(moment)
        return f"{there:%H:%M}{self._day(there)}"

    def _there(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(self.zone)
        except OverflowError:  # on the first and the last day of all calendars
            return moment.astimezone(UTC)

    def _day(self, there: datetime) -> str:
        today = self._there(self.today)
        if there.date() == today.date():
            return ""
        year = f" {there.year}" if there.year != today.year else ""
        return f", {there:%a} {there.day} {there:%b}{year}"


def _span(duration: timedelta) -> str:
    """Write how long something took, in its two largest units: ``2d3h``, ``1h30m``, ``45s``."""
    seconds = max(int(duration.total_seconds()), 0)
    days, hours, minutes, rest = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    first = next((number for number, (amount, _) in enumerate(units) if amount), len(units) - 1)
    return "".join(f"{amount}{unit}" for amount, unit in units[first : first + 2] if amount) or "0s"
