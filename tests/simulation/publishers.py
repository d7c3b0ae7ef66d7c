"""Publishers: what a source shows at a moment, by its rhythm and its habits, and which true article each entry is."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Final

from monitor.ingest.deciding import Failure, PollStatus
from monitor.ingest.identity import Item
from monitor.model import stable_hash
from tests.simulation.newsroom import FOOTER, SITE, TEMPLATE, Newsroom, Story, with_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START: Final = datetime(2026, 11, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAST: Final = 21 * DAY
"""How far back a publisher's archive goes."""


def _nights(moment: datetime) -> bool:
    return not 6 <= moment.hour < 22


def _weekends(moment: datetime) -> bool:
    return moment.weekday() in {4, 5} or not 6 <= moment.hour < 18


def _never(_: datetime) -> bool:
    return False


RHYTHMS: Final[dict[str, tuple[Callable[[Random], timedelta], Callable[[datetime], bool]]]] = {
    "every hour or so": (lambda chance: HOUR * chance.uniform(0.5, 1.5), _never),
    "by chance": (lambda chance: HOUR * chance.expovariate(0.5), _never),
    "by day": (lambda chance: HOUR * chance.gammavariate(2, 0.5), _nights),
    "on weekdays": (lambda chance: HOUR * chance.gammavariate(2, 0.5), _weekends),
    "twice a day": (lambda chance: 12 * HOUR + timedelta(minutes=chance.randrange(20)), _never),
    "daily": (lambda chance: DAY * chance.uniform(0.8, 1.2), _never),
    "several an hour": (lambda chance: HOUR * chance.uniform(0.1, 0.6), _never),
}
"""How long until the next article, and when there is none."""

