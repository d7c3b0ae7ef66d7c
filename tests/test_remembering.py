import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.ingest.remembering import States
from monitor.ports import SourceState
from monitor.store.sql import SqlStore, open_store

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AGENCY, OTHER = (SourceState(id=name, state="ok", first_polled=NOW, last_polled=NOW) for name in ("agency", "other"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path}/state.db") as opened:
        yield opened


@pytest.fixture
def states(store: SqlStore) -> States:
    """Remember both sources as polled a minute ago, and just have written what was noted."""
    made = States(store)
    for state in (AGENCY, OTHER):
        made.of(state.id)
        made.remember(state, [], NOW - MINUTE, None)
    made.write(NOW)
    return made


def polled(state: SourceState, at: datetime) -> SourceState:
    return replace(state, last_polled=at, next_due=at + 5 * MINUTE)


def test_what_a_poll_changed_is_in_the_store_at_once(states: States, store: SqlStore) -> None:
    changed = replace(AGENCY, articles=1)
    states.remember(changed, [], NOW, None)
    assert (states.of("agency"), store.source("agency")) == (changed, changed)


def test_quiet_polls_are_known_at_once_and_written_together_some_seconds_later(states: States, store: SqlStore) -> None:
    states.note(polled(AGENCY, NOW + SECOND), NOW + SECOND)
    states.note(polled(OTHER, NOW + 2 * SECOND), NOW + 2 * SECOND)
    assert states.of("agency").last_polled == NOW + SECOND
    assert store.sources() == [AGENCY, OTHER]
    states.write_in_time(NOW + 4 * SECOND)
    assert store.sources() == [AGENCY, OTHER]
    states.write_in_time(NOW + 5 * SECOND)
    assert store.sources() == [polled(AGENCY, NOW + SECOND), polled(OTHER, NOW + 2 * SECOND)]


def test_a_source_that_stays_quiet_is_written_once_a_minute(states: States, store: SqlStore) -> None:
    written = set()
    for second in range(0, 120, 2):
        now = NOW + second * SECOND
        states.note(polled(AGENCY, now), now)
        states.write_in_time(now)
        written.add(store.source("agency").last_polled)
    assert len(written) == 3  # as remembered, and two minutes


def test_a_note_never_comes_after_what_was_remembered_since(states: States, store: SqlStore) -> None:
    states.note(polled(AGENCY, NOW + SECOND), NOW + SECOND)
    changed = replace(polled(AGENCY, NOW + 2 * SECOND), articles=1)
    states.remember(changed, [], NOW + 2 * SECOND, None)
    states.write(NOW + 3 * SECOND)
    assert store.source("agency") == changed


def test_a_source_that_is_another_s_now_is_read_again_and_not_written(states: States, store: SqlStore) -> None:
    states.note(polled(AGENCY, NOW + SECOND), NOW + SECOND)
    states.forget(["agency"])
    states.note(polled(AGENCY, NOW + 2 * SECOND), NOW + 2 * SECOND)  # by a poll that was under way
    theirs = replace(AGENCY, articles=7)
    store.remember(theirs, [])
    states.write(NOW + 3 * SECOND)
    assert (states.of("agency"), store.source("agency")) == (theirs, theirs)


def test_a_clock_that_was_ahead_keeps_nothing_from_being_written(states: States, store: SqlStore) -> None:
    states.write(NOW + 365 * 24 * 60 * MINUTE)
    states.note(polled(AGENCY, NOW + SECOND), NOW + SECOND)
    assert store.source("agency").last_polled == NOW + SECOND


def test_many_threads_note_and_remember_and_what_each_remembered_last_is_kept(states: States, store: SqlStore) -> None:
    def work(name: str) -> None:
        for number in range(30):
            now = NOW + number * MINUTE
            state = replace(polled(states.of(name), now), articles=number)
            states.remember(state, [], now, None) if number % 3 == 2 else states.note(state, now)

    names = [f"source-{number}" for number in range(8)]
    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states.write(NOW + 60 * MINUTE)
    assert [store.source(name).articles for name in names] == [29] * len(names)
