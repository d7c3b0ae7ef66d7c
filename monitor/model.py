"""The records that pass between the stages, and the words for what is on them.

Frozen, typed, without behaviour beyond their keys. Instants are aware and in UTC; offsets are half-open and count
Unicode code points of the field as published. How records become bytes is `codec`'s affair.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - msgspec resolves the annotations at run time
from enum import StrEnum
from typing import Any, Literal


class Severity(StrEnum):
    """How much a watchlist's alerts matter, as its owner says; in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class How(StrEnum):
    """How a piece of text satisfies a term, surest first."""

    EXACT = "exact"
    INFLECTED = "inflected"
    DERIVED = "derived"
    VARIANT = "variant"


class Status(StrEnum):
    """Whether a watchlist's matches reach anybody."""

    LIVE = "live"
    SHADOW = "shadow"


class Reason(StrEnum):
    """Why a match or an alert led to a message, or to none. In the order in which they hold back."""

    TOLD = "told"
    BASELINE = "baseline"  # the source was new: its back issues are recorded, nobody is told
    OLD = "old"  # older than the source's max_age
    SILENCED = "silenced"  # a person does not want to hear of such things for a while
    SNOOZED = "snoozed"  # a person does not want to hear of this alert before some time
    SHADOW = "shadow"
    COPY = "copy"  # the story was told already
    DEVELOPMENT = "development"  # another story joined an alert of the same words; gathers with others like it
    QUIET_HOURS = "quiet hours"  # waits for the receiver's quiet hours to end
    RATE = "rate"  # the receiver was sent as much as it takes in a time; waits for that time to pass
    DIGEST = "digest"  # waits for the receiver's next digest
    GROUP_WINDOW = "group window"  # waits for its group's window to close
    NO_ROUTE = "no route"  # no receiver of the route tree takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """An article without its text: what a match, a story and a message need to carry.

    (``id``, ``content_hash``) is the article's version; ``revision`` is for display, never a key.
    ``titled`` is False where ``title`` is only the text's first sentence. ``held`` (baseline
    or old) is why a version may alert nobody.
    """

    id: str
    source: str
    title: str
    content_hash: str
    first_seen: datetime
    titled: bool = True
    url: str | None = None
    lang: str | None = None
    tier: int | None = None
    published: datetime | None = None
    revision: int = 1
    held: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One version of one news item, as published."""

    header: Header
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A span of a field that is a term."""

    term: str
    text: str
    start: int
    end: int
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One satisfied clause of the best reading: ``field[start:end] == text``.

    ``quote`` is the sentence around it and begins at ``quote_start`` of the same field.
    """

    clause: str
    field: Literal["title", "text"]
    text: str
    start: int
    end: int
    how: How
    quote: str
    quote_start: int
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistHeader:
    """What of a watchlist travels with its matches.

    ``revision`` is the hash of all that decides a match: the watchlist, its concepts, word table and engine version.
    """

    id: str
    name: str
    severity: Severity = Severity.MEDIUM
    owner: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    status: Status = Status.LIVE
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What of an article's version tells its story, small enough to travel with a match.

    ``sketch`` is the MinHash of its shingles, made by version ``method`` of the algorithm: others do not compare.
    ``words`` are the stems of its opening, each with what it says; ``length`` counts the opening's words.
    ``places`` and ``people`` are named at its head, ``names`` anywhere in the opening; ``numbers`` and ``weekdays`` are
    those of the opening, ``losses`` its numbers of dead and wounded; ``today``: it reports of the day of writing.
    ``terms`` are stems of the evidence's words.
    """

    method: int
    sketch: bytes
    words: dict[str, int]
    length: int
    places: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ()
    today: bool = False
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One article version satisfied one watchlist. Self-contained but for the full text.

    ``watched`` names all that the watchlist looks for and the article mentions, evidence or not: terms, and concepts
    as ``$name``. What older monitors published has neither ``signature`` nor ``watched``.
    """

    watchlist: WatchlistHeader
    article: Header
    score: int
    evidence: tuple[Evidence, ...]
    matched_at: datetime
    signature: Signature | None = None
    watched: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a repeat of this match a repeat: (watchlist id, article id, content hash)."""
        return (self.watchlist.id, self.article.id, self.article.content_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A later version of an article, with the ids of the watchlists that it satisfies.

    What it no longer says may be what somebody was told.
    """

    article: Article
    watchlists: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something about the service itself that a person must know: raised, and later cleared.

    (``rule``, ``subject``) is its key, such as ("source failing", "aljazeera-ar").
    """

    rule: str
    subject: str
    state: Literal["raised", "cleared"]
    at: datetime
    summary: str
    severity: Severity = Severity.HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Who has taken an alert on, when, and what they say of it."""

    by: str
    at: datetime
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What was found in version ``gone`` of an article is not in its version ``now``, whose headline is ``title``.

    ``kind``: the article is still what the watchlist looks for, or is no more.
    """

    article: str
    gone: str
    now: str
    kind: Literal["changed", "withdrawn"]
    title: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A watchlist's alert for one story and its developments, or an operations alert for one (rule, subject).

    Open, acked, then closed. ``matches`` are oldest first, ``stories`` the story of each, and ``edits`` what became of
    them; an operations alert has the ``event`` that raised it instead, and the one that ``cleared`` it.
    """

    id: str
    kind: Literal["watchlist", "operations"]
    name: str
    severity: Severity
    state: Literal["open", "acked", "closed"]
    created: datetime
    watchlist: str | None = None
    score: int = 0
    matches: tuple[Match, ...] = ()
    stories: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    event: Event | None = None
    cleared: Event | None = None
    acked: Ack | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """What a silence is about: each key that is given holds, a list is an or, every label is there."""

    severity: tuple[Severity, ...] = ()
    owner: tuple[str, ...] = ()
    watchlist: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message that is owed to one destination for one cause.

    ``cause`` is one of `alerting.causes`, ``group:<id>`` for several alerts at once, or ``digest:<time>`` for what
    waited, which may be nothing; ``why`` says what it waited for, and what else its reader must know of.
    ``channel`` is email, terminal or file; ``destination`` that channel's target: an address, ``-``, a folder.
    ``id`` is a stable hash of (destination, cause, alert or group): a repeat of the notification has the same.
    """

    id: str
    receiver: str
    channel: str
    destination: str
    cause: str
    created: datetime
    alerts: tuple[Alert, ...]
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A rendered notification. ``html`` and ``text`` say the same; ``data`` is the notification for programs.

    ``terminal`` is written for a colour terminal, ``blocks`` for Slack. ``about`` is the watchlist's id that it is
    filed under: ``several`` when the alerts are not of one watchlist, ``operations`` when they are of none. ``thread``
    is the id of the message that first told its alert there, if it tells of that one alert again.
    """

    id: str
    about: str
    subject: str
    text: str
    html: str
    terminal: str
    data: bytes
    date: datetime
    severity: Severity
    thread: str | None = None
    blocks: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that could not be processed, as it stood on the bus, with where and why."""

    topic: str
    partition: int
    offset: int
    stage: str
    key: str
    value: bytes
    headers: dict[str, str]
    error: str
    traceback: str
    at: datetime


def notification_id(channel: str, destination: str, cause: str, *, about: str) -> str:
    """Return the id of a notification, so that owing it twice is owing it once; ``about`` is its alert or group."""
    return stable_hash("notification", channel, destination, cause, about)


def stable_hash(*parts: str) -> str:
    """Hash text parts to 16 hex digits that are the same in every process and release.

    Parts are kept apart, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
