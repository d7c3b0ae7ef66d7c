"""The terminal channel: each alert on standard output, flushed at once.

Hides colour (only where somebody looks: a terminal, no ``NO_COLOR``, not dumb) and outputs that cannot write every
character or are closed. Does not decide what an alert looks like (`rendering`).
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

from monitor.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from monitor.model import Message

_MARK: Final = ("\x1b[1;33m", "\x1b[22;39m")
STYLES: Final = {
    "mark": _MARK[0],
    "unmark": _MARK[1],
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "critical": "\x1b[1;31m",
    "high": "\x1b[31m",
    "medium": "\x1b[33m",
    "low": "\x1b[36m",
    "end": "\x1b[0m",
}
"""What `Message.terminal` is styled with. Cleaned article text holds no escape, so every one there is ours."""

_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")


class TerminalChannel:
    """Prints messages to ``stream``, by default standard output; ``environment`` may ask for no colour."""

    def __init__(self, stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._stream = stream or sys.stdout
        environment = os.environ if environment is None else environment
        self._plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a terminal is one destination
        """Print one message.

        Raises:
            DeliveryError: retryable; the output is closed, full or gone.
        """
        try:
            self._print(message.terminal)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise DeliveryError(f"standard output cannot be written: {error}") from error

    def probe(self, destination: str) -> None:
        """Nothing can be known of who looks at it."""

    def _print(self, text: str) -> None:
        if self._stream is None:  # the process was started with its output closed
            raise ValueError("there is none")
        shown = text if self._stream.isatty() and not self._plain else plain(text)
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(shown.encode(encoding, "replace").decode(encoding) + "\n\n")
        self._stream.flush()


def plain(terminal: str) -> str:
    """Take the styles out of a `Message.terminal`; marked words then stand between asterisks."""
    for mark in _MARK:
        terminal = terminal.replace(mark, "*")
    return _STYLE.sub("", terminal)
