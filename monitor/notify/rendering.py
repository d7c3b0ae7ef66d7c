"""A notification as people read it (subject, text, HTML, terminal) and as programs do (JSON).

Hides what is shown of an alert, in which order and how much of it. Where an operator's template fails the built-in one
speaks in its place (`templating`). Templates see a `Digest` of cleaned text only, so nothing that a publisher wrote can
become mark-up, a header or a bidi trick. Sends nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from monitor.model import How, Message, Severity
from monitor.notify.blocks import blocks_of
from monitor.notify.display import clean, cut, cut_front, direction, web_link
from monitor.notify.templating import BuiltIn, Overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from monitor.model import Alert, Evidence, Header, Match, Notification
    from monitor.notify.display import Direction

    Span = tuple[int, int]

SUBJECT: Final = "subject.txt"
TEXT: Final = "message.txt"
HTML: Final = "message.html"
TERMINAL: Final = "terminal.txt"
OPERATIONS: Final = "operations"

_NOTHING: Final = "nothing found"
_NO_HEADLINE: Final = "(no headline)"
_TITLE_LENGTH: Final = 120  # characters of headline in a subject; phones show some 45
_LINE_LENGTH: Final = 300  # of a headline in the body, of a sentence without marks, of one marked span
_CONTEXT: Final = 160  # shown on each side of marked words
_LABEL_LENGTH: Final = 80
_QUOTES: Final = 6  # passages shown of an alert
_REPORTS: Final = 40  # alerts shown in one message, if they fit
_MARKS: Final = 20  # shown of one line
_PASSAGE: Final = 1_200  # characters of one line, its marks included
_ROOM: Final = 95_000
"""Bytes of HTML for all reports of a message. Gmail cuts it at 102,400 and hides the rest."""
_REPORT_MARKUP: Final = 1_400  # with its headline's
_QUOTE_MARKUP: Final = 200
_MARK_MARKUP: Final = 60
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_BREAKS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SEVERITIES: Final = tuple(Severity)


# --- What templates see --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a line; ``marked`` when it is what the watchlist looked for."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an article, cleaned and cut, with the way it runs."""

    parts: tuple[Part, ...]
    direction: Direction

    def __str__(self) -> str:
        """Return the line without marks."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One alert.

    ``title`` is the beginning of the headline, for a subject; ``label`` the watchlist's name, or ``operations``;
    ``details`` are source, time and certainty; ``link`` is http(s) or None; ``quotes`` the sentences with their words
    marked, ``unquoted`` how many more there are.
    """

    title: str
    headline: Line
    label: str
    severity: Severity
    details: tuple[str, ...]
    likely: bool = False
    link: str | None = None
    lang: str | None = None
    quotes: tuple[Line, ...] = ()
    unquoted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One notification: gravest alert first. A digest of nothing has no reports.

    ``why`` is the reason that it was sent; ``title`` the first report's; ``label`` the watchlist's name, or how many
    alerts; ``unshown`` how many alerts are not in ``reports``.
    """

    title: str
    label: str
    why: str
    severity: Severity
    reports: tuple[Report, ...]
    unshown: int


# --- Rendering -----------------------------------------------------------------------------------------------------


class Renderer:
    """Writes messages. ``overrides`` is a folder whose templates stand in for built-in ones of the same name."""

    def __init__(self, overrides: Path | None = None) -> None:
        self._built_in = BuiltIn()
        self._overrides = Overrides(overrides) if overrides else None

    def render(self, notification: Notification) -> Message:
        """Write the message of a notification; the same notification always gives the same message."""
        digest = digest_of(notification)
        return Message(
            id=notification.id,
            about=_about(notification.alerts),
            subject=_BREAKS.sub(" ", self._write(SUBJECT, digest)).strip(),
            text=self._write(TEXT, digest),
            html=self._write(HTML, digest),
            terminal=self._write(TERMINAL, digest),
            data=_data(notification),
            date=notification.created,
            severity=digest.severity,
            blocks=blocks_of(digest),
        )

    def _write(self, name: str, digest: Digest) -> str:
        written = self._overrides.write(name, digest) if self._overrides else None
        return self._built_in.write(name, digest) if written is None else written

    def close(self) -> None:
        """End the process that an operator's templates run in. Closing twice is harmless."""
        if self._overrides:
            self._overrides.close()


