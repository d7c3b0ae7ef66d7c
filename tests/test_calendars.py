"""Daily hours, cron lines and zones, on both sides of a change of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.calendars import FOR_EVER, Hours, end_of, next_time, parse_clock, parse_cron, parse_zone

BEIRUT, BERLIN, CAIRO = ZoneInfo("Asia/Beirut"), ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")
NIGHT = Hours(begin=23 * 60, end=7 * 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        pytest.param("2026-11-20T20:59", None, id="before they begin"),
        pytest.param("2026-11-20T21:00", "2026-11-21T05:00", id="when they begin"),
        pytest.param("2026-11-21T04:59", "2026-11-21T05:00", id="on the next day"),
        pytest.param("2026-11-21T05:00", None, id="when they end"),
    ],
)
def test_hours_over_midnight(at: str, until: str | None) -> None:
    assert NIGHT.until(utc(at), BEIRUT) == (utc(until) if until else None)


def test_a_time_that_the_clock_leaps_over_is_the_moment_of_the_leap() -> None:
    leap = utc("2026-03-29T01:00")
    assert Hours(begin=60, end=150).until(utc("2026-03-29T00:30"), BERLIN) == leap
    begins = Hours(begin=150, end=300)
    assert begins.until(leap - timedelta(seconds=1), BERLIN) is None
    assert begins.until(leap, BERLIN) == utc("2026-03-29T03:00")


def test_a_time_that_the_clock_shows_twice_begins_at_the_first_and_ends_at_the_last() -> None:
    assert Hours(begin=0, end=150).until(utc("2026-10-25T00:45"), BERLIN) == utc("2026-10-25T01:30")
    assert Hours(begin=150, end=300).until(utc("2026-10-25T00:30"), BERLIN) == utc("2026-10-25T04:00")


def test_a_whole_day_is_from_midnight_to_midnight_also_where_there_is_no_midnight() -> None:
    friday = Hours(begin=0, end=24 * 60, days=frozenset({4}))
    assert friday.until(utc("2026-04-24T12:00"), CAIRO) == utc("2026-04-24T21:00")
    assert friday.until(utc("2026-04-23T21:59"), CAIRO) is None
    assert friday.until(utc("2026-04-23T22:00"), CAIRO) == utc("2026-04-24T21:00")


def test_hours_that_never_end_are_cut_off() -> None:
    always = [Hours(begin=0, end=24 * 60)]
    end = end_of(always, utc("2026-11-20T00:00"), CAIRO)
    assert end is not None
    assert end >= utc("2026-11-20T00:00") + FOR_EVER


@given(
    at=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - zoned behind
    begin=st.integers(0, 1439),
    end=st.integers(0, 1440),
    zone=st.sampled_from([BEIRUT, BERLIN, CAIRO, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_hours_end_after_the_moment_they_hold_and_do_not_hold_their_end(
    at: datetime, begin: int, end: int, zone: ZoneInfo
) -> None:
    hours = Hours(begin=begin, end=end)
    until = end_of([hours], at, zone)
    if until is not None:
        assert until > at
        assert until >= at + FOR_EVER or hours.until(until, zone) is None
        assert end_of([hours], until - timedelta(microseconds=1), zone) is not None


def test_a_cron_line_goes_by_the_clocks_of_its_place() -> None:
    assert next_time("0 8 * * *", utc("2026-03-28T07:00"), BERLIN) == utc("2026-03-29T06:00")
    assert next_time("0 8 * * *", utc("2026-03-29T06:00"), BERLIN) == utc("2026-03-30T06:00")
    assert next_time("30 2 * * *", utc("2026-03-29T00:00"), BERLIN) == utc("2026-03-29T01:00")
    assert next_time("30 2 * * *", utc("2026-10-24T12:00"), BERLIN) == utc("2026-10-25T00:30")
    assert next_time("30 2 * * *", utc("2026-10-25T00:30"), BERLIN) == utc("2026-10-26T01:30")
    assert next_time("0 0 * * *", utc("2026-04-23T12:00"), CAIRO) == utc("2026-04-23T22:00")


@pytest.mark.parametrize("text", ["7:00", "24:01", "23.00", "2300", "23:60", "٢٣:٠٠", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='write it like "07:30"'):
        parse_clock(text)


@pytest.mark.parametrize("text", ["", "8", "0 8 * *", "0 0 8 * * *", "61 8 * * *", "0 8 31 2 *", "@daily", "x * * * *"])
def test_what_is_no_cron_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="0 8 \\* \\* mon-fri"):
        parse_cron(text)


@pytest.mark.parametrize("name", ["", "Beirut", "Asia", "Asia/Nowhere", "../../etc/passwd", "UTC+3"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="write it like Asia/Beirut"):
        parse_zone(name)
