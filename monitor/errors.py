"""Every error that monitor raises on purpose, in one tree.

    MonitorError
    ├── Problems            what is wrong in configuration or watchlists, as lines with places   (exit 1)
    ├── Unavailable         the world keeps us from working: a message a person can act on       (exit 3)
    │   └── HeldElsewhere   another process holds the files
    ├── CodecError
    │   ├── Undecodable     these bytes are no record of ours: a dead letter
    │   └── NewerVersion    written by a newer monitor: stop, touch nothing
    ├── Lost                the partition went to another consumer; what was written is a harmless repeat
    ├── BreakerOpen         too many records failed: stop the stage without committing
    ├── FetchError          one source could not be fetched
    ├── ParseError          one document could not be read
    └── DeliveryError       one message could not be delivered

Errors of the world are translated into these at the border where they are met; everything else is a bug and ends the
process. ``retryable`` and ``retry_after`` say what a caller may do; no leaf retries by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from pathlib import Path


Level = Literal["error", "warning", "note"]


class MonitorError(Exception):
    """Root of the tree."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file, where it is, and what to do about it. Lines and columns count from 1.

    A note tells what nobody needs to mend.
    """

    file: Path
    line: int
    column: int
    level: Level
    message: str

    def __str__(self) -> str:
        """``file:line:col: level: message``, the form that editors and CI understand."""
        return f"{self.file}:{self.line}:{self.column}: {self.level}: {self.message}"


class Problems(MonitorError):  # noqa: N818 - it is a collection of problems, not one error
    """Configuration or watchlists that cannot be used; ``problems`` are sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class Unavailable(MonitorError):  # noqa: N818 - reads as a state of the world
    """Something outside keeps us from working; the message says what and what to do."""


class HeldElsewhere(Unavailable):
    """Another process holds what this one needs; ``holder`` says which."""

    def __init__(self, what: str, holder: str) -> None:
        self.holder = holder
        super().__init__(f"{what} is held by {holder}; stop that one first")


class CodecError(MonitorError):
    """Bytes that are no record of this version."""


class Undecodable(CodecError):  # noqa: N818 - what the record is
    """Damaged, truncated or foreign bytes."""


class NewerVersion(CodecError):  # noqa: N818 - what was met
    """A record whose major version this program does not know."""


class Lost(MonitorError):  # noqa: N818 - the partition is lost, nothing else is wrong
    """A batch's partition was revoked before ``done``; another consumer repeats it."""


class BreakerOpen(MonitorError):  # noqa: N818 - a state
    """Too many dead letters: the fault is ours or the whole topic's, so the stage stops without committing."""


class Retryable(MonitorError):  # noqa: N818 - mixed into the three below
    """An expected failure of one unit of work, and whether another attempt makes sense."""

    def __init__(self, reason: str, *, retryable: bool = True, retry_after: timedelta | None = None) -> None:
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after
        super().__init__(reason)


class FetchError(Retryable):
    """A source could not be fetched."""


class ParseError(Retryable):
    """A document could not be read."""


class DeliveryError(Retryable):
    """A message could not be delivered to its destination; ``doubtful`` when it may have been, and nobody said so."""

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool = True,
        retry_after: timedelta | None = None,
        doubtful: bool = False,
    ) -> None:
        self.doubtful = doubtful
        super().__init__(reason, retryable=retryable, retry_after=retry_after)
