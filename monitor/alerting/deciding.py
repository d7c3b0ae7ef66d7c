"""What is due to be told: a pure function over what the store remembers.

Holding back has one order: baseline/old, silenced, snoozed, shadow, copy, quiet hours, rate, digest, development and
group window. What depends on the match alone is judged when it is recorded (`judging`); what depends on the time is
decided here, whenever a telling is to be looked at. What is held back for a time stays due, and what waited is told in
one message. Does not read, write or send, and does not know what time it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from monitor.alerting.causes import DEVELOPMENT, parted, words
from monitor.alerting.judging import LATE
from monitor.alerting.silencing import hiding
from monitor.calendars import next_time
from monitor.model import Reason, Severity, stable_hash
from monitor.ports import Decision, Owed, Verdict, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.ports import Telling
    from monitor.settings import Receiver

_BLIND: Final = 10  # sources named in a digest
_GATHERED: Final = frozenset({Reason.QUIET_HOURS, Reason.RATE, Reason.DIGEST})
"""What waited for one of these is told in one message."""


# --- When it is due ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `decide` looks at: what waits, and whom it waits for. ``sources`` are all that are polled.

    ``windows_elapsed`` takes every group's window as over.
    """

    waiting: Waiting
    receivers: Mapping[str, Receiver]
    sources: frozenset[str] = frozenset()
    windows_elapsed: bool = False


def decide(state: State, now: datetime) -> Decision:
    """Tell what is due at ``now``, and say of all else why it is not told, and until when.

    A receiver that is no longer configured is owed nothing, and the verdict says so.
    """
    found = _Findings(sent={name: list(times) for name, times in state.waiting.messages.items()})
    for telling in state.waiting.tellings:
        _look_at(telling, state, now, found)
    for name in sorted({*found.due, *_digested(state)}):
        _tell(state.receivers[name], name, state, now, found)
    for telling, reason, until in found.gathering:
        free = _free_at(telling.receiver, state, now, found)
        found.hold(telling, *((Reason.RATE, free) if free else (reason, until)))
    waits = [verdict.until for verdict in found.verdicts if verdict.until]
    looks = [*waits, *found.looks, *_next_digests(state, now)]
    if state.waiting.following:
        looks.append(state.waiting.following)
    return Decision(
        notifications=tuple(owed for _, owed in sorted(found.owed, key=lambda one: one[0])),
        verdicts=tuple(found.verdicts),
        digests=found.digests,
        next_due=min(looks, default=None),
    )


@dataclass(slots=True)
class _Findings:
    """What a decision has come to so far. ``due`` are the tellings of each receiver that nothing but rate can hold.

    ``gathering`` are those that wait for a window or a digest, unless it is for a rate that ``sent`` messages, by
    receiver, have used up. ``looks`` are moments at which to look again besides those of verdicts.
    """

    sent: dict[str, list[datetime]]

    verdicts: list[Verdict] = field(default_factory=list)
    gathering: list[tuple[Telling, Reason, datetime]] = field(default_factory=list)
    looks: list[datetime] = field(default_factory=list)
    due: dict[str, list[Telling]] = field(default_factory=lambda: defaultdict(list))
    owed: list[tuple[int, Owed]] = field(default_factory=list)
    digests: dict[str, datetime] = field(default_factory=dict)

    def end(self, telling: Telling, reason: Reason, *, message: str | None = None, silence: int | None = None) -> None:
        """Say how a telling ended."""
        self.verdicts.append(_verdict(telling, reason, message=message, silence=silence))

    def hold(self, telling: Telling, reason: Reason, until: datetime) -> None:
        """Hold a telling back; what is held back for the same already is not said again."""
        if (telling.held, telling.until) == (reason, until):
            self.looks.append(until)
        else:
            self.verdicts.append(_verdict(telling, reason, until=until))


def _verdict(
    telling: Telling,
    reason: Reason,
    *,
    until: datetime | None = None,
    message: str | None = None,
    silence: int | None = None,
) -> Verdict:
    return Verdict(
        telling=telling.id,
        alert=telling.alert.id,
        receiver=telling.receiver,
        cause=telling.cause,
        reason=reason,
        until=until,
        message=message,
        silence=silence,
    )


