"""The doors between the stages and the world: what a bus, a store and a channel promise.

Implementations live in `bus`, `store` and `notify`; one contract suite a port runs over all of them
(`tests/contract`). Everything is delivered at least once, so every effect is idempotent by a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from monitor.model import notification_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from monitor.model import (
        Ack,
        Alert,
        Article,
        DeadLetter,
        Edit,
        Edition,
        Event,
        Match,
        Matcher,
        Message,
        Notification,
        Reason,
        Signature,
    )

TOPICS: Final = ("articles", "matches", "events", "dead")
SHARDS: Final = 64
"""Pollers share their sources by this many shards."""


# --- Bus ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A record about to be published. Records of one key keep their order; no other order is promised."""

    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it stands on the bus. ``at`` is the time of appending."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Offsets [``start``, ``end``) of a partition that retention removed before this group read them."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version of an article as the bus keeps it. ``at`` is the time of appending."""

    at: datetime
    article: Article


class Batch(Protocol):
    """Some records, in order within each key, and the gaps that stand before them."""

    @property
    def records(self) -> Sequence[Record]:
        """The records, possibly none when only a gap is told."""

    @property
    def gaps(self) -> Sequence[Gap]:
        """What retention took away before these records."""

    def done(self) -> None:
        """Commit through the last record of each partition.

        Raises:
            Lost: a partition was revoked since; its records will be repeated elsewhere.
            Unavailable: the bus could not store the commit.
        """


class Consumer(Protocol):
    """One member of a group on one topic. Not thread-safe: used and closed by the thread that made it."""

    def poll(self, wait: timedelta) -> Batch | None:
        """Return the next batch within ``wait``, or None. A batch not ``done`` is repeated after a restart.

        Raises:
            Unavailable: the bus cannot be read.
        """

    def close(self) -> None:
        """Leave the group without committing anything. Closing twice is harmless."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""


class Bus(Protocol):
    """Durable topics (`TOPICS`). Safe to use from many threads; each thread takes its own consumer."""

    def publish(self, topic: str, records: Iterable[Outgoing]) -> None:
        """Append records, in order per key; they are durable when this returns.

        Raises:
            Unavailable: not all of them could be made durable; publish all again.
        """

    def consume(self, topic: str, group: str) -> Consumer:
        """Join ``group`` on ``topic``; a group that never committed starts at the beginning.

        Raises:
            HeldElsewhere: the embedded log has one consumer a group, and another process is it.
        """

    def read(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Record]:
        """Replay what was appended in [since, until), without a group, to an end that is fixed now."""

    def own(self, group: str) -> frozenset[int]:
        """Return the shards of range(`SHARDS`) that are this process's at this moment."""

    def trim(self, topic: str, before: datetime) -> int:
        """Drop what was appended before ``before`` and read by every group; return how many.

        A bus that keeps its own retention (Kafka) returns 0.
        """

    def close(self) -> None:
        """Release everything. Closing twice is harmless."""


# --- Store, as the poller sees it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is remembered of a source between polls.

    ``state`` is ok, empty, unchanged, failing, blocked or gone (new before the first poll). ``first_polled`` tells a
    first poll from later ones. ``errors`` counts failures in a row; ``articles`` all versions published; ``skipped``
    what the last poll could not take. ``rate`` is articles a day, as far as its rhythm is known; ``silent_since`` is
    when an unusual silence began. ``memory`` is what else the poller keeps, as it writes it itself.
    """

    id: str
    state: str = "new"
    next_due: datetime | None = None
    first_polled: datetime | None = None
    last_polled: datetime | None = None
    last_success: datetime | None = None
    last_new: datetime | None = None
    errors: int = 0
    error: str | None = None
    articles: int = 0
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    skipped: int = 0
    rate: float | None = None
    silent_since: datetime | None = None
    memory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One item of one source, as last seen: ``key`` is its name there (path, guid, url).

    ``content_hash`` is that of the version published for it; ``listed`` when the source last listed it. ``entry`` is
    the hash of what the source's own list said of it, ``title`` its folded headline (to tell an edit from another
    article); both None when it was seen by an earlier release.
    """

    source: str
    key: str
    article: str
    content_hash: str
    revision: int
    first_seen: datetime
    listed: datetime
    entry: str | None = None
    title: str | None = None


