"""What came of a fortnight: lost, told twice, merged, split, storms; deaths noticed and lives taken for deaths."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from monitor.ingest.deciding import LONGEST_BACK_OFF
from tests.simulation.publishers import DAY, DEATHS, HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.ingest.deciding import Plan
    from monitor.ingest.identity import Identified
    from monitor.model import Event, Header
    from monitor.ports import SourceState
    from tests.simulation.publishers import Death, Meant, Publisher

MAX_AGE: Final = timedelta(hours=48)
DEADLINE: Final = 3
"""Expected intervals, or failed polls, within which a death is to be noticed."""


@dataclass(slots=True)
class Told:
    """The publications of one version of a true article."""

    free: int = 0
    held: int = 0
    may_be_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """How a death was noticed; ``after`` is None when it was not.

    Else it is how many failed polls it took, or how many expected intervals it had been silent for at the poll before:
    what the next poll could have told no poll can tell sooner.
    """

    kind: str
    after: float | None
    was_cleared: bool


@dataclass(slots=True)
class Verdict:
    """What is known of one source."""

    publisher: Publisher
    told: dict[Meant, Told] = field(default_factory=lambda: defaultdict(Told))
    events: list[Event] = field(default_factory=list)
    polls: list[datetime] = field(default_factory=list)
    first_listed: datetime | None = None
    last_listed: datetime | None = None
    storm: int = 0


class Judge:
    """Watches every poll, and knows what was true."""

    def __init__(self, publishers: Sequence[Publisher]) -> None:
        self.verdicts = {publisher.name: Verdict(publisher) for publisher in publishers}
        self._stories: dict[str, set[str]] = defaultdict(set)
        self._articles: dict[str, set[str]] = defaultdict(set)
        self._versions: dict[str, set[Meant]] = defaultdict(set)

    def failed(self, name: str, plan: Plan, now: datetime) -> None:
        """Take note of a poll that listed nothing."""
        self.verdicts[name].polls.append(now)
        self.verdicts[name].events += plan.events

    def listed(  # noqa: PLR0913, PLR0917 - what is known of a poll
        self,
        name: str,
        meant: Sequence[Meant],
        identified: Sequence[Identified],
        before: SourceState,
        plan: Plan,
        now: datetime,
    ) -> None:
        """Take note of a listing, and of what was published of it."""
        verdict = self.verdicts[name]
        verdict.polls.append(now)
        verdict.events += plan.events
        verdict.first_listed = verdict.first_listed or now
        headers = {(article.header.id, article.header.content_hash): article.header for article in plan.articles}
        new = 0
        for meaning, one in zip(meant, identified, strict=True):
            told = verdict.told[meaning]
            told.may_be_held |= self._may_be_held(verdict, meaning, one, before, now)
            self._stories[meaning.story].add(one.article)
            self._articles[one.article].add(meaning.story)
            header = headers.pop((one.article, one.content_hash or ""), None)
            if header is not None:
                new += self._publish(told, header, meaning, verdict)
        verdict.storm = max(verdict.storm, new)
        verdict.last_listed = now

    def _publish(self, told: Told, header: Header, meaning: Meant, verdict: Verdict) -> bool:
        """Count a publication; return whether it is one that nobody needs."""
        if header.held:
            told.held += 1
            return False
        others = sum(one.told[meaning].free for one in self._holders(meaning))
        is_back_issue = meaning.version == 0 and self._is_back_issue(verdict, meaning)
        told.free += 1
        return bool(others or told.held or is_back_issue)

    def _is_back_issue(self, verdict: Verdict, meaning: Meant) -> bool:
        first = verdict.first_listed
        return first is not None and verdict.publisher.born(meaning.story) < first - HOUR

    def _may_be_held(
        self, verdict: Verdict, meaning: Meant, one: Identified, before: SourceState, now: datetime
    ) -> bool:
        if before.first_polled is None or self._is_back_issue(verdict, meaning):
            return True
        if self._was_new_elsewhere(verdict, meaning):
            return True
        date = None if "all dated now" in verdict.publisher.habits else one.item.published
        if date is not None and date - now < DAY:
            return now - date > MAX_AGE
        return before.last_success is not None and now - before.last_success > MAX_AGE

    def _was_new_elsewhere(self, verdict: Verdict, meaning: Meant) -> bool:
        """Whether another source was new with it: then it was a back issue there first."""
        return any(one.told[meaning].held for one in self._holders(meaning) if one is not verdict)

    # --- Afterwards

    def lost(self, verdict: Verdict) -> list[Meant]:
        """List what stood in a list and was told by nobody, for no reason."""
        return [
            meaning
            for meaning, told in verdict.told.items()
            if not told.may_be_held and not any(one.told[meaning].free for one in self._holders(meaning))
        ]

    def twice(self, verdict: Verdict) -> list[Meant]:
        """List what was told more than once, or after it had been held back."""
        return [
            meaning
            for meaning, told in verdict.told.items()
            if told.free and sum(one.told[meaning].free for one in self._holders(meaning)) > 1
        ]

    def _holders(self, meaning: Meant) -> list[Verdict]:
        return [one for one in self.verdicts.values() if meaning in one.told]

    def merged(self, verdict: Verdict) -> int:
        """Count stories that share an article's id with another story."""
        return sum(
            any(len(self._articles[article]) > 1 for article in self._stories[story]) for story in _stories(verdict)
        )

    def split(self, verdict: Verdict) -> int:
        """Count stories that have more than one id."""
        return sum(len(self._stories[story]) > 1 for story in _stories(verdict))

    def noticed(self, verdict: Verdict, end: datetime) -> Noticed | None:
        """Tell how the source's death was noticed; None when it lived, or was back before it had to be."""
        death = verdict.publisher.death
        if death is None:
            return None
        is_failure = DEATHS[death.kind] is not None
        rule = "source failing" if is_failure else "source silent"
        raised = [one.at for one in verdict.events if (one.rule, one.state) == (rule, "raised") and death.holds(one.at)]
        after = None
        if raised and is_failure:
            after = float(sum(death.begins <= poll <= raised[0] for poll in verdict.polls))
        elif raised:
            poll = max(poll for poll in verdict.polls if poll < raised[0])
            silence = poll - verdict.publisher.last_birth(death.begins)
            after = max(silence / self._interval(verdict, death.begins), 0.0)
        elif (death.ends or end) - death.begins < self._time_to_notice(verdict, death):
            return None
        return Noticed(kind=death.kind, after=after, was_cleared=self._was_cleared(verdict, death, rule, end))

    def _interval(self, verdict: Verdict, until: datetime) -> timedelta:
        """Return the expected interval of a source as it is seen by polls, which have pauses."""
        pauses = [other - one for one, other in pairwise(poll for poll in verdict.polls if poll <= until)]
        return usual_gap(verdict.publisher, until) + max(pauses)

    def _time_to_notice(self, verdict: Verdict, death: Death) -> timedelta:
        if DEATHS[death.kind] is not None:
            return DAY
        return DEADLINE * self._interval(verdict, death.begins) + DAY

    def _was_cleared(self, verdict: Verdict, death: Death, rule: str, end: datetime) -> bool:
        if death.ends is None or death.ends + LONGEST_BACK_OFF + DAY > end:
            return True
        states = [one.state for one in verdict.events if one.rule == rule and one.at >= death.begins]
        return states[-1:] != ["raised"]

    def false_alarms(self, verdict: Verdict) -> int:
        """Count how often life was taken for death."""
        death = verdict.publisher.death
        return sum(
            event.state == "raised" and not (death and death.begins <= event.at <= (death.ends or event.at) + DAY)
            for event in verdict.events
        )


def usual_gap(publisher: Publisher, until: datetime) -> timedelta:
    """Return the expected interval of a source: the widest of its gaps so far, so that nights and weekends count."""
    return max(publisher.gaps(until))


def _stories(verdict: Verdict) -> set[str]:
    return {meaning.story for meaning in verdict.told}
