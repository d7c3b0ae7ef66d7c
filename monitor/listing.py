"""What commands that list print: one JSON object a line for programs, a few words for people.

The keys of the JSON lines are promised; more may be added. Reads nothing itself.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from monitor import codec
from monitor.alerting.causes import FIRST, parted, words
from monitor.notify.display import clean, cut, isolate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.alerting.foreseeing import Foreseen
    from monitor.model import Ack, Alert, Header
    from monitor.ports import AlertReport, Blind, FiledLetter, Handover, HeldBack, Silence, Told
    from monitor.settings import Receiver, Route, RouteMatch

_LONGEST: Final = 100
"""Characters of a headline in a table."""


def alert_line(report: AlertReport, now: datetime) -> str:
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
        "acked": alert.acked,
        "snoozed_until": _snoozed(report, now),
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


def alert_text(report: AlertReport, now: datetime) -> str:
    """Return an alert for a person: when, how grave, the headline, the words that were found, who was told."""
    alert = report.alert
    lines = [f"{_minute(alert.created)}  {alert.severity}  {alert.name}  ({alert.state}, {alert.id})"]
    if alert.event:
        lines.append(f"  {alert.event.summary}")
    for article in _articles(report)[:1]:
        lines.append(f"  {isolate(clean(article.title))}")
        found = " + ".join(f"«{isolate(clean(item.text))}»" for item in alert.matches[0].evidence)
        lines.append(f"  {found}  · {article.source}" + (f" · {clean(article.url)}" if article.url else ""))
    told = [f"{each.receiver} by {each.channel}{_for(each)} {_minute(each.at)}" for each in report.told if each.at]
    owed = [
        f"{each.receiver} by {each.channel}{_for(each)} is {each.state}: {each.error or 'not sent yet'}"
        for each in report.told
        if not each.at
    ]
    lines.append("  told: " + ("; ".join(told) or "nobody"))
    lines += [f"  {each}" for each in owed]
    lines += [f"  {_acked(alert.acked)} {_minute(alert.acked.at)}"] if alert.acked else []
    snoozed = _snoozed(report, now)
    lines += [f"  snoozed until {_minute(snoozed)}"] if snoozed else []
    return "\n".join(lines)


def alert_name(alert: Alert) -> str:
    """Return an alert in a few words: how grave, whose, its headline, its id."""
    return f"{alert.severity}  {alert.name}: {isolate(cut(clean(_headline(alert)), _LONGEST))} ({alert.id})"


def _acked(ack: Ack) -> str:
    said = f": {isolate(clean(ack.comment))}" if ack.comment else ""
    return f"acked by {isolate(clean(ack.by))}{said}"


def _snoozed(report: AlertReport, now: datetime) -> datetime | None:
    """Return until when an alert is snoozed, if it still is."""
    return report.snoozed_until if report.snoozed_until and report.snoozed_until > now else None


# --- To hand over ------------------------------------------------------------------------------------------------


def handover_lines(handed: Handover, polled: Collection[str]) -> Iterator[str]:
    """Give what is handed over as JSON; ``list`` is told, held, unalerted or blind."""
    for alert, told in handed.told:
        line = {"list": "told", **_brief(alert), "receiver": told.receiver, "channel": told.channel}
        yield _json(line | {"cause": told.cause, "delivery": told.state, "at": told.at, "error": told.error})
    for held in handed.held:
        line = {"list": "held", **_brief(held.alert), "receiver": held.receiver, "cause": held.cause}
        yield _json(line | {"reason": held.reason, "until": held.until, "silence": held.silence})
    for (watchlist, reason), matches in handed.unalerted.items():
        yield _json({"list": "unalerted", "watchlist": watchlist, "reason": reason, "matches": matches})
    for blind in _blind(handed, polled):
        line = {"list": "blind", "source": blind.source, "rule": blind.rule}
        yield _json(line | {"begun": blind.begun, "ended": blind.ended})


def handover_texts(handed: Handover, polled: Collection[str]) -> Iterator[str]:
    """Give what is handed over for a person: what was told, what was held back and why, what could not be seen."""
    yield f"told: {len(handed.told) or 'nothing'}"
    for alert, told in handed.told:
        how = _minute(told.at) if told.at else f"{told.state}: {clean(told.error or 'not sent yet')}"
        yield f"  {how}  {told.receiver} by {told.channel}{_for(told)}  {_named(alert)}"
    yield f"held back: {len(handed.held) or 'nothing'}"
    for held in handed.held:
        until = f" until {_minute(held.until)}" if held.until else ""
        number = f" {held.silence}" if held.silence else ""
        yield f"  {held.reason}{number}{until}  {held.receiver}{_for(held)}  {_named(held.alert)}"
    for (watchlist, reason), matches in handed.unalerted.items():
        yield f"  {reason}  nobody  {watchlist}: {matches} {'match' if matches == 1 else 'matches'}"
    blind = _blind(handed, polled)
    yield f"blind: {len(blind) or 'nothing'}"
    for one in blind:
        yield f"  {one.source}  {one.rule} from {_minute(one.begun)} until {_minute(one.ended) if one.ended else 'now'}"


def _for(told: Told | HeldBack) -> str:
    """Say for what an alert was told, if not as the first report of its story."""
    kind, _ = parted(told.cause)
    return "" if kind in {FIRST, "group", "digest"} else f" ({isolate(clean(words(told.cause)))})"


def _blind(handed: Handover, polled: Collection[str]) -> list[Blind]:
    return [blind for blind in handed.blind if blind.source in polled]


def _brief(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "watchlist": alert.watchlist,
        "name": alert.name,
        "severity": alert.severity,
        "state": alert.state,
        "title": _headline(alert),
        "acked": alert.acked,
    }


def _headline(alert: Alert) -> str:
    if alert.event:
        return alert.event.summary
    return alert.matches[0].article.title if alert.matches else ""


def _named(alert: Alert) -> str:
    return alert_name(alert) + (f"  {_acked(alert.acked)}" if alert.acked else "")


# --- Routes and silences -----------------------------------------------------------------------------------------


def foreseen_line(foreseen: Foreseen, tree: Route) -> str:
    """Return what would become of one receiver's telling, as JSON."""
    return _json(
        {
            "receiver": foreseen.routed.receiver,
            "route": _way(tree, foreseen.routed.via),
            "group_by": foreseen.routed.key,
            "holds": [{"reason": reason, "until": until} for reason, until in foreseen.holds],
            "reason": foreseen.reason,
            "at": foreseen.at,
            "silence": foreseen.silence,
        }
    )


