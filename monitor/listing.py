"""What `alerts`, `sources`, `dead` and `backtest` print: one JSON object a line for programs, a few words for people.

The keys of the JSON lines are promised; more may be added. Reads nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor import codec
from monitor.notify.display import clean, cut, isolate
from monitor.watchlists.backtesting import NEWEST, when_matched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitor.model import Header, Match
    from monitor.ports import AlertReport, FiledLetter, SourceState
    from monitor.watchlists.backtesting import Comparison, Summary

_LONGEST: Final = 100
"""Characters of a headline in a table."""


def alert_line(report: AlertReport) -> str:
    """Return an alert as JSON: what it is, its articles, its evidence, who was told and who is still owed."""
    alert = report.alert
    told = [each for each in report.told if each.at]
    line = {
        "id": alert.id,
        "kind": alert.kind,
        "watchlist": alert.watchlist,
        "name": alert.name,
        "severity": alert.severity,
        "state": alert.state,
        "score": alert.score,
        "created": alert.created,
        "articles": [
            {"id": each.id, "title": each.title, "url": each.url, "source": each.source} for each in _articles(report)
        ],
        "evidence": alert.matches[0].evidence if alert.matches else (),
        "summary": alert.event.summary if alert.event else None,
        "notified": [
            {"receiver": each.receiver, "channel": each.channel, "cause": each.cause, "at": each.at} for each in told
        ],
        "owed": [
            {"receiver": each.receiver, "channel": each.channel, "cause": each.cause, "state": each.state}
            for each in report.told
            if not each.at
        ],
    }
    return codec.to_json(line).decode()


def alert_text(report: AlertReport) -> str:
    """Return an alert for a person: when, how grave, the headline, the words that were found, who was told."""
    alert = report.alert
    lines = [f"{_minute(alert.created)}  {alert.severity}  {alert.name}  ({alert.state}, {alert.id})"]
    if alert.event:
        lines.append(f"  {alert.event.summary}")
    for article in _articles(report)[:1]:
        lines.append(f"  {isolate(clean(article.title))}")
        found = " + ".join(f"«{isolate(clean(item.text))}»" for item in alert.matches[0].evidence)
        lines.append(f"  {found}  · {article.source}" + (f" · {clean(article.url)}" if article.url else ""))
    told = [f"{each.receiver} by {each.channel} {_minute(each.at)}" for each in report.told if each.at]
    owed = [
        f"{each.receiver} by {each.channel} is {each.state}: {each.error or 'not sent yet'}"
        for each in report.told
        if not each.at
    ]
    lines.append("  told: " + ("; ".join(told) or "nobody"))
    lines += [f"  {each}" for each in owed]
    return "\n".join(lines)


def source_line(state: SourceState) -> str:
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
    }
    return codec.to_json(line).decode()


def source_text(state: SourceState) -> str:
    """Return a source's health as one line for a person."""
    line = f"{state.id:24}  {state.state:10}  last success {_minute(state.last_success)}"
    line += f"  last new {_minute(state.last_new)}  {state.articles} articles"
    return line + (f"  {state.errors} errors in a row: {state.error}" if state.errors else "")


def dead_line(filed: FiledLetter) -> str:
    """Return a dead letter as JSON, without its bytes."""
    letter = filed.letter
    line = {
        "id": filed.id,
        "state": filed.state,
        "stage": letter.stage,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "error": letter.error,
        "at": letter.at,
    }
    return codec.to_json(line).decode()


def dead_text(filed: FiledLetter) -> str:
    """Return a dead letter as one line for a person."""
    letter = filed.letter
    place = f"{letter.topic}/{letter.partition}@{letter.offset}"
    return f"{filed.id:>5}  {_minute(letter.at)}  {letter.stage}  {place}  {clean(letter.error.splitlines()[0])}"


def dead_whole(filed: FiledLetter) -> str:
    """Return all of a dead letter: where it stood, what went wrong, its bytes as far as they are text."""
    letter = filed.letter
    headers = ", ".join(f"{name}={value}" for name, value in letter.headers.items())
    value = letter.value.decode("utf-8", "backslashreplace")
    return f"{dead_text(filed)}\nkey {letter.key!r}  headers {headers}\n\n{letter.traceback}\n{value}"


def summary_lines(summary: Summary, watchlists: Iterable[str]) -> Iterator[str]:
    """Give a table of the watchlists, most articles first, each with its newest headlines.

    ``likely`` are those of the articles that a spelling variant only has found.
    """
    yield f"{'articles':>8}  {'a day':>6}  {'likely':>6}  watchlist"
    for name in sorted(watchlists, key=lambda name: (-len(summary.tallies[name].articles), name)):
        tally = summary.tallies[name]
        articles = len(tally.articles)
        yield f"{articles:>8}  {articles / summary.days:>6.1f}  {tally.likely:>6}  {name}"
        for match in tally.newest:
            yield f"{'':26}{when_matched(match):%Y-%m-%d}  {_found_in(match)}"


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Say what a change does: for each changed watchlist what it gains (+) and loses (-)."""
    for what, names in (("added", comparison.added), ("removed", comparison.removed), ("changed", comparison.changed)):
        for name in names:
            difference = comparison.differences[name]
            gained, lost = difference.gained, difference.lost
            counts = f"{len(gained.articles)} gained, {len(lost.articles)} lost, {difference.kept} as before"
            yield f"{name} ({what}): {counts}"
            for sign, tally in (("+", gained), ("-", lost)):
                yield from (f"  {sign} {_found_in(match)}" for match in tally.newest)
                if len(tally.articles) > NEWEST:
                    yield f"  {sign} … and {len(tally.articles) - NEWEST} more (--json has all)"
    yield f"watchlists that did not change: {len(comparison.unchanged)}"


def _found_in(match: Match) -> str:
    """Give a match's headline and the words that were found, each as a unit of its own direction."""
    words = " + ".join(f"«{isolate(clean(one.text))}»" for one in match.evidence)
    return f"{isolate(cut(clean(match.article.title), _LONGEST))}  {words}"


def _articles(report: AlertReport) -> list[Header]:
    """Return the alert's articles, each once, in its newest version."""
    return list({match.article.id: match.article for match in report.alert.matches}.values())


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%MZ}" if instant else "never"