def _look_at(telling: Telling, state: State, now: datetime, found: _Findings) -> None:
    """End a telling, hold it back, or find it due, in the one order."""
    receiver = state.receivers.get(telling.receiver)
    silence = hiding(state.waiting.silences, telling.alert, telling.since, now)
    if receiver is None or not receiver.destinations:
        found.end(telling, Reason.NO_ROUTE)
    elif silence:
        found.end(telling, Reason.SILENCED, silence=silence.id)
    elif hold := next(_holds(telling, receiver, now), None):
        found.hold(telling, *hold)
    elif window := next(_windows(telling, receiver, state, now), None):
        found.gathering.append((telling, *window))
    else:
        found.due[telling.receiver].append(telling)


def _holds(telling: Telling, receiver: Receiver, now: datetime) -> Iterator[tuple[Reason, datetime]]:
    """Give what holds a telling back at ``now`` whatever else is told, and until when."""
    if telling.snoozed_until and telling.snoozed_until > now:
        yield Reason.SNOOZED, telling.snoozed_until
    quiet = receiver.quiet_until(now, telling.alert.severity)
    if quiet:
        yield Reason.QUIET_HOURS, quiet


def _windows(telling: Telling, receiver: Receiver, state: State, now: datetime) -> Iterator[tuple[Reason, datetime]]:
    """Give what a telling gathers for with others, and until when."""
    digest = _digest_of(telling, receiver)
    if digest:
        if digest > now:
            yield Reason.DIGEST, digest
    elif telling.closes and telling.closes > now and not state.windows_elapsed:
        kind, _ = parted(telling.cause)
        yield Reason.DEVELOPMENT if kind == DEVELOPMENT else Reason.GROUP_WINDOW, telling.closes


def _free_at(name: str, state: State, now: datetime, found: _Findings) -> datetime | None:
    """Say when a receiver may be sent one more message; None when it may now."""
    rate = state.receivers[name].rate
    if rate is None:
        return None
    counted = sorted(at for at in found.sent.get(name, ()) if at > now - rate.per)
    return counted[-rate.most] + rate.per if len(counted) >= rate.most else None


def _digest_of(telling: Telling, receiver: Receiver) -> datetime | None:
    """Say which digest a telling belongs to: the first after it was recorded, however late that is decided.

    To a digest no window matters.
    """
    return next_time(receiver.digest.at, telling.opened, receiver.clocks) if receiver.digest else None


# --- Into messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Tellings that go into one message; ``why`` is what its reader must know besides."""

    tellings: tuple[Telling, ...]
    cause: str
    about: str
    why: str | None = None

    @property
    def rank(self) -> int:
        """Its place among messages: the gravest alert first."""
        return min(-tuple(Severity).index(telling.alert.severity) for telling in self.tellings)

    @property
    def message(self) -> str:
        """What it is called within its receiver's messages."""
        return stable_hash("message", self.cause, self.about)


def _tell(receiver: Receiver, name: str, state: State, now: datetime, found: _Findings) -> None:
    """Tell a receiver what is due, urgent first and as much as its rate allows; hold the rest back."""
    for batch in sorted(_batches(found.due.get(name, ()), receiver, state, now), key=lambda batch: batch.rank):
        free = _free_at(name, state, now, found)
        for telling in batch.tellings:
            if free:
                found.hold(telling, Reason.RATE, free)
            else:
                found.end(telling, Reason.TOLD, message=batch.message)
        if not free:
            found.sent.setdefault(name, []).append(now)
            found.owed += [(batch.rank, owed) for owed in _owed(receiver, name, batch)]
    _send_empty_digest(receiver, name, state, now, found)


def _owed(receiver: Receiver, name: str, batch: _Batch) -> Iterator[Owed]:
    alerts = tuple(dict.fromkeys(telling.alert.id for telling in batch.tellings))
    for channel, destination in receiver.destinations:
        yield Owed(
            receiver=name,
            channel=channel,
            destination=destination,
            cause=batch.cause,
            about=batch.about,
            alerts=alerts,
            why=batch.why,
        )