def foreseen_text(foreseen: Foreseen, tree: Route, receivers: Mapping[str, Receiver]) -> str:
    """Return what would become of one receiver's telling: the way to its route, what holds it back, its end."""
    receiver = receivers.get(foreseen.routed.receiver)
    zone = receiver.clocks if receiver else UTC
    steps = [
        f"held back for {reason} until {until.astimezone(zone):%Y-%m-%d %H:%M %Z}" for reason, until in foreseen.holds
    ]
    number = f" by silence {foreseen.silence}" if foreseen.silence else ""
    steps.append(f"{foreseen.reason}{number} at {foreseen.at.astimezone(zone):%Y-%m-%d %H:%M %Z}")
    return f"{foreseen.routed.receiver}: {', then '.join(steps)}\n  {_way(tree, foreseen.routed.via)}"


def _way(tree: Route, via: Sequence[int]) -> str:
    """Write the way through the tree: ``route → 2 (severity: high, critical) → 1 (lang: ar)``."""
    steps, node = ["route"], tree
    for number in via:
        node = node.routes[number]
        steps.append(f"{number + 1} ({_asked(node.match)})")
    return " → ".join(steps)


def _asked(match: RouteMatch) -> str:
    given = [(key, getattr(match, key)) for key in type(match).model_fields if key != "labels"]
    asked = [f"{key}: {', '.join(values)}" for key, values in (*given, *match.labels.items()) if values]
    return "; ".join(asked) or "everything"


def silence_line(silence: Silence) -> str:
    """Return a silence as JSON, with the count of the alerts that it hid."""
    return _json(
        {
            "id": silence.id,
            "matcher": silence.matcher,
            "saying": silence.saying,
            "author": silence.author,
            "comment": silence.comment,
            "created": silence.created,
            "expires": silence.expires,
            "expired_by": silence.expired_by,
            "hidden": silence.hidden,
        }
    )


def silence_text(silence: Silence) -> str:
    """Return a silence as one line for a person."""
    matcher = silence.matcher
    keys = ("watchlist", "source", "severity", "owner", "lang", "kind")
    asked = [(key, getattr(matcher, key)) for key in keys] + list(matcher.labels.items())
    about = [f"{key}={','.join(values)}" for key, values in asked if values]
    about += [f"saying «{isolate(clean(silence.saying))}»"] if silence.saying else []
    over = f"  ended by {clean(silence.expired_by)}" if silence.expired_by else ""
    hid = f"hid {silence.hidden} {'alert' if silence.hidden == 1 else 'alerts'}"
    made = f"{clean(silence.author)}: {clean(silence.comment)}"
    return f"{silence.id:>4}  until {_minute(silence.expires)}  {hid}  {' '.join(about)}  {made}{over}"


def _json(line: dict[str, object]) -> str:
    return codec.to_json(line).decode()


# --- Dead letters ---------------------------------------------------------------------------------------------------


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


def _articles(report: AlertReport) -> list[Header]:
    """Return the alert's articles, each once, in its newest version."""
    return list({match.article.id: match.article for match in report.alert.matches}.values())


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%MZ}" if instant else "never"
