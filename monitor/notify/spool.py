"""The file channel: each message as a mail (.eml) and as JSON (.json) in a folder.

Hides names and the order of writes: a reader sees a whole file or none, and a message that is sent again replaces
itself. Does not clean the folder up.
"""

from __future__ import annotations

import os
import re
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.errors import DeliveryError
from monitor.notify.smtp import compose

if TYPE_CHECKING:
    from monitor.model import Message

SENDER: Final = "monitor@localhost"
"""From and To of a mail where no mail server is configured."""
_NOT_IN_NAMES: Final = re.compile(r"[^\w.-]+")
_NAME_LENGTH: Final = 40  # characters of a watchlist's id in a name; a name has at most 255 bytes


class SpoolChannel:
    """Writes messages into the folder that is their destination; ``sender`` stands in the mails as From and To."""

    def __init__(self, sender: str = SENDER) -> None:
        self._sender = sender

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        """Write one message; both files are durable when this returns.

        Raises:
            DeliveryError: retryable when the folder cannot be written; not when no valid mail can be made.
        """
        try:
            mail = compose(message, self._sender, self._sender).as_bytes()
        except ValueError as error:
            raise DeliveryError(f"no mail can be made of this: {error}", retryable=False) from error
        folder = Path(destination)
        try:
            _make(folder)
            _write(folder / f"{_name(message)}.json", message.data)
            _write(folder / f"{_name(message)}.eml", mail)
            _sync(folder)
        except OSError as error:
            raise DeliveryError(f"{folder} cannot be written: {error.strerror or error}") from error

    def probe(self, destination: str) -> None:
        """Tell whether the folder, or the one in which it would be made, can be written.

        Raises:
            DeliveryError: it cannot.
        """
        folder = Path(destination).absolute()
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise DeliveryError(f"{there} cannot be written")


def _name(message: Message) -> str:
    about, number = (_NOT_IN_NAMES.sub("-", part)[:_NAME_LENGTH] for part in (message.about, message.id))
    return f"{message.date.astimezone(UTC):%Y%m%dT%H%M%SZ}-{about}-{number}"


def _make(folder: Path) -> None:
    """Make a folder and what it stands in, for the owner alone; one that exists stays as it is."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(file: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there. What a crash leaves behind, the repeat takes over."""
    part = file.with_name(f".{file.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        output.write(data)
        output.flush()
        os.fsync(output.fileno())
    part.replace(file)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
