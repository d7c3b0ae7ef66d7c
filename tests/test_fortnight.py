"""A fortnight of polling sources with bad habits, in simulated time; `make fortnight` is the long form."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.ingest.deciding import WHOLESALE_LEAST
from tests.simulation.fortnight import ALONE, END, FORTNIGHT, publishers, run, table
from tests.simulation.judging import DEADLINE, Judge
from tests.simulation.polling import Clock
from tests.simulation.publishers import DAY, HOUR, START, Publisher


def expect_each_told_once(judge: Judge) -> None:
    for name, verdict in judge.verdicts.items():
        told = (judge.lost(verdict), judge.twice(verdict), judge.merged(verdict))
        assert told == ([], [], 0), f"{name}: lost, twice, merged of {verdict.publisher.habits}"
        assert verdict.storm < WHOLESALE_LEAST


def test_in_a_fortnight_nothing_is_lost_nothing_told_twice_and_every_death_noticed(tmp_path: Path) -> None:
    judge = run(publishers(64, 1, calm=True), tmp_path, 1, interval="3h").judge
    expect_each_told_once(judge)
    deaths = [noticed for verdict in judge.verdicts.values() if (noticed := judge.noticed(verdict, END))]
    assert len(deaths) > 10
    for noticed in deaths:
        assert noticed.after is not None, noticed.kind
        assert noticed.after <= DEADLINE, noticed.kind
        assert noticed.was_cleared, noticed.kind
    alarms = sum(map(judge.false_alarms, judge.verdicts.values()))
    assert alarms <= 0.25 * len(judge.verdicts) * (FORTNIGHT / timedelta(weeks=1)), table(judge)


def some(habits: slice) -> list[Publisher]:
    return publishers(ALONE, 2, calm=True)[habits]


@pytest.mark.parametrize("interval", ["1h", "24h"])
def test_restarts_every_four_minutes_starve_no_source(tmp_path: Path, interval: str) -> None:
    outcome = run(some(slice(2)), tmp_path, 2, interval=interval, clock=Clock(restarts=timedelta(minutes=4)))
    assert outcome.late <= 1
    expect_each_told_once(outcome.judge)


@pytest.mark.parametrize("error", [HOUR, -HOUR, DAY, -DAY], ids=str)
def test_a_clock_that_jumps_for_three_days_makes_no_storm_and_no_silence(tmp_path: Path, error: timedelta) -> None:
    jumps = ((START + 5 * DAY, error), (START + 8 * DAY, timedelta(0)))
    outcome = run(some(slice(20, 25)), tmp_path, 3, interval="3h", clock=Clock(jumps=jumps))
    assert outcome.late <= 2
    expect_each_told_once(outcome.judge)
