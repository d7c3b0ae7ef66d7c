"""An operator's templates held to sample messages before they are live, for ``monitor check`` and for looking at.

Hides the samples and what makes a file in the folder a template. What a template may do at all, and where it runs, is
`templating`'s affair.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from monitor.alerting import causes
from monitor.documents import did_you_mean
from monitor.errors import Problem
from monitor.model import (
    Alert,
    Edit,
    Event,
    Evidence,
    Header,
    How,
    Match,
    Notification,
    Severity,
    WatchlistHeader,
    stable_hash,
)
from monitor.notify.digesting import digest_of
from monitor.notify.templating import NAMES, Fault, Overrides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_AT: Final = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


def check_templates(folder: Path) -> list[Problem]:
    """Tell what is wrong with the templates of a folder: nothing, where there is none."""
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and _is_shown(file, folder)}
    if not files:
        return []
    with closing(Overrides(folder)) as overrides:
        used, problems = _inspect(overrides, folder, files)
        problems += [_problem(folder, fault) for name in NAMES if name in files for fault in _proof(overrides, name)]
    problems += [_unused(folder / name, name) for name in files - used]
    return sorted(set(problems))


def samples(receiver: str = "sample") -> tuple[Notification, ...]:
    """Give notifications of every kind: news and what becomes of it, monitor itself, many alerts, and none."""
    growing, edited = _growing(), _edited()
    raised = Event(rule="source failing", subject="agency", state="raised", at=_AT, summary="agency answers nothing")
    own = _own(raised)
    over = replace(raised, state="cleared", at=_AT + timedelta(minutes=90), summary="agency answers again")
    bare = _alert(_match("", ()))
    given = [
        (causes.FIRST, (_alert(_match(_TITLE, _SENTENCES, url="https://news.example/ship", lang="en")),)),
        (causes.FIRST, (_alert(_match(_ARABIC_TITLE, _ARABIC, lang="ar")),)),
        (causes.FIRST, (bare,)),
        (causes.new_term("طرطوس"), (growing,)),
        (causes.withdrawn("v2"), (edited,)),
        (causes.FIRST, (own,)),
        (causes.RESOLVED, (replace(own, state="closed", cleared=over),)),
        ("group:sample", (own, edited, *(growing, bare) * 20)),
        ("digest:sample", ()),
    ]
    return tuple(_notification(receiver, cause, alerts) for cause, alerts in given)


# --- Files ---------------------------------------------------------------------------------------------------------


def _is_shown(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") or part.endswith("~") for part in file.relative_to(folder).parts)


def _inspect(overrides: Overrides, folder: Path, files: set[str]) -> tuple[set[str], list[Problem]]:
    """Read the templates and what they use: which files these are, and what is wrong in them."""
    due = deque(sorted(files & set(NAMES)))
    used, problems = set(due), []
    while due:
        found = overrides.inspect(due.popleft())
        if isinstance(found, Fault):
            problems.append(_problem(folder, found))
            continue
        problems += [_problem(folder, fault) for fault in found.unknown]
        new = (set(found.uses) & files) - used
        used |= new
        due.extend(sorted(new))
    return used, problems


def _proof(overrides: Overrides, name: str) -> Iterator[Fault]:
    """Run a template over the samples up to its first fault."""
    for sample in samples():
        written = overrides.attempt(name, digest_of(sample))
        if isinstance(written, Fault):
            yield written
            return


def _problem(folder: Path, fault: Fault) -> Problem:
    return Problem(folder / fault.file, fault.line or 1, 1, "error", f"{fault.reason}; the built-in text is sent")


def _unused(file: Path, name: str) -> Problem:
    hint = did_you_mean(name, NAMES)
    level: Literal["error", "warning"] = "error" if "did you mean" in hint else "warning"
    return Problem(file, 1, 1, level, f"no message is written with a template {name!r}{hint}")


# --- Samples -------------------------------------------------------------------------------------------------------

_TITLE: Final = "Ship leaves the port of Tartus"
_SENTENCES: Final = tuple(f"Ship number {number} left the port of Tartus on Friday." for number in range(9))
_ARABIC_TITLE: Final = "سفينة تغادر ميناء طرطوس"
_ARABIC: Final = ("غادرت سفينة ميناء طرطوس صباح الجمعة.",)


def _growing() -> Alert:
    """Make an alert of many sources, with a development and a new term."""
    others = [
        _match(f"Ship number {number} leaves Tartus", _SENTENCES[number : number + 1], source=f"agency-{number}")
        for number in range(9)
    ]
    new = replace(_match(_ARABIC_TITLE, _ARABIC, source="wakala", lang="ar"), watched=("طرطوس",))
    joined = _match("Another ship is awaited", _SENTENCES[:1], source="coast", url="https://news.example/another")
    return _alert(*others, new, joined, stories=("one",) * 10 + ("two",))


def _edited() -> Alert:
    """Make an alert whose article was withdrawn."""
    told = _match(_TITLE, _SENTENCES[:2], url="https://news.example/ship", lang="en")
    at = _AT + timedelta(minutes=30)
    edit = Edit(article=told.article.id, gone="v1", now="v2", kind="withdrawn", title="No ship has left", at=at)
    return replace(_alert(told), edits=(edit,))


def _own(event: Event) -> Alert:
    return replace(_alert(), kind="operations", name="source failing: agency", watchlist=None, event=event)


def _match(
    title: str, sentences: tuple[str, ...], source: str = "agency", url: str | None = None, lang: str | None = None
) -> Match:
    number = f"{source} {title}"
    article = Header(
        id=number, source=source, title=title, content_hash="v1", first_seen=_AT, published=_AT, url=url, lang=lang
    )
    found, at = [], 0
    for sentence in sentences:
        found.append(_evidence(sentence, at))
        at += len(sentence) + 1
    watchlist = WatchlistHeader(id="ports", name="Ports")
    return Match(watchlist=watchlist, article=article, score=75, evidence=tuple(found), matched_at=_AT)


def _evidence(sentence: str, at: int) -> Evidence:
    word = next(word for word in ("Tartus", "طرطوس") if word in sentence)
    start = at + sentence.index(word)
    return Evidence(
        clause=word,
        field="text",
        text=word,
        start=start,
        end=start + len(word),
        how=How.VARIANT,
        quote=sentence,
        quote_start=at,
        mentions=(),
    )


def _alert(*matches: Match, stories: tuple[str, ...] = ()) -> Alert:
    return Alert(
        id="sample",
        kind="watchlist",
        name="Ports",
        severity=Severity.HIGH,
        state="open",
        created=_AT,
        watchlist="ports",
        score=75,
        matches=matches,
        stories=stories,
    )


def _notification(receiver: str, cause: str, alerts: tuple[Alert, ...]) -> Notification:
    return Notification(
        id=stable_hash("sample", cause, str(len(alerts))),
        receiver=receiver,
        channel="email",
        destination="desk@example.org",
        cause=cause,
        created=_AT + timedelta(hours=2),
        alerts=alerts,
        why=None if alerts else "nothing found; 2 of 3 sources healthy; blind: agency",
    )
