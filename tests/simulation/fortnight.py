"""Sources of every habit, alone and mixed, polled for a fortnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from monitor.settings import Source
from monitor.store import open_store
from tests.simulation.judging import Judge, Verdict
from tests.simulation.polling import Clock, Daemon, Polled
from tests.simulation.publishers import (
    AT_EACH_FETCH,
    CONTENTS,
    DATES,
    DAY,
    DEATHS,
    HABITS,
    IDENTITIES,
    LISTS,
    RHYTHMS,
    SHARED,
    START,
    Death,
    Publisher,
)
from tests.simulation.remembering import DictionaryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from monitor.ports import SourceStore

FORTNIGHT: Final = 14 * DAY
END: Final = START + FORTNIGHT
ALONE: Final = len(HABITS) + len(DEATHS)
"""Sources with one habit or one death each; those after them have several."""
SHAREABLE: Final = ("new ids once", "ids used again", "text edited", "live blog", "undated", "oldest first")
"""Habits of a source that another copies, which leave addresses and words as they are."""
CALM: Final = ("twice a day", "on weekdays", "daily", "by chance")
FIRST_DEATH: Final = 6 * DAY
"""By then every rhythm can be known."""


def publishers(count: int, seed: int, *, calm: bool = False) -> list[Publisher]:
    """Make so many: each habit alone, each death alone, then mixtures, of which some list what the one before lists.

    ``calm`` ones bring little and list little.
    """
    chance = Random(seed)
    habits = [*(frozenset({habit}) for habit in HABITS), *(frozenset[str]() for _ in DEATHS)]
    habits += [_mixture(chance) for _ in range(max(count - ALONE, 0))]
    for number in range(ALONE, count - 1, 10):
        habits[number : number + 2] = [frozenset({chance.choice(SHAREABLE)}), frozenset({SHARED})]
    rhythms = CALM if calm else tuple(RHYTHMS)
    made: list[Publisher] = []
    for number, its in enumerate(habits[:count]):
        made.append(
            Publisher(
                f"s{number:03}",
                rhythms[number % len(rhythms)],
                its,
                chance.randrange(10**9),
                FORTNIGHT,
                most=10 if calm else 20 if its & AT_EACH_FETCH else 50,
                death=_death(number, chance),
                copied=made[-1] if SHARED in its else None,
            )
        )
    return made


def _mixture(chance: Random) -> frozenset[str]:
    groups = chance.sample([IDENTITIES, CONTENTS, DATES, LISTS], chance.choice((1, 2, 2, 3)))
    return frozenset(chance.choice(group) for group in groups)


def _death(number: int, chance: Random) -> Death | None:
    if number < len(HABITS) or (number >= ALONE and number % 3):
        return None
    begins = START + FIRST_DEATH + DAY * chance.uniform(0, 2)
    ends = begins + DAY * chance.uniform(1, 5) if chance.random() < 0.5 else None
    return Death(kind=list(DEATHS)[number % len(DEATHS)], begins=begins, ends=ends)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who judges, and the longest wait for a poll as a share of what was due."""

    judge: Judge
    late: float


def run(
    made: Sequence[Publisher], folder: Path, seed: int, *, interval: str = "1h", clock: Clock | None = None
) -> Outcome:
    """Poll them for a fortnight. A third of them are remembered in a real database."""
    judge = Judge(made)
    with open_store(f"sqlite:{folder / 'state.db'}") as real:
        stores: tuple[SourceStore, ...] = (DictionaryStore(), real)
        polled = [
            Polled(_source(publisher, interval, number), publisher, stores[(number - ALONE) % 30 >= 20])
            for number, publisher in enumerate(made)
        ]
        daemon = Daemon(polled, judge, seed, clock or Clock())
        daemon.run(END)
    return Outcome(judge, daemon.late)


def _source(publisher: Publisher, interval: str, number: int) -> Source:
    often = {"several an hour": "20m"}.get(publisher.rhythm, interval)
    settings = {"id": publisher.name, "url": f"https://{publisher.name}.example.org/rss", "adaptive": number % 2 == 0}
    return Source.model_validate(settings | {"interval": "4h" if publisher.habits & AT_EACH_FETCH else often})


# --- Tables ----------------------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    *("sources", "articles", "told", "held", "twice", "lost", "merged", "split", "storm", "polls", "alarms"),
)


def table(judge: Judge) -> str:
    """Write what came of each habit, and of each death."""
    verdicts = list(judge.verdicts.values())
    rows = [(habit, [one for one in verdicts if habit in one.publisher.habits]) for habit in (*HABITS, SHARED)]
    rows += [("none", [one for one in verdicts if not one.publisher.habits]), ("all", verdicts)]
    weeks = FORTNIGHT / timedelta(weeks=1) * len(verdicts)
    alarms = sum(map(judge.false_alarms, verdicts))
    return "\n".join(
        [
            _line("habit", _COLUMNS),
            *(_line(habit, _figures(judge, found)) for habit, found in rows if found),
            f"\nlife taken for death: {alarms / weeks:.2f} times a week and source\n",
            _line("death", ("sources", "noticed", "latest", "cleared")),
            *(_line(kind, _deaths(judge, kind)) for kind in DEATHS),
        ]
    )


def _line(name: str, cells: Iterable[object]) -> str:
    return f"{name:32}" + "".join(f"{cell:>9}" for cell in cells)


def _figures(judge: Judge, verdicts: list[Verdict]) -> Iterator[int]:
    told = [one for verdict in verdicts for one in verdict.told.values()]
    yield from (len(verdicts), len(told), sum(one.free for one in told), sum(one.held for one in told))
    for listed in (judge.twice, judge.lost):
        yield sum(len(listed(one)) for one in verdicts)
    for counted in (judge.merged, judge.split):
        yield sum(map(counted, verdicts))
    yield max(one.storm for one in verdicts)
    yield sum(len(one.polls) for one in verdicts)
    yield sum(map(judge.false_alarms, verdicts))


def _deaths(judge: Judge, kind: str) -> Iterator[object]:
    found = [one for verdict in judge.verdicts.values() if (one := judge.noticed(verdict, END)) and one.kind == kind]
    after = [one.after for one in found if one.after is not None]
    yield from (len(found), len(after), f"{max(after, default=0):.1f}", sum(one.was_cleared for one in found))
