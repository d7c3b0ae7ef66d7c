"""The notifier over a real store, with the time in our hands: what happens at which moment, and who is told when.

Time leaps to whatever comes next: a thing that happens, the next look, the next attempt to deliver. Nothing sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.errors import DeliveryError
from monitor.model import Alert, Article, Edition, Evidence, How, Match, Matcher, Mention, Severity, Status
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Silence
from monitor.stories.signing import sign_matches
from tests.samples import a_match, a_message, watchlist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from monitor.model import Event, Message, Notification
    from monitor.settings import Alerts
    from monitor.store import SqlStore

Action = tuple[datetime, "Callable[[datetime], None]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message that reached its destination."""

    at: datetime
    receiver: str
    cause: str
    why: str | None
    tells: tuple[str, ...]


@dataclass(slots=True)
class Simulation:
    """A notifier. ``happens`` puts things on the agenda, `run` lets time pass; ``heard`` is what came of it."""

    store: SqlStore
    alerts: Alerts
    sources: tuple[str, ...] = ()
    heard: list[Heard] = field(default_factory=list)
    mail_down: tuple[datetime, datetime] | None = None
    asleep: tuple[datetime, datetime] | None = None
    _agenda: list[Action] = field(default_factory=list)
    _rendered: dict[str, Notification] = field(default_factory=dict)
    _now: datetime | None = None
    _parts: tuple[Recorder, Decider, Deliverer] | None = None

    def happens(self, at: datetime, action: Callable[[datetime], None]) -> None:
        """Do something at a moment; what befalls a notifier that is asleep waits on the bus."""
        self._agenda.append((at, action))

    def start(self, alerts: Alerts | None = None) -> None:
        """Start, or start again, perhaps with other settings."""
        self.alerts = alerts or self.alerts
        channels = {name: _Channel(self, name) for name in ("terminal", "email", "file")}
        deliverer = Deliverer(self.store, channels, self._render, lambda _: None, worker="one", jitter=lambda: 0.0)
        recorder = Recorder(self.store, self.alerts)
        self._parts = (recorder, Decider(self.store, self.alerts, self.sources), deliverer)

    def run(self, begin: datetime, end: datetime) -> None:
        """Let time pass from one moment to another."""
        self._now = begin
        self.start()
        while self._now < end:
            for at, action in self._due():
                action(at)
            looks = [] if self._is_asleep() else self._turn()
            coming = [at for at, _ in self._agenda] + looks + list(self.asleep or ())
            self._now = min((at for at in coming if at > self._now), default=end)

    def record(self, match: Match) -> None:
        """Record a match now."""
        self.parts[0].record(match, self.now)

    def record_edition(self, edition: Edition) -> None:
        """Record a later version of an article now."""
        self.parts[0].record_edition(edition, self.now)

    def record_event(self, event: Event) -> None:
        """Record an event now."""
        self.parts[0].record_event(event, self.now)

    def tick(self, now: datetime) -> datetime | None:
        """Decide and deliver at a moment."""
        self._now = now
        due = self.parts[1].tick(now)
        while self.parts[2].deliver_one(now):
            pass
        return due

    @property
    def now(self) -> datetime:
        """The moment that it is."""
        assert self._now
        return self._now

    @property
    def parts(self) -> tuple[Recorder, Decider, Deliverer]:
        """What a notifier is made of."""
        assert self._parts
        return self._parts

    def hear(self, message: Message) -> None:
        """Take a message that was sent."""
        told = self._rendered[message.id]
        tells = tuple(alert.matches[0].article.id if alert.matches else alert.name for alert in told.alerts)
        one = Heard(at=self.now, receiver=told.receiver, cause=told.cause, why=told.why, tells=tells)
        self.heard.append(one)

    def _due(self) -> list[Action]:
        if self._is_asleep():
            return []
        due = sorted((one for one in self._agenda if one[0] <= self.now), key=lambda one: one[0])
        self._agenda = [one for one in self._agenda if one[0] > self.now]
        return due

    def _is_asleep(self) -> bool:
        return self.asleep is not None and self.asleep[0] <= self.now < self.asleep[1]

    def _turn(self) -> list[datetime]:
        due = self.tick(self.now)
        attempt = self.store.backlog().next_due
        return [at for at in (due, attempt) if at]

    def _render(self, notification: Notification) -> Message:
        message = a_message(notification) if notification.alerts else _empty(notification)
        self._rendered[message.id] = notification
        return message


def _empty(notification: Notification) -> Message:
    """Render a digest of nothing."""
    stand_in = Alert(
        id="none",
        kind="operations",
        name="",
        severity=Severity.LOW,
        state="open",
        created=notification.created,
    )
    return a_message(replace(notification, alerts=(stand_in,)))


class _Channel:
    """Reaches everybody, but mail only while its server is up."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self._simulation = simulation
        self._name = name

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        down = self._simulation.mail_down
        if self._name == "email" and down and down[0] <= self._simulation.now < down[1]:
            raise DeliveryError("the mail server does not answer", retryable=True)
        self._simulation.hear(message)


# --- What happens, as data -------------------------------------------------------------------------------------------


def a_report(at: datetime, words: dict[str, Any]) -> Match:
    """Make a match of an invented article: which words were found, in which text, from where."""
    listed = watchlist(
        words.get("watchlist", "tartus"),
        severity=Severity(words.get("severity", "medium")),
        status=Status(words.get("status", "live")),
        owner=words.get("owner"),
        labels=dict(words.get("labels", {})),
    )
    article = words["article"]
    match = a_match(article, words.get("version", "v1"), on=listed, source=words.get("source", "agency"))
    first_seen = words.get("first_seen", at)
    header = replace(match.article, first_seen=first_seen, revision=words.get("revision", 1), lang=words.get("lang"))
    header = replace(header, tier=words.get("tier"))
    evidence = match.evidence
    if "text" in words:
        evidence = tuple(_found(words["text"], term) for term in _each(words["found"]))
    made = replace(match, article=header, evidence=evidence, watched=tuple(words.get("watched", ())), matched_at=at)
    if not words.get("signed"):
        return made
    (signed,) = sign_matches(Article(header=replace(header, titled=False), text=words["text"]), [made])
    return signed


def an_edition(at: datetime, words: dict[str, Any]) -> Edition:
    """Make a later version of an article, with the watchlists that it still satisfies."""
    article = replace(a_match(words["article"], words["version"]).article, revision=2, title="", first_seen=at)
    return Edition(article=Article(header=article, text=words["text"]), watchlists=tuple(words.get("still", ())), at=at)


def _found(text: str, term: str) -> Evidence:
    start = text.index(term)
    span: dict[str, Any] = {"text": term, "start": start, "end": start + len(term), "how": How.EXACT}
    return Evidence(
        clause=term, field="text", quote=text, quote_start=0, mentions=(Mention(term=term, **span),), **span
    )


def _each(value: Any) -> Iterable[Any]:  # noqa: ANN401 - as it stands in a file
    return value if isinstance(value, list) else [value]


def a_silence(at: datetime, words: dict[str, Any], expires: datetime) -> Silence:
    """Make a silence of what a case says."""
    keys: dict[str, Any] = {
        name: tuple(_each(words[name])) for name in ("watchlist", "source", "severity") if name in words
    }
    return Silence(
        matcher=Matcher(**keys),
        saying=words.get("saying"),
        author="layla",
        comment="a case",
        created=at,
        expires=expires,
    )
