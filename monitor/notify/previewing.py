"""Messages as they would be sent, in every form that they have, for looking at.

Hides what makes several messages one file. Sends nothing, and reads no alert.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from monitor.model import Notification, notification_id
from monitor.notify.smtp import compose
from monitor.notify.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.model import Alert, Message
    from monitor.settings import Receiver

Form = Literal["terminal", "text", "html", "mail", "slack", "json"]

_FRAME: Final = '<h4>{subject}</h4><iframe sandbox srcdoc="{page}"></iframe>\n'
_PAGE: Final = """<!DOCTYPE html>
<meta charset="utf-8">
<title>monitor: samples</title>
<style>
body {{ display: grid; gap: 4px 24px; grid-template-columns: repeat(auto-fill, 390px); font: 15px sans-serif }}
iframe {{ width: 390px; height: 700px; border: 1px solid #b6c0ca }}
h4 {{ margin: 0 }}
</style>
{frames}"""


def foreseen(alert: Alert, name: str, receiver: Receiver | None, cause: str, now: datetime) -> Notification:
    """Make the notification that would tell a receiver of an alert: by mail, if that is among its targets."""
    targets = receiver.destinations if receiver else ()
    channel, destination = next((one for one in targets if one[0] == "email"), (*targets, ("terminal", "-"))[0])
    return Notification(
        id=notification_id(channel, destination, cause, about=alert.id),
        receiver=name,
        channel=channel,
        destination=destination,
        cause=cause,
        created=now,
        alerts=(alert,),
    )


def written(messages: Sequence[Message], form: Form, address: str, sender: str) -> bytes:
    """Write messages in a form; mails go from ``sender`` to ``address``, several of them as an mbox.

    Raises:
        ValueError: no valid mail can be made of one.
    """
    match form:
        case "terminal":
            return _joined(plain(message.terminal) for message in messages)
        case "text":
            return _joined(f"Subject: {message.subject}\n\n{message.text}" for message in messages)
        case "html":
            return (messages[0].html if len(messages) == 1 else _framed(messages)).encode()
        case "mail":
            return b"\n".join(_mail(message, address, sender, boxed=len(messages) > 1) for message in messages)
        case "slack":
            given = ({"text": message.subject, "blocks": message.blocks} for message in messages)
            return _joined(json.dumps(one, ensure_ascii=False, indent=2) for one in given)
        case "json":
            return b"".join(message.data for message in messages)


def _joined(texts: Iterable[str]) -> bytes:
    return ("\n\n".join(text.rstrip("\n") for text in texts) + "\n").encode()


def _framed(messages: Sequence[Message]) -> str:
    """Show mails beside each other, each in a frame as wide as a phone."""
    frames = (_FRAME.format(subject=escape(message.subject), page=escape(message.html)) for message in messages)
    return _PAGE.format(frames="".join(f"<article>{frame}</article>\n" for frame in frames))


def _mail(message: Message, address: str, sender: str, *, boxed: bool) -> bytes:
    mail = compose(message, address, sender)
    mail.set_unixfrom(f"From monitor {message.date:%a %b %d %H:%M:%S %Y}")
    return mail.as_bytes(unixfrom=boxed)
