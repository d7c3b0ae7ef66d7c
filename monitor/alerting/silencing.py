"""What people do not want to hear of: whether a silence is about a match, and whether silences hide an alert.

Pure. A silence is about what came up while it stood, whenever that is decided, so no order of events and decisions
makes a difference. Does not keep silences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.alerting.routing import subject_of, takes
from monitor.model import Event
from monitor.text.arabic import cuts
from monitor.text.folding import fold_word
from monitor.text.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.model import Alert, Evidence, Match
    from monitor.ports import Silence
    from monitor.text.tokens import Token


def hiding(silences: Sequence[Silence], alert: Alert, since: datetime, now: datetime) -> Silence | None:
    """Return the silence that hides an alert that came up at ``since``; None when it may be told.

    Silences hide it when each report of it is what one of them is about: a report of something else is told.
    """
    reports: Sequence[Match | Event] = (alert.event,) if alert.event else alert.matches
    first: Silence | None = None
    for report in reports:
        silence = hiding_one(silences, report, since, now)
        if silence is None:  # the others, which may be thousands, make no difference
            return None
        first = first or silence
    return first


def hiding_one(silences: Sequence[Silence], report: Match | Event, since: datetime, now: datetime) -> Silence | None:
    """Return the first silence that is about a report and stood at some time from ``since`` until ``now``."""
    standing = (silence for silence in silences if silence.created <= now and since < silence.expires)
    return next((silence for silence in standing if is_about(silence, report)), None)


def is_about(silence: Silence, report: Match | Event) -> bool:
    """Whether a silence is about a report, whenever that came up."""
    if not takes(silence.matcher, subject_of(report)):
        return False
    if silence.saying is None:
        return True
    evidence = () if isinstance(report, Event) else report.evidence
    return bool(evidence) and all(_is_within(silence.saying, one) for one in evidence)


def _is_within(wording: str, evidence: Evidence) -> bool:
    """Whether a word of this evidence was found inside a wording; one is enough, for a clause needs all its words."""
    places = list(_places(tokenize(wording), tokenize(evidence.quote)))
    origin = evidence.quote_start
    spans = [(one.start - origin, one.end - origin) for one in evidence.mentions or (evidence,)]
    return any(start <= first and last <= end for start, end in places for first, last in spans)


def _places(wording: Sequence[Token], quote: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Find where words stand one after the other, in their folded spelling; particles may be joined to the first.

    No words stand nowhere.
    """
    for place in range(len(quote) - len(wording) + 1 if wording else 0):
        there = quote[place : place + len(wording)]
        if _begins(wording[0], there[0]) and all(a.key == b.key for a, b in zip(wording[1:], there[1:], strict=True)):
            yield there[0].start, there[-1].end


def _begins(wanted: Token, token: Token) -> bool:
    """Whether two words are one but for particles; ال is no particle here: الأسد is not أسد."""
    if wanted.key == token.key:
        return True
    bare = fold_word(wanted.spelt.removeprefix("ال"))
    article = bare != wanted.key
    pieces = cuts(token.spelt, token.prefix)
    return any(one.article == article and not one.enclitic and fold_word(one.body) == bare for one in pieces)