# --- From alerts to what is shown ----------------------------------------------------------------------------------


def digest_of(notification: Notification) -> Digest:
    """Choose what is shown of a notification."""
    alerts = sorted(notification.alerts, key=lambda alert: (-_SEVERITIES.index(alert.severity), alert.created))
    if not alerts:
        return _nothing(notification)
    shown = tuple(_fitting(_report(alert) for alert in alerts[:_REPORTS]))
    lead = shown[0]
    return Digest(
        title=lead.title,
        label=lead.label if len(alerts) == 1 else f"{len(alerts)} alerts",
        why=_why(notification, lead),
        severity=alerts[0].severity,
        reports=shown,
        unshown=len(alerts) - len(shown),
    )


def _nothing(notification: Notification) -> Digest:
    """Say that there is nothing to tell, which is worth a message where one is expected."""
    why = clean(notification.why or _NOTHING)
    return Digest(title=_NOTHING, label="digest", why=why, severity=Severity.LOW, reports=(), unshown=0)


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
    parts = [part for line in (report.headline, *report.quotes) for part in line.parts]
    texts = (report.label, *report.details, *(part.text for part in parts))
    words = sum(len(escape(text).encode("utf-8")) for text in texts) + 2 * len(report.link or "")
    marks = sum(part.marked for part in parts)
    return _REPORT_MARKUP + _QUOTE_MARKUP * len(report.quotes) + _MARK_MARKUP * marks + words


def _why(notification: Notification, lead: Report) -> str:
    """Say why it was sent: a message's second line."""
    return " · ".join(_reasons(notification, lead))


def _reasons(notification: Notification, lead: Report) -> Iterator[str]:
    first = notification.cause == "first" or notification.cause.startswith(("group:", "digest:"))
    if len(notification.alerts) > 1:
        yield f"{len(notification.alerts)} alerts"
    elif lead.label == OPERATIONS:
        yield "monitor itself"
    else:
        yield "first report" if first else _label(notification.cause)
        if lead.likely:
            yield "likely: spelling"
    if notification.why:
        yield clean(notification.why)


def _report(alert: Alert) -> Report:
    if alert.matches:
        return _story(alert, alert.matches[0])
    event = alert.event
    summary = event.summary if event else alert.name
    return Report(
        title=_title(summary),
        headline=_line(summary),
        label=OPERATIONS,
        severity=alert.severity,
        details=(f"{_label(event.rule)}: {_label(event.subject)}", event.state, _clock(event.at)) if event else (),
    )


def _story(alert: Alert, match: Match) -> Report:
    article = match.article
    likely = any(evidence.how is How.VARIANT for evidence in match.evidence)
    quotes = tuple(_quotes(match.evidence))
    told = f"published {_clock(article.published)}" if article.published else f"first seen {_clock(article.first_seen)}"
    return Report(
        title=_title(article.title),
        headline=_line(article.title, _spans(one for one in match.evidence if one.field == "title")),
        label=_label(match.watchlist.name),
        severity=alert.severity,
        details=(_label(article.source), told, "likely (spelling)" if likely else "sure"),
        likely=likely,
        link=web_link(article.url),
        lang=article.lang if article.lang and _LANGUAGE.fullmatch(article.lang) else None,
        quotes=quotes[:_QUOTES],
        unquoted=len(quotes[_QUOTES:]),
    )


def _title(text: str) -> str:
    return cut(clean(text).strip(), _TITLE_LENGTH) or _NO_HEADLINE


def _label(text: str) -> str:
    return cut(clean(text).strip(), _LABEL_LENGTH)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# --- Lines with marks ----------------------------------------------------------------------------------------------


