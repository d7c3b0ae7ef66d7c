"""Sources of known habits: how seldom their silence is taken for death, and how soon their death is noticed."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest.rhythm import Rhythm

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
Pause = Callable[[random.Random], timedelta]


def _nights(moment: datetime) -> bool:
    return not 6 <= moment.hour < 22


def _weekends(moment: datetime) -> bool:
    return moment.weekday() in {4, 5} or not 6 <= moment.hour < 18


def _never(_: datetime) -> bool:
    return False


HABITS: dict[str, tuple[Pause, Callable[[datetime], bool], float]] = {
    "every hour or so": (lambda chance: HOUR * chance.uniform(0.5, 1.5), _never, 3),
    "by chance": (lambda chance: HOUR * chance.expovariate(1), _never, 15),
    "by day": (lambda chance: HOUR * chance.gammavariate(2, 0.5), _nights, 8),
    "on weekdays": (lambda chance: HOUR * chance.gammavariate(2, 0.5), _weekends, 18),
    "twice a day": (lambda chance: 12 * HOUR + timedelta(minutes=chance.randrange(20)), _never, 3),
    "daily": (lambda chance: DAY * chance.uniform(0.8, 1.2), _never, 3.5),
}
"""How long until the next article, when there is none, and mean gaps within which a death is noticed."""


def arrivals(habit: str, seed: int, length: timedelta = 4 * WEEK) -> Iterator[datetime]:
    pause, rests, _ = HABITS[habit]
    chance, moment = random.Random(seed), START
    while moment < START + length:
        moment += pause(chance)
        while rests(moment):
            moment += HOUR / 2
        yield moment


@pytest.mark.parametrize("habit", HABITS)
def test_life_is_seldom_taken_for_death_and_death_is_noticed(habit: str) -> None:
    alarms = 0
    for seed in range(6):
        rhythm = Rhythm(since=START, last=START)
        moments = list(arrivals(habit, seed))
        for moment in moments:
            alarms += rhythm.is_unusual(moment)
            rhythm = rhythm.heard(moment)
        mean = (moments[-1] - START) / len(moments)
        assert rhythm.is_unusual(rhythm.last + HABITS[habit][2] * mean)
    assert alarms <= 18  # three a source in its first four weeks, at most; most of them have none


def test_the_dates_of_a_first_listing_show_its_rhythm() -> None:
    now = START + 3 * DAY
    rhythm = Rhythm.from_dates([now - number * HOUR for number in range(40)], now)
    assert rhythm is not None
    assert rhythm.is_known
    assert rhythm.a_day == pytest.approx(24, rel=0.1)
    assert not rhythm.is_unusual(now + 2 * HOUR)
    assert rhythm.is_unusual(now + 4 * HOUR)


def test_dates_in_the_future_and_long_past_show_nothing() -> None:
    assert Rhythm.from_dates([START + DAY, START - 99 * DAY, START.replace(year=1970)], START) is None


def test_few_arrivals_tell_nothing_for_a_week() -> None:
    rhythm = Rhythm(since=START, last=START).heard(START + HOUR).heard(START + 2 * HOUR)
    assert not rhythm.is_known
    assert not rhythm.is_unusual(START + 6 * DAY)
    assert rhythm.is_unusual(START + 8 * DAY)


def test_the_first_night_and_the_second_are_no_silence() -> None:
    morning = START + timedelta(hours=6)
    rhythm = Rhythm(since=morning, last=morning)
    for day in range(2):
        for number in range(1, 32):
            rhythm = rhythm.heard(morning + day * DAY + number * HOUR / 2)
        for number in range(18):
            assert not rhythm.is_unusual(rhythm.last + number * HOUR / 2)
    assert rhythm.is_unusual(rhythm.last + DAY)


@pytest.mark.parametrize(("arrivals", "days"), [(3, 7), (6, 3.6), (30, 3.6)])
def test_three_times_the_longest_gap_is_a_silence_however_little_is_known(arrivals: int, days: float) -> None:
    rhythm = Rhythm(since=START, last=START)
    for number in range(arrivals):
        rhythm = rhythm.heard(rhythm.last + DAY * (1.2 if number % 2 else 0.8))
    assert not rhythm.is_unusual(rhythm.last + 2 * DAY)
    assert rhythm.is_unusual(rhythm.last + days * DAY + HOUR)


def test_what_was_long_ago_weighs_less() -> None:
    rhythm = Rhythm(since=START, last=START)
    for number in range(1, 200):
        rhythm = rhythm.heard(START + number * HOUR)
    calm = START + 200 * HOUR
    for number in range(1, 90):
        rhythm = rhythm.heard(calm + number * DAY)
    assert rhythm.a_day == pytest.approx(1, rel=0.2)


@given(st.lists(st.integers(0, 10**7), max_size=60), st.integers(0, 10**7))
def test_the_model_answers_whatever_it_was_told(gaps: list[int], silence: int) -> None:
    rhythm = Rhythm(since=START, last=START)
    for gap in gaps:
        rhythm = rhythm.heard(rhythm.last + timedelta(seconds=gap))
    end = rhythm.last + timedelta(seconds=silence)
    assert rhythm.expected(rhythm.last, end) >= 0
    assert rhythm.patience > 0
    assert timedelta(0) < rhythm.usual_gap() <= timedelta(days=365)
    if rhythm.is_unusual(end):
        assert rhythm.is_unusual(end + DAY)
