"""A notification as people read it (subject, text, HTML, terminal) and as programs do (JSON).

Hides the templates: where an operator's fails the built-in one speaks in its place (`templating`). Templates see a
`Digest` of cleaned text only; what of an alert is in it is `digesting`'s affair. Sends nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Final

from monitor.alerting import causes
from monitor.model import Message, notification_id
from monitor.notify.blocks import blocks_of
from monitor.notify.digesting import OPERATIONS, digest_of
from monitor.notify.templating import BuiltIn, Overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, tzinfo
    from pathlib import Path

    from monitor.model import Alert, Header, Notification
    from monitor.notify.digesting import Digest

SUBJECT: Final = "subject.txt"
TEXT: Final = "message.txt"
HTML: Final = "message.html"
TERMINAL: Final = "terminal.txt"

_BREAKS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


class Renderer:
    """Writes messages. ``overrides`` is a folder whose templates stand in for built-in ones of the same name.

    ``zones`` are the clocks of each receiver, by its name; others read UTC.
    """

    def __init__(self, overrides: Path | None = None, zones: Mapping[str, tzinfo] | None = None) -> None:
        self._built_in = BuiltIn()
        self._overrides = Overrides(overrides) if overrides else None
        self._zones = zones or {}

    def render(self, notification: Notification) -> Message:
        """Write the message of a notification; the same notification always gives the same message."""
        digest = digest_of(notification, self._zones.get(notification.receiver, UTC))
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
            thread=_thread(notification),
            blocks=blocks_of(digest),
        )

    def _write(self, name: str, digest: Digest) -> str:
        written = self._overrides.write(name, digest) if self._overrides else None
        return self._built_in.write(name, digest) if written is None else written

    def close(self) -> None:
        """End the process that an operator's templates run in. Closing twice is harmless."""
        if self._overrides:
            self._overrides.close()


def _thread(notification: Notification) -> str | None:
    """Name the message that first told this alert there, if this tells of it again."""
    if len(notification.alerts) != 1 or notification.cause == causes.FIRST:
        return None
    return notification_id(
        notification.channel, notification.destination, causes.FIRST, about=notification.alerts[0].id
    )


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
    """Describe an alert with the keys of ``monitor alerts --json``, and what became of it; evidence is the first's."""
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
        "sources": list(dict.fromkeys(match.article.source for match in alert.matches)),
        "stories": _stories(alert),
        "edits": [asdict(edit) for edit in alert.edits],
        "event": asdict(alert.event) if alert.event else None,
        "cleared": asdict(alert.cleared) if alert.cleared else None,
    }


def _stories(alert: Alert) -> list[dict[str, object]]:
    """Name the articles of each story, the alert's own first."""
    articles: dict[str, dict[str, None]] = {}
    for match, story in zip(alert.matches, alert.stories, strict=False):  # stories may be unknown
        articles.setdefault(story, {})[match.article.id] = None
    return [{"id": story, "articles": [*ids]} for story, ids in articles.items()]


def _article(header: Header) -> dict[str, object]:
    return {key: getattr(header, key) for key in ("id", "title", "url", "source", "lang", "published", "first_seen")}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