def _quotes(evidence: Iterable[Evidence]) -> Iterator[Line]:
    """Give each sentence of the text once, with the marks of every clause in it. The title's are in the headline."""
    sentences: dict[tuple[int, str], list[Span]] = {}
    for one in evidence:
        if one.field == "text":
            sentences.setdefault((one.quote_start, one.quote), []).extend(_spans([one], one.quote_start))
    for (_, quote), spans in sentences.items():
        yield _line(quote, spans)


def _spans(evidence: Iterable[Evidence], origin: int = 0) -> list[Span]:
    found = (found for one in evidence for found in one.mentions or (one,))
    return [(found.start - origin, found.end - origin) for found in found]


def _line(text: str, spans: Iterable[Span] = ()) -> Line:
    parts = tuple(Part(text=text, marked=marked) for text, marked in _visible([*_stretches(text, spans)]))
    return Line(parts=parts or (Part(text=_NO_HEADLINE),), direction=direction(clean(text)))


def _stretches(text: str, spans: Iterable[Span]) -> Iterator[tuple[str, bool]]:
    """Divide a text at its marks: all of it, in order, each stretch with whether it is marked."""
    at = 0
    for start, end in _joined(text, spans):
        yield text[at:start], False
        yield text[start:end], True
        at = end
    yield text[at:], False


def _joined(text: str, spans: Iterable[Span]) -> list[Span]:
    """Sort spans, keep them within the text, and join those with nothing but spaces between them."""
    joined: list[Span] = []
    for start, end in sorted((max(start, 0), min(end, len(text))) for start, end in spans):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined[:_MARKS]


def _visible(stretches: list[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Clean the stretches of a line, and cut what is far from every mark."""
    last, room = len(stretches) - 1, _PASSAGE
    for index, (text, marked) in enumerate(stretches):
        shown = clean(text)
        if marked or last == 0:
            shown = cut(shown, _LINE_LENGTH)
        elif index == 0:
            shown = cut_front(shown, _CONTEXT)
        elif index == last:
            shown = cut(shown, _CONTEXT)
        elif len(shown) > 2 * _CONTEXT:
            shown = f"{cut(shown, _CONTEXT)} {cut_front(shown, _CONTEXT)}"
        shown = shown.lstrip() if index == 0 else shown
        shown = cut(shown.rstrip() if index == last else shown, room)
        room -= len(shown)
        if shown:
            yield shown, marked
        if not room:
            return


# --- For programs --------------------------------------------------------------------------------------------------


def _about(alerts: Iterable[Alert]) -> str:
    ids = {alert.watchlist or OPERATIONS for alert in alerts}
    return ids.pop() if len(ids) == 1 else "several"


def _data(notification: Notification) -> bytes:
    """Write the notification as JSON: text as published, with unseen and active characters escaped."""
    record = {
        "id": notification.id,
        "receiver": notification.receiver,
        "channel": notification.channel,
        "cause": notification.cause,
        "created": notification.created,
        "alerts": [_record(alert) for alert in notification.alerts],
    }
    if notification.why:
        record["why"] = notification.why
    text = json.dumps(record, ensure_ascii=False, indent=2, default=_instant)
    return (_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode("utf-8", "replace")


def _record(alert: Alert) -> dict[str, object]:
    """Describe an alert with the keys of ``monitor alerts --json``; evidence is the first report's."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "watchlist": alert.watchlist,
        "name": alert.name,
        "severity": alert.severity,
        "state": alert.state,
        "score": alert.score,
        "created": alert.created,
        "articles": [_article(match.article) for match in alert.matches],
        "evidence": [asdict(evidence) for evidence in alert.matches[0].evidence] if alert.matches else [],
        "event": asdict(alert.event) if alert.event else None,
    }


def _article(header: Header) -> dict[str, object]:
    return {key: getattr(header, key) for key in ("id", "title", "url", "source", "lang", "published", "first_seen")}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