class SourceStore(Protocol):
    """What the poller remembers."""

    def sources(self) -> list[SourceState]:
        """Every source ever polled, by id."""

    def source(self, source: str) -> SourceState:
        """One source; a fresh state when it was never polled."""

    def sightings(self, source: str, keys: Sequence[str] | None = None) -> dict[str, Sighting]:
        """What the source listed so far, by key: all, or of these keys."""

    def echoes(self, source: str, words: Sequence[str], titles: Sequence[str]) -> dict[str, Sighting]:
        """What the source listed so far with one of these content hashes or folded headlines, by key."""

    def versions(self, articles: Sequence[str]) -> dict[str, list[Sighting]]:
        """All sightings of these article ids, in any source, oldest first."""

    def remember(
        self, state: SourceState, sightings: Sequence[Sighting], forget_before: datetime | None = None
    ) -> None:
        """Write a poll's outcome in one transaction.

        Sightings replace those of the same (source, key); those of this source that were last listed before
        ``forget_before`` are dropped, if it is given.

        Raises:
            Unavailable: the store cannot be written; the caller polls again, repeats are harmless.
        """

    def note(self, states: Sequence[SourceState]) -> None:
        """Write the states of polls that found nothing, in one transaction.

        Raises:
            Unavailable: as of `remember`.
        """


