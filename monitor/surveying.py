"""What `sources` prints: how the sources are, what a poll on trial saw, what was found at an address.

One JSON object a line for programs, whose keys are promised, and columns for people, the worst first. Addresses that
are asked are shown without user, password and query, which may be secrets. Reads nothing itself.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor import codec
from monitor.ingest.deciding import Failure, Listing, PollStatus, Unchanged
from monitor.ingest.examining import Fate
from monitor.ingest.fetching import Failed, Fetched, NotModified
from monitor.model import Reason
from monitor.notify.display import clean, cut, isolate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.ingest.examining import Examination, Exchange, Verdict
    from monitor.ingest.finding import Found
    from monitor.ingest.identity import Item
    from monitor.ports import SourceState

SHOWN: Final = 10
"""Items of a poll on trial that people are shown."""
HEADLINES: Final = 5
_LONGEST: Final = 100
"""Characters of a headline in a table."""
_GRACE: Final = timedelta(minutes=2)
"""How late a poll may be: the state of a source in which nothing happens is written once a minute."""
_UNITS: Final = (
    (timedelta(days=1), "days", 2),
    (timedelta(hours=1), "h", 2),
    (timedelta(minutes=1), "min", 1),
)
"""Units of time, and from how many of them on they are used."""
_FAILING: Final = frozenset(status.value for status in PollStatus if status.is_failure)
_HEADINGS: Final = ("source", "state", "success", "new", "a day", "errors", "next poll")
_HELD: Final = {
    Reason.BASELINE: "back issues of a source that is new, returns after a long time or was rewritten as a whole",
    Reason.OLD: "older than max_age",
}


# --- How the sources are ---------------------------------------------------------------------------------------------


def health_line(state: SourceState) -> str:
    """Return a source's health as JSON."""
    line = {
        "id": state.id,
        "state": state.state,
        "last_success": state.last_success,
        "last_new": state.last_new,
        "errors": state.errors,
        "articles": state.articles,
        "error": state.error,
        "next_due": state.next_due,
        "skipped": state.skipped,
        "rate": state.rate,
        "silent_since": state.silent_since,
    }
    return _json(line)


def health_lines(states: Sequence[SourceState], now: datetime, width: int | None) -> Iterator[str]:
    """Give a table of the sources, those first that bring nothing; reasons are cut where a line has but ``width``."""
    worst_first = sorted(states, key=lambda state: (_rank(state), state.id))
    rows = [_HEADINGS, *(_row(state, now) for state in worst_first)]
    widths = [max(_columns(row[index]) for row in rows) for index in range(len(_HEADINGS))]
    for row, words in zip(rows, ["", *(_words(state, now) for state in worst_first)], strict=True):
        line = "  ".join(_padded(cell, size) for cell, size in zip(row, widths, strict=True))
        left = width - sum(widths) - 2 * len(widths) if width else len(words)
        yield f"{line}  {isolate(cut(words, left))}".rstrip() if words and left > 1 else line.rstrip()
    blind = [isolate(clean(state.id)) for state in worst_first if _rank(state) < _HEALTHY]
    yield f"{len(states) - len(blind)} of {len(states)} sources healthy" + (
        f"; blind: {', '.join(blind)}" * bool(blind)
    )


_HEALTHY: Final = 2


def _rank(state: SourceState) -> int:
    return 0 if state.state in _FAILING else 1 if state.silent_since else _HEALTHY


def _row(state: SourceState, now: datetime) -> tuple[str, ...]:
    return (
        clean(state.id),
        "silent" if _rank(state) == 1 else state.state,
        _ago(state.last_success, now),
        _ago(state.last_new, now),
        "" if state.rate is None else f"{state.rate:.3g}",
        str(state.errors or ""),
        _next(state.next_due, now),
    )


def _words(state: SourceState, now: datetime) -> str:
    silence = f"nothing new for {_span(now - state.silent_since)}" if state.silent_since else ""
    skipped = f"{state.skipped} skipped" if state.skipped else ""
    return clean("; ".join(filter(None, [silence, state.error, skipped])))


def _ago(instant: datetime | None, now: datetime) -> str:
    return _span(now - instant) if instant else "never"


def _next(due: datetime | None, now: datetime) -> str:
    if due is None or -timedelta(seconds=1) < now - due < _GRACE:
        return "now"
    return f"in {_span(due - now)}" if due > now else f"overdue {_span(now - due)}"


def _span(time: timedelta) -> str:
    for unit, name, least in _UNITS:
        if time >= least * unit:
            return f"{time / unit:.0f} {name}"
    return f"{max(time.total_seconds(), 0):.0f} s"


def _padded(text: str, size: int) -> str:
    return isolate(text) + " " * (size - _columns(text))