def _batches(due: Iterable[Telling], receiver: Receiver, state: State, now: datetime) -> Iterator[_Batch]:
    """Put what waited, or comes late, into one message, what gathered into one for each key, and all else by itself.

    What else is told of an alert that waited goes with it, and developments with what else is told of their alert.
    """
    grave: dict[str, list[_Waited]] = defaultdict(list)
    waited: dict[str, _Waited] = {}
    others: list[Telling] = []
    gathered: list[_Waited] = []
    for telling in due:
        one = _waited(telling, receiver, now)
        if one.late and telling.alert.severity is Severity.CRITICAL:
            grave[telling.alert.id].append(one)
        elif one.late or one.reason:
            waited.setdefault(telling.alert.id, one)
            gathered.append(one)
        else:
            others.append(telling)
    gathered += [replace(waited[one.alert.id], telling=one) for one in others if one.alert.id in waited]
    for late in grave.values():
        yield _of_one([one.telling for one in late], *_late(late))
    if gathered:
        yield _gathered(gathered, receiver, state, now)
    yield from map(_group, _together(one for one in others if one.alert.id not in waited))


def _together(tellings: Iterable[Telling]) -> Iterable[list[Telling]]:
    found: dict[tuple[str, str], list[Telling]] = defaultdict(list)
    for telling in tellings:
        gathers = telling.closes and parted(telling.cause)[0] != DEVELOPMENT
        found[("group", telling.key) if gathers else ("alert", telling.alert.id)].append(telling)
    return found.values()


@dataclass(frozen=True, slots=True)
class _Waited:
    """A telling that was held back for ``reason``, or is ``late``, if it was or is."""

    telling: Telling
    reason: Reason | None
    late: timedelta | None


def _waited(telling: Telling, receiver: Receiver, now: datetime) -> _Waited:
    expected, reason = _expected(telling, receiver)
    return _Waited(telling, reason, _late_by(telling, expected, now))


def _expected(telling: Telling, receiver: Receiver) -> tuple[datetime, Reason | None]:
    """Say when a telling was to be told, had we always been there, and what it waited for until then, if it did."""
    at, reason = max(telling.opened, telling.snoozed_until or telling.opened), None
    digest = _digest_of(telling, receiver)
    if digest:
        at, reason = max(at, digest), Reason.DIGEST
    at = max(at, (not digest and telling.closes) or at, telling.until or at)
    quiet = receiver.quiet_until(at, telling.alert.severity)
    if quiet:
        at, reason = quiet, reason or Reason.QUIET_HOURS
    return at, telling.held if telling.held in _GATHERED else reason


def _late_by(telling: Telling, expected: datetime, now: datetime) -> timedelta | None:
    """Say how late a telling is: since it came up, if it was recorded late already; None when it is not."""
    begun = telling.since if telling.opened - telling.since > LATE else expected
    return now - begun if now - begun > LATE else None


def _of_one(tellings: Sequence[Telling], *waiting: str) -> _Batch:
    """Tell one alert as itself, for the first cause, and say for what else."""
    why = " · ".join([*_further(tellings), *waiting]) or None
    return _Batch(tellings=tuple(tellings), cause=tellings[0].cause, about=tellings[0].alert.id, why=why)


def _group(tellings: Sequence[Telling]) -> _Batch:
    """One alert alone is told as itself, several as their group."""
    if len({telling.alert.id for telling in tellings}) == 1:
        return _of_one(tellings)
    about = _name_of(tellings)
    return _Batch(tellings=tuple(tellings), cause=f"group:{about}", about=about)


def _gathered(waited: Sequence[_Waited], receiver: Receiver, state: State, now: datetime) -> _Batch:
    tellings = tuple(one.telling for one in waited)
    if len({telling.alert.id for telling in tellings}) == 1 and not receiver.digest:
        return _of_one(tellings, *(_late(waited) or _why(waited, receiver, state)))
    why = " · ".join(_why(waited, receiver, state))
    return _Batch(tellings=tellings, cause=f"digest:{_iso(now)}", about=_name_of(tellings), why=why)


