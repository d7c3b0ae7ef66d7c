"""An operator's templates held to sample messages before they are live, for ``monitor check``.

Hides the samples and what makes a file in the folder a template. What a template may do at all, and where it runs, is
`templating`'s affair.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from monitor.documents import did_you_mean
from monitor.errors import Problem
from monitor.model import Alert, Event, Evidence, Header, How, Match, Notification, Severity, WatchlistHeader
from monitor.notify.rendering import digest_of
from monitor.notify.templating import NAMES, Fault, Overrides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.notify.rendering import Digest

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


def samples() -> tuple[Digest, ...]:
    """Give messages of every kind: a story, one without title and link, one about monitor itself, and many at once."""
    story = _alert(_match("Ship leaves the port of Tartus", _SENTENCES, url="https://news.example/ship", lang="en"))
    arabic = _alert(_match("سفينة تغادر ميناء طرطوس", ("غادرت سفينة ميناء طرطوس صباح الجمعة.",), lang="ar"))
    bare = _alert(replace(_match("", ()), evidence=()))
    event = Event(rule="source failing", subject="agency", state="raised", at=_AT, summary="agency answers nothing")
    own = replace(story, kind="operations", watchlist=None, matches=(), event=event)
    given = [(story,), (arabic,), (bare,), (own,), (own, *(story, arabic, bare) * 50)]
    return tuple(digest_of(_notification(alerts)) for alerts in given)


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
    for digest in samples():
        written = overrides.attempt(name, digest)
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

_SENTENCES: Final = tuple(f"Ship number {number} left the port of Tartus on Friday." for number in range(9))


def _match(title: str, sentences: tuple[str, ...], url: str | None = None, lang: str | None = None) -> Match:
    article = Header(
        id="sample", source="agency", title=title, content_hash="", first_seen=_AT, published=_AT, url=url, lang=lang
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


def _alert(match: Match) -> Alert:
    return Alert(
        id="sample",
        kind="watchlist",
        name="Ports",
        severity=Severity.HIGH,
        state="open",
        created=_AT,
        watchlist="ports",
        score=75,
        matches=(match,),
    )


def _notification(alerts: tuple[Alert, ...]) -> Notification:
    return Notification(
        id="sample",
        receiver="sample",
        channel="email",
        destination="desk@example.org",
        cause="first" if len(alerts) == 1 else "group:sample",
        created=_AT,
        alerts=alerts,
    )