def _columns(text: str) -> int:
    """Count the columns that text takes on a terminal."""
    return sum(_column(letter) for letter in text)


def _column(letter: str) -> int:
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


# --- A poll on trial -------------------------------------------------------------------------------------------------


def examination_lines(seen: Examination) -> Iterator[str]:
    """Tell a poll on trial: what was asked and came, what became of the newest items, what follows."""
    source = seen.source
    yield f"{isolate(source.id)}: {source.folder or shown_address(source.address or '')}"
    for exchange in seen.exchanges:
        yield from _exchange_lines(exchange)
    for permission in seen.permissions:
        if permission.refusal:
            yield f"  robots.txt: {shown_address(permission.url)}: {permission.refusal}"
    if seen.permissions:
        allowed = sum(not permission.refusal for permission in seen.permissions)
        yield f"  robots.txt allows {allowed} of {len(seen.permissions)} pages"
    yield from _answer_lines(seen)
    yield from _plan_lines(seen)


def _exchange_lines(exchange: Exchange) -> Iterator[str]:
    record = _exchange_record(exchange)
    fresh_for, sent = record["fresh_for"], [*record["conditions"], *record["headers"]]
    parts = [
        str(record["error"] or ("not modified" if record["not_modified"] else record["status"])),
        f"{record['bytes']:,} bytes" if record["bytes"] is not None else "",
        f"{record['seconds']:.2f} s",
        f"{record['redirects']} redirects, to {record['found_at']}" if record["redirects"] else "",
        f"fresh for {_span(timedelta(seconds=fresh_for))}" if fresh_for is not None else "",
        f"sent {', '.join(sent)}" if sent else "",
    ]
    yield f"  asked {record['address']}: {', '.join(filter(None, parts))}"


def _answer_lines(seen: Examination) -> Iterator[str]:
    if seen.kind:
        yield f"  its document is a {seen.kind}"
    match seen.answer:
        case Unchanged():
            since = seen.before.last_polled
            yield f"  nothing is new since {_minute(since)}" if since else "  nothing is new"
        case Failure(reason=reason):
            yield f"  it {_failed(seen.plan.status)}: {clean(reason)}"
        case Listing() as listing:
            yield from _listing_lines(seen, listing)


def _failed(status: PollStatus) -> str:
    return {PollStatus.BLOCKED: "is blocked", PollStatus.GONE: "is gone"}.get(status, "fails")


def _listing_lines(seen: Examination, listing: Listing) -> Iterator[str]:
    more = ", more is about to be read" if listing.settling else ""
    yield f"  {len(listing.items)} items read, {listing.skipped} skipped{more}"
    if listing.warning:
        yield f"  warning: {clean(listing.warning)}"
    ours = seen.cut
    for what, times, ends in (
        ("headlines", ours.titles, ours.boilerplate.names),
        ("texts", ours.texts, ours.boilerplate.footers),
    ):
        if times:
            yield f"  cut from the end of {times} {what}: {', '.join(f'«{isolate(clean(end))}»' for end in ends)}"
    for verdict in seen.verdicts[:SHOWN]:
        yield from _verdict_lines(verdict)
    if len(seen.verdicts) > SHOWN:
        yield f"  … and {len(seen.verdicts) - SHOWN} more (--json has all)"
    for reason, words in _HELD.items():
        if times := sum(verdict.held is reason for verdict in seen.verdicts):
            yield f"  held back as {reason}, {times}: {words}"


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    item = verdict.item
    fate = f"{verdict.fate} ({verdict.held})" if verdict.held else verdict.fate
    yield f"  {fate:15}  {_dated(item)}  {_headline(item)}"
    yield f"{'':19}{verdict.article}  {clean(item.url or item.key)}"


def _dated(item: Item) -> str:
    return f"{_minute(item.published) if item.published else 'no date':17}"


def _headline(item: Item) -> str:
    return isolate(cut(clean(item.title or item.text), _LONGEST))


def _plan_lines(seen: Examination) -> Iterator[str]:
    plan = seen.plan
    yield f"  then: {plan.status}{_counts(seen)}"
    for event in plan.events:
        yield f"  event: {event.rule} {event.state}: {isolate(clean(event.summary))}"
    if plan.state.next_due:
        yield f"  next poll in {_span(plan.state.next_due - seen.now)}: {_why(seen)}"


def _counts(seen: Examination) -> str:
    if isinstance(seen.answer, Failure):
        return f", error {seen.plan.state.errors} in a row"
    if isinstance(seen.answer, Unchanged):
        return ""
    fates = [verdict.fate for verdict in seen.verdicts]
    return f"; {fates.count(Fate.NEW)} new, {fates.count(Fate.EDIT)} edits, {seen.plan.held} of them held back"