IDENTITIES: Final = (
    *("new ids at each fetch", "new ids once", "ids used again", "no ids", "no ids and no links", "links to the front"),
    *("session ids", "tracking", "www and https", "another domain", "titles only and another domain"),
)
CONTENTS: Final = (
    *("headline and slug corrected", "text edited", "marks changed", "live blog", "daily brief", "footer added"),
    "template changed",
)
DATES: Final = ("all dated now", "dated again once", "undated", "dated 1970", "dated 2099", "wrong zone")
LISTS: Final = (
    "whole archive",
    "entries deleted",
    "oldest first",
    "listed twice",
    "empty at first",
    "errors now and then",
)
DEATHS: Final = {
    "errors": Failure(reason="503 Service Unavailable"),
    "no such host": Failure(reason="no such host"),
    "gone": Failure(reason="410 Gone", status=PollStatus.GONE),
    "challenge": Failure(reason="a challenge page", status=PollStatus.BLOCKED),
    "empty": None,
    "frozen": None,
    "not modified": None,
}
SHARED: Final = "listed by two"
HABITS: Final = (*IDENTITIES, *CONTENTS, *DATES, *LISTS)
AT_EACH_FETCH: Final = frozenset({"new ids at each fetch", "session ids", "tracking", "all dated now"})
_SWITCHED: Final = frozenset(
    [
        *("new ids once", "www and https", "another domain", "titles only and another domain", "marks changed"),
        *("footer added", "template changed", "dated again once", "whole archive", "entries deleted"),
    ]
)
_BRIEF: Final = "موجز لأهم الأخبار المحلية والاقتصادية والرياضية لهذا اليوم"
_DELETED: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a source dies and when, and when it is back, if ever."""

    kind: str
    begins: datetime
    ends: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it is dead at this moment."""
        return self.begins <= now and (self.ends is None or now < self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Which true article and which of its versions an entry is."""

    story: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a source lists at a moment, each entry with what it is; ``body`` identifies the bytes."""

    items: tuple[Item, ...]
    meant: tuple[Meant, ...]
    body: str


class Publisher:
    """One source. The same seed makes the same publisher.

    ``copied`` is another whose stories it lists too, ``most`` how much it lists at most.
    """

    def __init__(  # noqa: PLR0913 - what a publisher is
        self,
        name: str,
        rhythm: str,
        habits: frozenset[str],
        seed: int,
        length: timedelta,
        *,
        most: int = 50,
        death: Death | None = None,
        copied: Publisher | None = None,
    ) -> None:
        self.name, self.rhythm, self.habits, self.death = name, rhythm, habits, death
        self._chance = Random(seed)
        self._newsroom = Newsroom(self._chance)
        self._listed = min(self._chance.choice((10, 15, 20, 30, 50)), most)
        self.switch = START + DAY * self._chance.uniform(2, 4)
        self._site = copied.site if copied else f"{name}.example.org"
        self._own = {story.born: (name, story) for story in self._stories(START + length)}
        self.stories = dict(sorted((self._own | self._copies(copied)).items()))
        self._births = list(self.stories)
        self._born = {f"{owner}/{story.number}": moment for moment, (owner, story) in self.stories.items()}
        self._changes = sorted(self._moments())
        self._made: dict[tuple[str, int, int, int], Item] = {}
        self._shown: tuple[tuple[int, int], Shown] | None = None
        self.fetches = 0

    @property
    def site(self) -> str:
        """Where its articles are."""
        return self._site

    def answer(self, now: datetime) -> Shown | Failure | None:
        """Show what it has at this moment; None for "not modified"."""
        self.fetches += 1
        if "errors now and then" in self.habits and self._chance.random() < 0.05:
            return Failure(reason="too slow")
        if "empty at first" in self.habits and now < START + 12 * HOUR:
            return Shown(items=(), meant=(), body="empty")
        if self.death and self.death.holds(now):
            failure = DEATHS[self.death.kind]
            if failure is not None:
                return failure
            if self.death.kind == "empty":
                return Shown(items=(), meant=(), body="empty")
            return None if self.death.kind == "not modified" else self._list(self.death.begins)
        return self._list(now)

    def born(self, story: str) -> datetime:
        """Tell when a story came into its list."""
        return self._born[story]

    def gaps(self, until: datetime) -> list[timedelta]:
        """List the times between its articles up to a moment."""
        return [other - one for one, other in pairwise(moment for moment in self._births if moment <= until)]

    def last_birth(self, until: datetime) -> datetime:
        """Tell when its latest article before a moment came."""
        return self._births[bisect_right(self._births, until) - 1]

    # --- Its stories

    def _stories(self, end: datetime) -> Iterator[Story]:
        pause, rests = RHYTHMS[self.rhythm]
        moment = START - PAST
        while moment < end:
            moment += max(pause(self._chance), timedelta(seconds=1))
            while rests(moment):
                moment += HOUR / 2
            yield self._revised(self._newsroom.story(moment))
        if "daily brief" in self.habits:
            for day in range(-20, int((end - START) / DAY) + 1):
                yield self._newsroom.story(START + day * DAY + timedelta(hours=6, seconds=7), _BRIEF)

    def _revised(self, story: Story) -> Story:
        if "live blog" in self.habits and story.number % 9 == 0:
            later = [story.born + number * HOUR / 2 for number in range(1, 8)]
            title = story.words[0][1]
            return replace(story, words=(*story.words, *((moment, title, self._newsroom.text()) for moment in later)))
        born, title, text = story.words[0]
        when = born + HOUR * self._chance.uniform(0.5, 4)
        if "text edited" in self.habits and story.number % 3 == 0:
            return replace(story, words=(*story.words, (when, title, f"{text} وأكد ذلك بيان لاحق.")))
        if "headline and slug corrected" in self.habits and story.number % 3 == 0:
            first, *rest = title.split()
            return replace(story, words=(*story.words, (when, " ".join(["تصحيح", first, *rest[1:]]), text)))
        return story

    def _copies(self, copied: Publisher | None) -> dict[datetime, tuple[str, Story]]:
        if copied is None:
            return {}
        late = [self._chance.uniform(60, 3000) for _ in copied.stories]
        return {
            story.born + timedelta(seconds=seconds): (owner, story)
            for (owner, story), seconds in zip(copied.stories.values(), late, strict=True)
        }

    def _moments(self) -> Iterator[datetime]:
        yield from self._births
        yield from (since for _, story in self.stories.values() for since, _, _ in story.words)
        yield from (self.switch, self.switch + 6 * HOUR, self.switch + DAY)

    # --- Its list

    def _list(self, now: datetime) -> Shown:
        salt = self.fetches if self.habits & AT_EACH_FETCH else 0
        edition = bisect_right(self._changes, now), salt
        if self._shown is None or self._shown[0] != edition:
            self._shown = edition, self._made_list(now, salt)
        return self._shown[1]

    def _made_list(self, now: datetime, salt: int) -> Shown:
        window = self._window(now)
        entries = [self._entry(owner, story, place, now, salt) for place, (owner, story) in enumerate(window)]
        meant = [self._meant(owner, story, now) for owner, story in window]
        if "listed twice" in self.habits:
            entries += [replace(entry, key=f"{entry.key}-again", url=f"{entry.url}?again=1") for entry in entries[:2]]
            meant += meant[:2]
        items = _told_apart(entries)
        parts = (part for item in items for part in (item.key, item.entry, item.url or "", str(item.published)))
        return Shown(items=items, meant=tuple(meant), body=stable_hash(*parts))

    def _meant(self, owner: str, story: Story, now: datetime) -> Meant:
        """Tell what an entry is: the first version of which a reader sees these words."""
        seen = [self._words(story, version, now) for version in range(story.version(now) + 1)]
        return Meant(story=f"{owner}/{story.number}", version=seen.index(seen[-1]))

    def _window(self, now: datetime) -> list[tuple[str, Story]]:
        """Take the newest stories, newest first unless the habit is another."""
        count = bisect_right(self._births, now)
        born = [self.stories[moment] for moment in self._births[:count]]
        if "entries deleted" in self.habits and now >= self.switch:
            until = bisect_right(self._births, self.switch)
            born = born[: until - _DELETED] + born[until:]
        is_whole = "whole archive" in self.habits and self.switch <= now < self.switch + 6 * HOUR
        window = born[-self._listed * (4 if is_whole else 1) :]
        return window if "oldest first" in self.habits else window[::-1]

    def _has(self, habit: str, now: datetime) -> bool:
        return habit in self.habits and (habit not in _SWITCHED or now >= self.switch)

    def _entry(self, owner: str, story: Story, place: int, now: datetime, salt: int) -> Item:
        version = story.version(now)
        key = (owner, story.number, version, place if "ids used again" in self.habits else 0)
        is_after = now >= self.switch
        if salt or is_after:
            return self._written(owner, story, version, place, now, salt)
        if key not in self._made:
            self._made[key] = self._written(owner, story, version, place, now, salt)
        return self._made[key]

    def _written(self, owner: str, story: Story, version: int, place: int, now: datetime, salt: int) -> Item:  # noqa: PLR0913, PLR0917 - the parts of an entry
        title, text = self._words(story, version, now)
        url = self._link(owner, story, version, now, salt)
        return Item.of(
            key=self._id(owner, story, place, now, salt) or url,
            title=title,
            text=text,
            url=url,
            published=self._date(story, now),
        )

    def _words(self, story: Story, version: int, now: datetime) -> tuple[str, str]:
        _, title, text = story.words[version]
        if self._has("marks changed", now):
            title, text = with_marks(title), with_marks(text)
        if self._has("template changed", now):
            text = f"{TEMPLATE} {text}"
        if self._has("footer added", now):
            title, text = f"{title} - {SITE}", f"{text}\n\n{FOOTER}"
        if "titles only and another domain" in self.habits:
            title, text = " ".join(title.split()[2:7]) + f" {story.number}", ""
        return title, text

    def _link(self, owner: str, story: Story, version: int, now: datetime, salt: int) -> str | None:
        if "no ids and no links" in self.habits:
            return None
        site = self._site
        if self._has("another domain", now) or self._has("titles only and another domain", now):
            site = f"new.{site}"
        start = f"https://{site}" if self._has("www and https", now) else f"http://www.{site}"
        if "links to the front" in self.habits:
            return f"{start}/"
        slug = f"{owner}-{story.number}"
        if "headline and slug corrected" in self.habits and version:
            slug += "-corrected"
        if "session ids" in self.habits:
            slug += f"?session={stable_hash(str(salt))}"
        if "tracking" in self.habits:
            slug += f"?utm_source=rss&utm_term={salt}"
        return f"{start}/news/{slug}"

    def _id(self, owner: str, story: Story, place: int, now: datetime, salt: int) -> str | None:
        if self.habits & {"no ids", "no ids and no links", "session ids", "titles only and another domain"}:
            return None
        if "ids used again" in self.habits:
            return f"item-{place}"
        made = f"{owner}-{story.number}@{self.name}"
        if "new ids at each fetch" in self.habits:
            return f"{made}-{salt}"
        return f"{made}-second" if self._has("new ids once", now) else made

    def _date(self, story: Story, now: datetime) -> datetime | None:
        if self.habits & {"undated", "dated 1970"}:
            return None  # what `read_date` makes of 1970
        if "dated 2099" in self.habits:
            return story.born.replace(year=2099)
        if "all dated now" in self.habits:
            return now
        if self._has("dated again once", now) and story.born < self.switch:
            return self.switch
        return story.born + (3 * HOUR if "wrong zone" in self.habits else timedelta(0))


def _told_apart(items: list[Item]) -> tuple[Item, ...]:
    """Give entries that share an id keys of their own, as feeds are read."""
    keys = [item.key for item in items]
    return tuple(
        replace(item, key=stable_hash(item.key, item.url or "", item.content_hash))
        if keys.count(item.key) > 1
        else item
        for item in items
    )