def _late(waited: Sequence[_Waited]) -> list[str]:
    late = waited[0].late
    return [f"late by {_span(late)}"] if late else []


def _further(tellings: Sequence[Telling]) -> Iterator[str]:
    """Say for what else than the first cause an alert is told."""
    said = dict.fromkeys(words(telling.cause) for telling in tellings)
    return islice(said, 1, None)


def _name_of(tellings: Iterable[Telling]) -> str:
    """Name a group by what it tells, so that two receivers with one address are sent one message."""
    return stable_hash("group", *sorted(f"{one.alert.id} {one.cause}" for one in tellings))


def _iso(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# --- Why ---------------------------------------------------------------------------------------------------------


def _why(waited: Sequence[_Waited], receiver: Receiver, state: State) -> Iterator[str]:
    """Say what the alerts of one message waited for."""
    alerts = {one.telling.alert.id: None if one.late else one.reason for one in waited}
    reasons = Counter(alerts.values())
    if quiet := reasons[Reason.QUIET_HOURS]:
        yield f"held back in quiet hours: {quiet}"
    if rated := reasons[Reason.RATE]:
        yield f"held back by the rate limit{_rate_of(receiver)}: {rated}"
    if late := reasons[None]:
        yield f"late, after an outage: {late}"
    if receiver.digest:
        yield f"digest · {_sight(state)}"


def _rate_of(receiver: Receiver) -> str:
    rate = receiver.rate
    return f" of {rate.most} messages in {_span(rate.per)}" if rate else ""


def _span(duration: timedelta) -> str:
    """Write a duration as the configuration does, to the minute from an hour on: ``3h``, ``1h30m``, ``45s``."""
    seconds = int(duration.total_seconds())
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    parts = [(hours, "h"), (minutes, "m"), (0 if hours else rest, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _sight(state: State) -> str:
    """Say how much of the sources was seen, and name those that were not."""
    blind = [source for source in state.waiting.blind if source in state.sources]
    total = len(state.sources)
    seen = f"{total - len(blind)} of {total} sources healthy"
    named = ", ".join(blind[:_BLIND]) + (f" and {len(blind) - _BLIND} more" if len(blind) > _BLIND else "")
    return f"{seen}; blind: {named}" if blind else seen


# --- Digests of nothing ------------------------------------------------------------------------------------------


def _digested(state: State) -> list[str]:
    return [name for name, receiver in state.receivers.items() if receiver.digest and receiver.destinations]


def _next_digests(state: State, now: datetime) -> Iterator[datetime]:
    for name in _digested(state):
        receiver = state.receivers[name]
        if receiver.digest and receiver.digest.empty:
            yield next_time(receiver.digest.at, now, receiver.clocks)


def _send_empty_digest(receiver: Receiver, name: str, state: State, now: datetime, found: _Findings) -> None:
    """Remember that the time for a digest has come and, when there is nothing to tell, tell that, if it is wanted.

    A receiver is first told at the first time after we first saw it. Of several times that passed meanwhile only the
    last counts.
    """
    if receiver.digest is None:
        return
    last = state.waiting.digests.get(name)
    if last is not None and (next_time(receiver.digest.at, last, receiver.clocks) > now):
        return
    quiet = receiver.quiet_until(now, Severity.LOW)
    if last is not None and quiet:
        found.looks.append(quiet)
        return
    found.digests[name] = now
    mine = {verdict.reason for verdict in found.verdicts if verdict.receiver == name}
    if last is None or mine - {Reason.DIGEST, Reason.SILENCED} or not receiver.digest.empty:
        return
    nothing = _Batch(tellings=(), cause=f"digest:{_iso(now)}", about=stable_hash("digest", name, _iso(now)))
    why = f"nothing found; {_sight(state)}"
    found.owed += [(0, owed) for owed in _owed(receiver, name, replace(nothing, why=why))]