def _why(seen: Examination) -> str:
    """Say what decides when a source is polled next."""
    source, answer, state = seen.source, seen.answer, seen.plan.state
    if isinstance(answer, Failure):
        asked = f"; its server asks to be left alone for {_span(answer.retry_after)}" if answer.retry_after else ""
        return f"interval {_span(source.every)}, doubled from the third error in a row on{asked}"
    if isinstance(answer, Listing) and answer.settling:
        return "more is about to be read"
    hints = [answer.fresh_for, answer.ttl] if isinstance(answer, Listing) else [answer.fresh_for]
    hint = max(filter(None, hints), default=None)
    rate = f"it brings {state.rate:.3g} a day" if state.rate is not None else "its rhythm is not known yet"
    parts = [
        f"interval {_span(source.every)}" + ("" if source.interval else ", the default"),
        "" if source.folder else rate if source.adaptive else "not adaptive",
        f"its server asks to be left alone for {_span(hint)}" if hint else "",
    ]
    return "; ".join(filter(None, parts))


def examination_records(seen: Examination) -> Iterator[str]:
    """Give a poll on trial as JSON: its requests, what robots.txt says, its items, then what follows."""
    for exchange in seen.exchanges:
        yield _json({"record": "request", **_exchange_record(exchange)})
    for permission in seen.permissions:
        yield _json({"record": "robots", "address": shown_address(permission.url), "refusal": permission.refusal})
    for verdict in seen.verdicts:
        yield _json({"record": "item", **_verdict_record(verdict)})
    yield _json({"record": "outcome", **_outcome_record(seen)})


def _exchange_record(exchange: Exchange) -> dict[str, Any]:
    request, came = exchange.request, exchange.outcome
    fetched = came if isinstance(came, Fetched) else None
    fresh_for = None if isinstance(came, Failed) else came.fresh_for
    return {
        "address": shown_address(request.url),
        "status": None if isinstance(came, NotModified) else came.status,
        "not_modified": isinstance(came, NotModified),
        "error": str(came) if isinstance(came, Failed) else None,
        "bytes": len(fetched.body) if fetched else None,
        "seconds": round(exchange.seconds, 3),
        "redirects": fetched.hops if fetched else 0,
        "found_at": shown_address(fetched.url) if fetched else None,
        "fresh_for": fresh_for.total_seconds() if fresh_for is not None else None,
        "conditions": list(request.conditions),
        "headers": list(request.headers),
    }


def _verdict_record(verdict: Verdict) -> dict[str, Any]:
    item = verdict.item
    return {
        "fate": verdict.fate,
        "held": verdict.held,
        "article": verdict.article,
        "title": item.title,
        "url": item.url,
        "published": item.published,
        "lang": item.lang,
        "characters": len(item.text),
    }


def _outcome_record(seen: Examination) -> dict[str, Any]:
    answer, plan = seen.answer, seen.plan
    listing = answer if isinstance(answer, Listing) else None
    return {
        "id": seen.source.id,
        "state": plan.status,
        "unchanged": isinstance(answer, Unchanged),
        "error": answer.reason if isinstance(answer, Failure) else listing and listing.warning,
        "kind": seen.kind,
        "items": len(listing.items) if listing else 0,
        "skipped": listing.skipped if listing else 0,
        "articles": len(plan.articles),
        "held": plan.held,
        "cut": {
            "headlines": seen.cut.titles,
            "texts": seen.cut.texts,
            "ends": [*seen.cut.boilerplate.names, *seen.cut.boilerplate.footers],
        },
        "events": [{"rule": event.rule, "state": event.state, "summary": event.summary} for event in plan.events],
        "next_due": plan.state.next_due,
        "why": _why(seen),
    }


# --- What was found --------------------------------------------------------------------------------------------------


def found_lines(found: Found) -> Iterator[str]:
    """Tell what was found at an address, with its newest headlines, and what else there is."""
    best = found.best
    title = f"  {isolate(clean(best.title))}" if best.title else ""
    lang = f", in {best.lang}" if best.lang else ""
    yield f"{best.kind} {clean(best.url)}{title}"
    yield f"  {best.entries} entries{lang}"
    if best.warning:
        yield f"  warning: {clean(best.warning)}"
    newest = sorted(best.items, key=lambda item: item.published.timestamp() if item.published else 0, reverse=True)
    yield from (f"  {_dated(item)}  {_headline(item)}" for item in newest[:HEADLINES])
    for other in found.others:
        yield f"  also: {clean(other.url)}" + (f"  {isolate(clean(other.title))}" if other.title else "")


def shown_address(url: str) -> str:
    """Write an address without what may be secret in it: user, password, the values of its query."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return clean(f"{parts.scheme}://{place}{parts.path}" + ("?…" if parts.query else ""))


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%MZ}"


def _json(line: object) -> str:
    return codec.to_json(line).decode()