# --- Store, as the notifier sees it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Routed:
    """A receiver that is to be told, once alerts of one ``key`` gathered for ``group_wait``.

    ``via`` is the way through the route tree to the route that says so: the number of each child on it.
    """

    receiver: str
    group_wait: timedelta = timedelta()
    key: str = ""
    via: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What a person does not want to hear of from ``created`` until ``expires``; 0 is the number of a new one.

    ``saying`` limits it to what was found within these words. ``expired_by`` ended it before its time. ``hidden``
    counts the alerts that it hid.
    """

    id: int = 0
    matcher: Matcher
    saying: str | None = None
    author: str
    comment: str
    created: datetime
    expires: datetime
    expired_by: str | None = None
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An article's version as stories know it: ``at`` is when it was news."""

    article: str
    at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story."""

    story: str
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An alert that a match may join: it is about news of ``begun``, opened at ``created``, snoozed or not.

    ``sources`` reported it, ``watched`` is what they mentioned of what the watchlist looks for, ``tier1`` says whether
    one of them is of tier 1. ``aware`` are the receivers who were or will be told, ``hidden`` those whom a silence kept
    from it.
    """

    id: str
    begun: datetime
    created: datetime
    snoozed_until: datetime | None = None
    sources: frozenset[str] = frozenset()
    watched: frozenset[str] = frozenset()
    tier1: bool = False
    aware: frozenset[str] = frozenset()
    hidden: Mapping[str, Silence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A story as the store knows it: ``alert`` is the one that tells it, if any does.

    If none does, ``near`` are the newest of its watchlist's that were opened in the last hours, are about news of the
    same hours and are not closed. ``is_withdrawn``: what the alert last heard of the match's article is that it does
    not say it any more.
    ``silences`` are those that stand.
    """

    id: str
    alert: Standing | None = None
    near: Standing | None = None
    is_withdrawn: bool = False
    silences: tuple[Silence, ...] = ()


@dataclass(frozen=True, slots=True)
class ToTell:
    """A receiver who is to be told of an alert for a cause."""

    routed: Routed
    cause: str = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What recording a match comes to: the alert that it opens or joins, and who is to be told of that.

    ``since`` is when it came up. ``silence`` is the one that hides the match.
    """

    reason: Reason
    alert: str | None = None
    tell: tuple[ToTell, ...] = ()
    since: datetime | None = None
    silence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A version of an article that joined an alert, and the receivers who were told of that."""

    match: Match
    alert: str
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRuling:
    """What an edition does to what was recorded of its article for one alert, and who is to be told."""

    alert: str
    edit: Edit
    tell: tuple[ToTell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAlert:
    """The newest operations alert of a (rule, subject); ``changed`` is the instant of the event that set its state.

    ``told`` are the receivers who were told of it.
    """

    id: str
    state: Literal["open", "acked", "closed"]
    changed: datetime
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRuling:
    """What recording an event comes to: this alert takes this state, and who is to be told."""

    alert: str
    state: Literal["open", "closed"]
    tell: tuple[ToTell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One receiver that is to be told of one alert for one cause, and was not yet.

    It came up ``since``, was recorded when it ``opened`` and gathers with others of its ``key`` until it ``closes``,
    if it does. ``held`` is what it was last held back for, and ``until`` until when.
    """

    id: int
    alert: Alert
    receiver: str
    cause: str
    key: str
    since: datetime
    opened: datetime
    closes: datetime | None = None
    snoozed_until: datetime | None = None
    held: Reason | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """All that a decision looks at: the tellings that are to be looked at, the oldest first, and what bears on them.

    ``following`` is when the next of the others is. ``silences`` are those that stood at some time since the oldest
    came up; ``messages`` when each receiver was lately sent something; ``digests`` each one's last time for a digest;
    ``blind`` the sources that fail or are silent.
    """

    tellings: tuple[Telling, ...] = ()
    following: datetime | None = None
    silences: tuple[Silence, ...] = ()
    messages: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    digests: Mapping[str, datetime] = field(default_factory=dict)
    blind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A notification to write down: ``about`` is the alert, or the group when it tells several."""

    receiver: str
    channel: str
    destination: str
    cause: str
    about: str
    alerts: tuple[str, ...]
    why: str | None = None

    @property
    def id(self) -> str:
        """Its key, so that owing it twice is owing it once; two receivers with one address are one message."""
        return notification_id(self.channel, self.destination, self.cause, about=self.about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a receiver is told, or not told, of an alert: for good or, when there is an ``until``, for now.

    ``message`` is what tells it, of all tellings that go into one message the same; ``silence`` what hides it.
    """

    telling: int
    alert: str
    receiver: str
    cause: str
    reason: Reason
    until: datetime | None = None
    message: str | None = None
    silence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to write down: what is owed, what became of each telling, and which time for a digest has passed for whom.

    ``next_due`` is when to look again.
    """

    notifications: tuple[Owed, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    digests: Mapping[str, datetime] = field(default_factory=dict)
    next_due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A message may have arrived already, at ``since`` or later; ``near`` is a receipt from the same destination."""

    since: datetime
    near: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A notification that one worker may send until ``lease_until``.

    ``attempts`` counts this one; ``owed_since`` is when it was decided, or sent again by a person, and
    ``failing_since`` when the first attempt failed; ``oldest_at`` is when the oldest of those before it that fail at
    the same destination may be tried again. ``thread`` is the receipt of the first message about its alert that reached
    that destination; what tells several alerts has none. ``doubt``: an attempt before may have arrived.
    """

    notification: Notification
    worker: str
    lease_until: datetime
    attempts: int
    owed_since: datetime
    failing_since: datetime | None = None
    oldest_at: datetime | None = None
    thread: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A sent message that one worker may put right until ``lease_until``, with its alert as it stands now.

    ``receipt`` is where it stands; it has shown its alert as it was ``since`` then.
    """

    notification: Notification
    receipt: str
    since: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a claim ended, at ``at``: pending means again from ``not_before`` on.

    ``receipt`` is what the channel said of where a sent message stands; a ``doubtful`` one may stand somewhere all the
    same.
    """

    state: Literal["sent", "pending", "failed"]
    at: datetime
    not_before: datetime | None = None
    error: str | None = None
    receipt: str | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notification of an alert, ``owed`` since then; ``at`` is when it was sent, None until then.

    ``next_attempt`` is when it may be tried again, if it will be.
    """

    id: str
    receiver: str
    channel: str
    destination: str
    cause: str
    state: Literal["pending", "claimed", "sent", "failed"]
    at: datetime | None
    error: str | None
    owed: datetime
    attempts: int
    next_attempt: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """An alert and everything that is or was owed for it, oldest first; ``snoozed_until`` may be over."""

    alert: Alert
    told: tuple[Told, ...]
    snoozed_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """An alert that a receiver was not told of, for ``cause``: ``until`` then or, without, for good."""

    alert: Alert
    receiver: str
    cause: str
    reason: Reason
    until: datetime | None = None
    silence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """A source that could not be seen from ``begun`` until ``ended``, or still cannot be; None is unknown."""

    source: str
    rule: str
    begun: datetime | None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What was told or is being told, what is held back, and what could not be seen; each oldest first.

    ``unalerted`` counts the matches that alerted nobody from the start, by watchlist and reason.
    """

    told: tuple[tuple[Alert, Told], ...] = ()
    held: tuple[HeldBack, ...] = ()
    unalerted: Mapping[tuple[str, Reason], int] = field(default_factory=dict)
    blind: tuple[Blind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision on record: about a match or, when there is a ``receiver``, about telling it for ``cause``."""

    at: datetime
    reason: Reason
    receiver: str | None = None
    cause: str | None = None
    until: datetime | None = None
    silence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedTelling:
    """How the telling of a receiver stands: held back for ``reason`` until then, or ended with it; None: undecided."""

    receiver: str
    cause: str
    opened: datetime
    ended: datetime | None
    reason: Reason | None
    until: datetime | None = None
    silence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMatch:
    """A match as it was recorded: its story, the alert that it opened or joined, and why."""

    match: Match
    recorded: datetime
    story: str
    alert: str | None
    reason: Reason
    decided: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedAlert:
    """An alert, what is owed for it, and why whom is told of it or not."""

    report: AlertReport
    tellings: tuple[TracedTelling, ...] = ()
    decided: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything that is on record of some articles, each kind oldest first.

    ``sources`` are those that listed them, those that were asked for, and all that cannot be seen now. ``silences``
    are those by whose number a decision is explained.
    """

    articles: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    matches: tuple[TracedMatch, ...] = ()
    alerts: tuple[TracedAlert, ...] = ()
    silences: Mapping[int, Silence] = field(default_factory=dict)
    dead: tuple[FiledLetter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is undelivered: ``waiting`` for an attempt (the next may start at ``next_due``), or ``failed`` for good."""

    waiting: int
    failed: int
    next_due: datetime | None


class AlertStore(Protocol):
    """What the notifier remembers. Every method is one transaction, safe to call from many threads.

    Each may raise ``Unavailable``; nothing was written then.
    """

    def record(
        self, match: Match, place: Callable[[Sequence[Member]], str], judge: Callable[[Story], Ruling], now: datetime
    ) -> Ruling | None:
        """Write a match and what ``judge`` makes of it, while no other match of its watchlist is recorded.

        Its article stays in its story; a new one's story is what ``place`` says, given members of stories that it
        might belong to. Both must be pure: they run inside the transaction. A match recorded before changes nothing:
        None.
        """

    def record_event(
        self, event: Event, judge: Callable[[LastAlert | None], EventRuling | None], now: datetime
    ) -> EventRuling | None:
        """Write what ``judge`` makes of an event, given the newest alert of its (rule, subject)."""

    def record_edition(
        self, edition: Edition, judge: Callable[[Recorded], EditRuling | None], now: datetime
    ) -> tuple[EditRuling, ...]:
        """Write what ``judge`` makes of an edition, given each alert's newest other version of its article.

        What an edit took away once is not judged again. Pure as in `record`.
        """

    def decide(
        self,
        judge: Callable[[Waiting], Decision],
        now: datetime,
        *,
        everything: bool = False,
        look_back: timedelta = timedelta(),
    ) -> Decision:
        """Write what ``judge`` decides about the tellings that are to be looked at; with ``everything`` all that wait.

        It is told of the messages of the last ``look_back``.
        """

    def waiting(self, now: datetime, *, everything: bool = False, look_back: timedelta = timedelta()) -> Waiting:
        """What `decide` would give its judge."""

    def snooze(self, alert: str, until: datetime, now: datetime) -> bool:
        """Hold what is told of an alert back until then; ``now`` ends it. False when there is no such alert."""

    def ack(self, alert: str, ack: Ack) -> bool:
        """Keep who takes an alert on, instead of who did before; False when no such alert stands."""

    def silence(self, silence: Silence) -> int:
        """Keep a new silence; return its number."""

    def silences(self) -> list[Silence]:
        """Every silence ever made, oldest first."""

    def expire(self, silence: int, by: str, now: datetime) -> bool:
        """End a silence that stands; False when it does not. What it hid stays hidden."""

    def claim(self, worker: str, now: datetime, lease: timedelta, channel: str | None = None) -> Claim | None:
        """Take the oldest notification that may be sent now, for at most ``lease``; None when there is none.

        With ``channel`` it is one of that channel. Of those that tell an alert to a destination only the oldest unsent
        one is ever claimable. A claim that ran out is claimable again; it is in doubt, for its worker may have sent it.
        """

    def settle(self, claim: Claim, outcome: Settlement) -> bool:
        """Record how a claim ended; False, and nothing recorded, if it is no longer the worker's."""

    def hasten(self, channel: str, destination: str, now: datetime) -> int:
        """Let all that was postponed at a destination be tried now, for it is reached again; return how many."""

    def claim_refresh(self, channel: str, now: datetime, lease: timedelta) -> Refresh | None:
        """Take a message of a channel that is to be put right now, for at most ``lease``; None when there is none.

        A message with a receipt that tells one alert, for the first time, is to be put right 30 s after a match joins
        its alert, and at most each 30 s.
        """

    def settle_refresh(self, refresh: Refresh, now: datetime, again_at: datetime | None = None) -> bool:
        """Record that a message was put right, or is to be tried again then; False if its lease went to another."""

    def release_claims(self) -> int:
        """Give back every claim, whoever has it; return how many. Only for who knows that no one else delivers."""

    def is_raised(self, rule: str, subject: str) -> bool:
        """Whether an operations alert of this key stands."""

    def backlog(self) -> Backlog:
        """Count what is undelivered."""

    def resend(self, now: datetime, alert: str | None = None) -> int:
        """Make failed notifications pending again (of one alert, or all); return how many."""

    def alerts(self, *, unacked: bool = False) -> Iterator[AlertReport]:
        """Every alert, newest last; of those that nobody has acked or closed, if that is asked."""

    def alerts_called(self, beginning: str, most: int) -> tuple[Alert, ...]:
        """The alert of this id, else the newest of those whose ids begin so, at most so many."""

    def trace(self, about: str, sources: Collection[str] = ()) -> Trace:
        """Everything on record of an article, or of an alert and its articles, by id; or by its name in a source."""

    def notifications_called(self, beginning: str, most: int) -> tuple[Notification, ...]:
        """The notifications whose ids begin so, at most so many."""

    def handover(self, since: datetime) -> Handover:
        """What whoever takes over must know of what happened since then, and of what waits."""

    def standing(self) -> int:
        """Count the alerts that are not closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledLetter:
    """A dead letter as filed: its number and what was done about it."""

    id: int
    state: Literal["kept", "retried", "dropped"]
    letter: DeadLetter


class DeadStore(Protocol):
    """The dead letters that people work on. The letter holds the raw record, to publish it again."""

    def file_dead(self, letter: DeadLetter) -> None:
        """Keep a dead letter; one of the same record and stage is kept once."""

    def dead_letters(self) -> list[FiledLetter]:
        """Every dead letter, oldest first."""

    def dead_letter(self, number: int) -> FiledLetter | None:
        """One of them; None when there is no such number."""

    def mark_dead(self, number: int, state: Literal["retried", "dropped"]) -> bool:
        """Say what was done about a kept letter; False when it is not there or no longer kept."""


class Store(SourceStore, AlertStore, DeadStore, Protocol):
    """Everything that is remembered, behind one door."""

    def close(self) -> None:
        """Release everything. Closing twice is harmless."""


# --- Channel -----------------------------------------------------------------------------------------------------


class Sender(Protocol):
    """What delivery needs of a channel."""

    def send(self, message: Message, destination: str, thread: str | None = None) -> str | None:
        """Deliver one message to one destination, once; never retries by itself.

        Returns where it stands, if the channel can edit what it sent: a text that only the channel understands. With
        ``thread``, such a text, it answers the message that stands there, where the channel can and it still does.

        Raises:
            DeliveryError: it was not delivered, or may have been (``doubtful``); ``retryable`` says what to do.
        """


@runtime_checkable
class Editor(Sender, Protocol):
    """A channel that can find and edit what it sent."""

    def find(self, message: Message, destination: str, doubt: Doubt, thread: str | None) -> str | None:
        """Look whether a message arrived; return where it stands, None when it does not.

        Raises:
            DeliveryError: nobody can tell.
        """

    def update(self, message: Message, destination: str, receipt: str) -> None:
        """Put a message in the place of one that was sent, known by what `send` returned.

        Raises:
            DeliveryError: as of `send`; never retryable when it can no longer be edited.
        """


class Channel(Sender, Protocol):
    """One way of reaching people: SMTP, Slack, the terminal, a folder of files."""

    def probe(self, destination: str) -> None:
        """Ask whether a message would be taken, as far as that can be known without sending one.

        Raises:
            DeliveryError: it would not.
        """
