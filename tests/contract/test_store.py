"""What every store promises, over each implementation, and what only an embedded one can be asked.

A new implementation is one line in ``address``; the tests below the last rule are about the file of the embedded one.
"""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.exc import StatementError

from monitor.errors import Unavailable
from monitor.model import Ack, Article, Match, Matcher, Message, Reason, Severity
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.ports import (
    Backlog,
    Claim,
    Decided,
    Decision,
    Doubt,
    Handover,
    Member,
    Owed,
    Routed,
    Ruling,
    Settlement,
    Sighting,
    Silence,
    SourceState,
    SourceStore,
    Standing,
    Store,
    Story,
    Telling,
    ToTell,
    Trace,
    Verdict,
    Waiting,
)
from monitor.store import SqlStore, open_store
from monitor.store.schema import REVISION, matches, metadata, sources, story_keys, story_members
from monitor.stories.clustering import Clustering
from monitor.stories.relating import WINDOW
from monitor.stories.signing import sign_matches
from tests.samples import (
    NOW,
    Ledger,
    a_letter,
    a_match,
    a_message,
    after,
    alert_settings,
    an_event,
    an_old_store,
    watchlist,
)
from tests.simulation.remembering import DictionaryStore

LEASE = timedelta(minutes=2)
SETTINGS = alert_settings()


@pytest.fixture(params=["sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"sqlite": f"sqlite:{tmp_path / 'var' / 'state.db'}"}[request.param]


@pytest.fixture
def store(address: str) -> Iterator[SqlStore]:
    with open_store(address) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "dictionary"])
def polled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceStore]:
    """What the poller remembers, for real and as the simulations remember it."""
    if request.param == "dictionary":
        yield DictionaryStore()
        return
    with open_store(f"{request.param}:{tmp_path / 'var' / 'state.db'}") as opened:
        yield opened


def told_in(story: str) -> Callable[[Sequence[Member]], str]:
    """Put an article into this story, whatever it might belong to."""
    return lambda _: story


def opens(story: Story) -> Ruling:
    return Ruling(reason=Reason.TOLD, alert=f"alert-{story.id}", tell=(ToTell(Routed("desk")),))


def copies(story: Story) -> Ruling:
    return Ruling(reason=Reason.COPY, alert=f"alert-{story.id}")


def standing(alert: str, **changes: Any) -> Standing:  # noqa: ANN401 - the record's own fields
    """Say what is known of an alert that one match of `a_match` opened, for the desk."""
    plain = Standing(id=alert, begun=NOW, created=NOW, sources=frozenset({"agency"}), aware=frozenset({"desk"}))
    return replace(plain, **changes)


def owe(store: Store, alert: str, *causes: str, destination: str = "desk@example.org") -> None:
    """Owe one message a cause about an alert, in this order."""
    owed = [
        Owed(receiver="desk", channel="email", destination=destination, cause=cause, about=alert, alerts=(alert,))
        for cause in causes
    ]
    store.decide(lambda _: Decision(notifications=tuple(owed)), NOW)


def claim(store: Store, now: datetime = NOW, worker: str = "one") -> Claim | None:
    return store.claim(worker, now, LEASE)


def sent(store: Store, now: datetime = NOW) -> list[tuple[str, str]]:
    """Send all that may be sent now; return what it was about and its cause, in order."""
    done = []
    while taken := claim(store, now):
        assert store.settle(taken, Settlement(state="sent", at=now))
        done.append((taken.notification.alerts[0].id, taken.notification.cause))
    return done


# --- Sources ---------------------------------------------------------------------------------------------------------


def sighting(key: str, **changes: Any) -> Sighting:  # noqa: ANN401 - the record's own fields
    plain = Sighting(
        source="agency", key=key, article=f"article-{key}", content_hash="v1", revision=1, first_seen=NOW, listed=NOW
    )
    return replace(plain, **changes)


POLLED = SourceState(
    id="agency",
    state="failing",
    next_due=after(minutes=5),
    first_polled=after(days=-3),
    last_polled=NOW,
    last_success=after(hours=-1),
    last_new=after(hours=-2),
    errors=3,
    error="503",
    articles=12,
    etag='W/"x"',
    last_modified="Fri, 20 Nov 2026 09:00:00 GMT",
    body_hash="b1",
)


def test_a_source_that_was_never_polled_is_new(polled: SourceStore) -> None:
    assert polled.source("agency") == SourceState(id="agency")
    assert polled.sources() == []


def test_the_state_of_a_source_is_what_its_last_poll_left(polled: SourceStore) -> None:
    polled.remember(SourceState(id="agency", state="ok"), [], NOW)
    polled.remember(POLLED, [], NOW)
    polled.remember(SourceState(id="aaa", state="empty"), [], NOW)
    assert polled.source("agency") == POLLED
    assert [source.id for source in polled.sources()] == ["aaa", "agency"]


def test_states_are_noted_together_and_what_their_sources_listed_stays(polled: SourceStore) -> None:
    polled.remember(POLLED, [sighting("k1")], NOW)
    quiet = [replace(POLLED, last_polled=after(minutes=5)), SourceState(id="other", state="unchanged")]
    polled.note(quiet)
    polled.note([])
    assert polled.sources() == quiet
    assert set(polled.sightings("agency")) == {"k1"}


def test_a_sighting_replaces_the_one_of_the_same_key(polled: SourceStore) -> None:
    polled.remember(POLLED, [sighting("k1"), sighting("k2")], after(days=-30))
    changed = sighting("k1", content_hash="v2", revision=2, listed=after(minutes=5))
    polled.remember(POLLED, [changed], after(days=-30))
    assert polled.sightings("agency") == {"k1": changed, "k2": sighting("k2")}


def test_what_a_source_stopped_listing_is_forgotten_and_no_other_source_s(polled: SourceStore) -> None:
    stale = after(days=-31)
    polled.remember(SourceState(id="other"), [sighting("k1", source="other", listed=stale)], stale)
    polled.remember(POLLED, [sighting("k1", listed=stale), sighting("k2")], after(days=-30))
    assert set(polled.sightings("agency")) == {"k2"}
    assert set(polled.sightings("other")) == {"k1"}


def test_versions_are_found_in_every_source_oldest_first(polled: SourceStore) -> None:
    first, second = sighting("k", article="a"), sighting("k", source="other", article="a", first_seen=after(hours=1))
    polled.remember(SourceState(id="other"), [second], NOW)
    polled.remember(POLLED, [first, sighting("z")], NOW)
    assert polled.versions(["a", "unknown"]) == {"a": [first, second]}


def test_echoes_are_what_a_source_listed_with_these_words_or_this_headline(polled: SourceStore) -> None:
    words, title = sighting("k1", content_hash="w"), sighting("k2", title="t")
    theirs = sighting("k3", source="other", content_hash="w", title="t")
    polled.remember(SourceState(id="other"), [theirs], NOW)
    polled.remember(POLLED, [words, title, sighting("k4")], NOW)
    assert polled.echoes("agency", ["w"], ["t"]) == {"k1": words, "k2": title}
    polled.remember(POLLED, [replace(words, content_hash="x")], NOW)
    assert polled.echoes("agency", ["w"], ["t"]) == {"k2": title}


def test_versions_may_be_asked_for_by_the_thousands(store: Store) -> None:
    store.remember(POLLED, [sighting(str(number)) for number in range(2_500)], NOW)
    assert len(store.versions([f"article-{number}" for number in range(40_000)])) == 2_500


# --- Recording -------------------------------------------------------------------------------------------------------


def test_a_match_is_recorded_once_however_often_it_comes(store: Store) -> None:
    assert store.record(a_match(), told_in("s1"), opens, NOW) == opens(Story(id="s1"))
    assert store.record(a_match(score=100), told_in("s1"), opens, after(hours=1)) is None
    (report,) = store.alerts()
    assert (report.alert.matches, report.alert.created, report.alert.score) == ((a_match(),), NOW, 95)


def test_a_story_s_alert_is_known_to_the_judge_of_its_next_match(store: Store) -> None:
    heard: list[Story] = []

    def judge(story: Story) -> Ruling:
        heard.append(story)
        return Ruling(reason=Reason.COPY, alert=story.alert.id) if story.alert else opens(story)

    for version, score in (("v1", 75), ("v2", 95), ("v3", 85)):
        store.record(a_match(version=version, score=score), told_in("s1"), judge, NOW)
    known = Story(id="s1", alert=standing("alert-s1"))
    assert heard == [Story(id="s1"), known, known]
    (report,) = store.alerts()
    assert [match.article.content_hash for match in report.alert.matches] == ["v1", "v2", "v3"]
    assert report.alert.score == 95, "an alert is as sure as its best match"


def test_a_match_that_is_held_back_is_kept_without_an_alert(store: Store) -> None:
    store.record(a_match(), told_in("s1"), lambda _: Ruling(reason=Reason.BASELINE), NOW)
    assert store.standing() == 0
    assert store.record(a_match(), told_in("s1"), opens, NOW) is None


def test_an_exception_in_the_middle_leaves_nothing_behind(store: Store) -> None:
    def judge(_: Story) -> Ruling:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.record(a_match(), told_in("s1"), judge, NOW)
    assert store.record(a_match(), told_in("s1"), opens, NOW) is not None


def test_writers_at_the_same_time_record_each_match_once(store: Store) -> None:
    matches = [a_match(f"a{number}", on=watchlist(f"w{number % 3}")) for number in range(12)]
    ready = threading.Barrier(6)

    def work(_: int) -> int:
        ready.wait()
        return sum(bool(store.record(match, told_in(f"s-{match.article.id}"), opens, NOW)) for match in matches)

    with ThreadPoolExecutor(6) as workers:
        assert sum(workers.map(work, range(6))) == len(matches)
    assert store.standing() == len(matches)


def test_workers_at_the_same_time_claim_each_notification_once(store: Store) -> None:
    for number in range(8):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
        owe(store, f"alert-s{number}", "first")
    ready = threading.Barrier(4)

    def work(worker: int) -> list[str]:
        ready.wait()
        taken = []
        while got := claim(store, worker=f"worker {worker}"):
            taken.append(got.notification.id)
        return taken

    with ThreadPoolExecutor(4) as workers:
        taken = [identity for ids in workers.map(work, range(4)) for identity in ids]
    assert len(taken) == len(set(taken)) == 8


# --- Whom to tell ----------------------------------------------------------------------------------------------------


def waiting_at(store: Store, now: datetime, *, everything: bool = False, **look_back: float) -> Waiting:
    """Look at what the judge is given, and decide nothing."""
    seen: list[Waiting] = []

    def judge(waiting: Waiting) -> Decision:
        seen.append(waiting)
        return Decision()

    store.decide(judge, now, everything=everything, look_back=timedelta(**look_back))
    return seen[0]


def alerts_at(store: Store, now: datetime) -> list[str]:
    return [telling.alert.id for telling in waiting_at(store, now).tellings]


def verdict(telling: Telling, reason: Reason = Reason.TOLD, **more: Any) -> Verdict:  # noqa: ANN401 - the record's own fields
    plain = Verdict(
        telling=telling.id, alert=telling.alert.id, receiver=telling.receiver, cause=telling.cause, reason=reason
    )
    return replace(plain, **more)


def settle_all(store: Store, now: datetime, reason: Reason = Reason.TOLD, **more: Any) -> None:  # noqa: ANN401 - the record's own fields
    """Say the same of all that is to be looked at."""
    store.decide(
        lambda waiting: Decision(verdicts=tuple(verdict(one, reason, **more) for one in waiting.tellings)), now
    )


def gathers(seconds: int, key: str = "tartus") -> Callable[[Story], Ruling]:
    return lambda story: replace(opens(story), tell=(ToTell(Routed("desk", timedelta(seconds=seconds), key)),))


def test_who_is_to_be_told_waits_in_the_order_in_which_it_came(store: Store) -> None:
    for number in range(3):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
    assert alerts_at(store, NOW) == ["alert-s0", "alert-s1", "alert-s2"]
    first = waiting_at(store, NOW).tellings[0]
    assert (first.receiver, first.cause, first.since, first.opened, first.closes) == ("desk", "first", NOW, NOW, None)
    assert (first.held, first.until) == (None, None)
    assert first.alert.matches == (a_match("a0"),)


def test_each_receiver_and_each_cause_is_told_for_itself(store: Store) -> None:
    def judge(story: Story) -> Ruling:
        both = product((Routed("desk"), Routed("night")), ("first", "term:ميناء"))
        return replace(opens(story), tell=tuple(ToTell(target, cause) for target, cause in both))

    store.record(a_match(), told_in("s1"), judge, NOW)
    told = [(telling.receiver, telling.cause) for telling in waiting_at(store, NOW).tellings]
    assert told == [("desk", "first"), ("desk", "term:ميناء"), ("night", "first"), ("night", "term:ميناء")]


def test_alerts_of_one_key_gather_for_a_receiver_from_the_first_one_on(store: Store) -> None:
    store.record(a_match("a0"), told_in("s0"), gathers(30), NOW)
    store.record(a_match("a1"), told_in("s1"), gathers(30), after(seconds=20))
    store.record(a_match("a2"), told_in("s2"), gathers(30, "other"), after(seconds=25))
    store.record(a_match("a3"), told_in("s3"), gathers(30), after(seconds=31))
    closes = [telling.closes for telling in waiting_at(store, after(seconds=31)).tellings]
    assert closes == [after(seconds=30), after(seconds=30), after(seconds=55), after(seconds=61)]


def test_nothing_gathers_for_longer_than_its_own_route_says(store: Store) -> None:
    store.record(a_match("a0"), told_in("s0"), gathers(300), NOW)
    store.record(a_match("a1"), told_in("s1"), gathers(30), NOW)
    assert [one.closes for one in waiting_at(store, NOW).tellings] == [after(seconds=300), after(seconds=30)]


def test_what_is_held_back_is_looked_at_again_when_its_time_comes(store: Store) -> None:
    for number in range(2):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, after(hours=number))
    settle_all(store, NOW, Reason.QUIET_HOURS, until=after(hours=8))
    assert alerts_at(store, after(hours=1)) == ["alert-s1"]
    assert waiting_at(store, after(hours=1)).following == after(hours=8)
    assert len(waiting_at(store, after(hours=1), everything=True).tellings) == 2
    held = waiting_at(store, after(hours=8)).tellings[0]
    assert (held.held, held.until) == (Reason.QUIET_HOURS, after(hours=8))


def test_what_has_ended_is_not_seen_again(store: Store) -> None:
    store.record(a_match("a0"), told_in("s0"), opens, NOW)
    settle_all(store, NOW, message="m1")
    assert waiting_at(store, after(days=1), everything=True) == Waiting()


def test_messages_are_counted_once_each_as_far_back_as_asked_for(store: Store) -> None:
    for number in range(3):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
    settle_all(store, NOW, message="one for all three")
    store.record(a_match("a3"), told_in("s3"), opens, after(minutes=9))
    settle_all(store, after(minutes=9), message="another")
    store.record(a_match("a4"), told_in("s4"), opens, after(minutes=9))
    settle_all(store, after(minutes=9), Reason.SILENCED, silence=1)
    sent = (NOW, after(minutes=9))
    assert waiting_at(store, after(minutes=10), hours=1).messages == {"desk": sent}
    assert waiting_at(store, after(minutes=10), minutes=5).messages == {"desk": sent[1:]}
    assert waiting_at(store, after(minutes=10)).messages == {}


def test_times_of_digests_are_remembered(store: Store) -> None:
    for at in (NOW, after(minutes=5)):
        decision = Decision(digests={"desk": at})
        store.decide(lambda _, decision=decision: decision, NOW)  # type: ignore[misc]
    assert waiting_at(store, NOW).digests == {"desk": after(minutes=5)}


def test_sources_that_cannot_be_seen_are_known(store: Store) -> None:
    for name, state in (("a", "failing"), ("b", "blocked"), ("c", "gone"), ("d", "ok"), ("e", "unchanged")):
        store.remember(SourceState(id=name, state=state), [], NOW)
    store.remember(SourceState(id="f", state="ok", silent_since=NOW), [], NOW)
    assert waiting_at(store, NOW).blind == ("a", "b", "c", "f")


def test_what_is_decided_twice_is_owed_once(store: Store) -> None:
    store.record(a_match(), told_in("s1"), opens, NOW)
    owe(store, "alert-s1", "first")
    owe(store, "alert-s1", "first")
    assert sent(store) == [("alert-s1", "first")]
    owe(store, "alert-s1", "first")
    assert sent(store) == []


# --- Silences and snoozes --------------------------------------------------------------------------------------------

MATCHER = Matcher(watchlist=("tartus",), severity=(Severity.LOW, Severity.HIGH), labels={"desk": ("levant",)})
SILENCE = Silence(
    matcher=MATCHER, saying="الأسد سيسيل", author="layla", comment="a lion", created=NOW, expires=after(hours=4)
)


def test_a_silence_is_kept_as_it_was_made(store: Store) -> None:
    number = store.silence(SILENCE)
    assert store.silences() == [replace(SILENCE, id=number)]
    assert store.silence(SILENCE) != number


def test_a_silence_is_known_to_who_judges_while_it_stands(store: Store) -> None:
    number = store.silence(SILENCE)
    heard: list[tuple[Silence, ...]] = []

    def judge(story: Story) -> Ruling:
        heard.append(story.silences)
        return opens(story)

    store.record(a_match("a1"), told_in("s1"), judge, after(hours=1))
    store.record(a_match("a2"), told_in("s2"), judge, after(hours=4))
    assert heard == [(replace(SILENCE, id=number),), ()]
    assert waiting_at(store, after(hours=9)).silences == (replace(SILENCE, id=number),), "it stood when a1 came up"


def test_a_silence_may_be_ended_before_its_time_and_says_by_whom(store: Store) -> None:
    number = store.silence(SILENCE)
    assert store.expire(number, "omar", after(hours=1))
    assert not store.expire(number, "omar", after(hours=2))
    assert not store.expire(99, "omar", after(hours=2))
    assert store.silences() == [replace(SILENCE, id=number, expires=after(hours=1), expired_by="omar")]


def test_a_silence_counts_each_alert_that_it_hid_once(store: Store) -> None:
    number = store.silence(SILENCE)
    both = (ToTell(Routed("desk")), ToTell(Routed("night")))
    for article in ("a1", "a2"):
        store.record(a_match(article), told_in(article), lambda story: replace(opens(story), tell=both), NOW)
    settle_all(store, NOW, Reason.SILENCED, silence=number)
    assert [silence.hidden for silence in store.silences()] == [2]


def test_whom_a_silence_kept_from_a_story_is_known_and_may_be_told_after_all(store: Store) -> None:
    number = store.silence(SILENCE)
    store.record(a_match(), told_in("s1"), opens, NOW)
    settle_all(store, NOW, Reason.SILENCED, silence=number)
    heard: list[Story] = []

    def judge(story: Story) -> Ruling:
        heard.append(story)
        return replace(opens(story), alert="alert-s1")

    store.record(a_match(version="v2"), told_in("s1"), judge, after(hours=5))
    assert heard[0].alert
    assert (heard[0].alert.hidden, heard[0].alert.aware) == ({"desk": replace(SILENCE, id=number)}, frozenset())
    (again,) = waiting_at(store, after(hours=5)).tellings
    assert (again.opened, again.held, len(again.alert.matches)) == (after(hours=5), None, 2)


def test_who_was_told_or_waits_is_not_told_anew(store: Store) -> None:
    def judge(story: Story) -> Ruling:
        return replace(opens(story), alert="alert-s1")

    for version in ("v1", "v2"):
        store.record(a_match(version=version), told_in("s1"), judge, NOW)
    assert len(waiting_at(store, NOW).tellings) == 1
    settle_all(store, NOW)
    store.record(a_match(version="v3"), told_in("s1"), judge, NOW)
    assert waiting_at(store, NOW).tellings == ()


def test_a_snoozed_alert_is_looked_at_at_once_and_known_to_be_snoozed(store: Store) -> None:
    store.record(a_match(), told_in("s1"), opens, NOW)
    settle_all(store, NOW, Reason.QUIET_HOURS, until=after(hours=8))
    assert store.snooze("alert-s1", after(hours=9), after(hours=1))
    assert not store.snooze("alert-s2", after(hours=9), after(hours=1))
    (telling,) = waiting_at(store, after(hours=1)).tellings
    assert telling.snoozed_until == after(hours=9)
    heard: list[Story] = []
    store.record(a_match(version="v2"), told_in("s1"), lambda story: heard.append(story) or opens(story), NOW)  # type: ignore[func-returns-value]  # it says nothing
    assert heard[0].alert
    assert heard[0].alert.snoozed_until == after(hours=9)


def test_who_acks_an_alert_is_kept_until_another_does(store: Store) -> None:
    store.record(a_match(), told_in("s1"), opens, NOW)
    assert not store.ack("alert-s2", Ack(by="layla", at=NOW))
    for ack in (Ack(by="layla", at=NOW, comment="calling the port"), Ack(by="omar", at=after(hours=1))):
        assert store.ack("alert-s1", ack)
        (report,) = store.alerts()
        assert (report.alert.state, report.alert.acked) == ("acked", ack)
    assert store.standing() == 1


def test_a_closed_alert_is_acked_no_more_and_keeps_who_did(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    alert = recorder.record_event(an_event(NOW), NOW) or ""
    assert store.ack(alert, Ack(by="layla", at=NOW))
    recorder.record_event(an_event(after(minutes=5), cleared=True), after(minutes=5))
    assert not store.ack(alert, Ack(by="omar", at=after(hours=1)))
    (report,) = store.alerts()
    assert (report.alert.state, report.alert.acked) == ("closed", Ack(by="layla", at=NOW))


# --- To hand over ----------------------------------------------------------------------------------------------------


def test_the_hand_over_holds_what_was_told_what_is_held_back_and_what_is_blind(store: Store) -> None:
    store.silence(SILENCE)
    for number in range(4):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
        owe(store, f"alert-s{number}", "first")
    tellings = waiting_at(store, NOW).tellings
    verdicts = (
        verdict(tellings[0], message="m"),
        verdict(tellings[1], Reason.SILENCED, silence=1),
        verdict(tellings[2], Reason.QUIET_HOURS, until=after(hours=8)),
        verdict(tellings[3], Reason.SILENCED, silence=1),
    )
    store.decide(lambda _: Decision(verdicts=verdicts), NOW)
    store.record(a_match("a9"), told_in("s9"), lambda _: Ruling(reason=Reason.SHADOW), NOW)
    raised = Recorder(store, SETTINGS).record_event(an_event(after(hours=-1)), NOW)
    handed = store.handover(after(hours=-1))
    assert [(alert.id, told.state) for alert, told in handed.told] == [(f"alert-s{n}", "pending") for n in range(4)]
    held = [(one.alert.id, one.reason, one.until, one.silence) for one in handed.held if one.alert.id != raised]
    assert held == [
        ("alert-s1", Reason.SILENCED, None, 1),
        ("alert-s2", Reason.QUIET_HOURS, after(hours=8), None),
        ("alert-s3", Reason.SILENCED, None, 1),
    ]
    assert handed.unalerted == {("tartus", Reason.SHADOW): 1}
    assert [(one.source, one.rule, one.begun, one.ended) for one in handed.blind] == [
        ("agency", "source failing", after(hours=-1), None)
    ]


def test_what_was_over_before_is_not_handed_over(store: Store) -> None:
    store.record(a_match(), told_in("s1"), opens, NOW)
    owe(store, "alert-s1", "first")
    sent(store)
    settle_all(store, NOW, Reason.SILENCED, silence=1)
    recorder = Recorder(store, SETTINGS)
    recorder.record_event(an_event(NOW), NOW)
    recorder.record_event(an_event(after(minutes=5), cleared=True), after(minutes=5))
    settle_all(store, after(minutes=5))
    assert store.handover(after(minutes=6)) == Handover()
    assert [one.ended for one in store.handover(after(minutes=5)).blind] == [after(minutes=5)]


# --- Claims ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def owing(store: SqlStore) -> SqlStore:
    """Owe two messages about one alert to one destination, and one about another alert."""
    for story in ("s1", "s2"):
        store.record(a_match(story), told_in(story), opens, NOW)
    owe(store, "alert-s1", "first", "growth:5")
    owe(store, "alert-s2", "first")
    return store


def taken(got: Claim | None) -> tuple[str, str]:
    assert got is not None
    return got.notification.alerts[0].id, got.notification.cause


def test_the_oldest_goes_first_and_what_is_behind_it_waits_but_nothing_else(owing: Store) -> None:
    assert taken(claim(owing)) == ("alert-s1", "first")
    assert taken(claim(owing)) == ("alert-s2", "first")
    assert claim(owing) is None


def test_order_is_kept_while_the_older_one_is_postponed_and_free_when_it_failed(owing: Store) -> None:
    older = claim(owing)
    assert older is not None
    owing.settle(older, Settlement(state="pending", at=NOW, not_before=after(seconds=5), error="451"))
    assert taken(claim(owing)) == ("alert-s2", "first")
    assert claim(owing, after(seconds=4)) is None
    again = claim(owing, after(seconds=5))
    assert again is not None
    assert (taken(again), again.attempts) == (("alert-s1", "first"), 2)
    owing.settle(again, Settlement(state="failed", at=NOW, error="550"))
    assert taken(claim(owing)) == ("alert-s1", "growth:5")


def owe_together(store: Store, about: str, *alerts: str, destination: str = "desk@example.org") -> None:
    """Owe one message that tells several alerts, or none."""
    cause = f"group:{about}"
    owed = Owed(receiver="desk", channel="email", destination=destination, cause=cause, about=about, alerts=alerts)
    store.decide(lambda _: Decision(notifications=(owed,)), NOW)


def causes(store: Store, now: datetime = NOW) -> list[str]:
    """Claim all that may be sent now, and leave it in hand; return its causes, in order."""
    found = []
    while got := claim(store, now):
        found.append(got.notification.cause)
    return found


@pytest.fixture
def three(store: SqlStore) -> SqlStore:
    """Three alerts, of which nothing is owed."""
    for story in ("s1", "s2", "s3"):
        store.record(a_match(story), told_in(story), opens, NOW)
    return store


def test_what_tells_an_alert_waits_for_an_unsent_group_that_holds_it(three: Store) -> None:
    owe_together(three, "g1", "alert-s1", "alert-s2")
    owe(three, "alert-s2", "growth:5")
    owe(three, "alert-s3", "first")
    assert causes(three) == ["group:g1", "first"]


def test_a_group_waits_for_an_unsent_message_about_any_of_its_alerts(three: Store) -> None:
    owe(three, "alert-s2", "first")
    owe_together(three, "g1", "alert-s1", "alert-s2")
    owe_together(three, "g2", "alert-s1", "alert-s3")
    assert causes(three) == ["first"], "the second group waits for the first, though not for what that waits for"
    three.release_claims()
    assert sent(three) == [("alert-s2", "first"), ("alert-s1", "group:g1"), ("alert-s1", "group:g2")]


def test_a_group_that_holds_it_elsewhere_does_not_hold_a_message_up(three: Store) -> None:
    owe_together(three, "g1", "alert-s1", "alert-s2", destination="night@example.org")
    owe_together(three, "nothing found")
    owe_together(three, "nothing found again")
    owe(three, "alert-s2", "growth:5")
    assert causes(three) == ["group:g1", "group:nothing found", "group:nothing found again", "growth:5"]


def test_who_asks_for_a_channel_gets_nothing_of_another(owing: Store) -> None:
    assert owing.claim("one", NOW, LEASE, "slack") is None
    got = owing.claim("one", NOW, LEASE, "email")
    assert taken(got) == ("alert-s1", "first")
    assert owing.claim("one", after(minutes=2), LEASE, "slack") is None, "nor of what ran out"


def test_another_destination_does_not_wait(owing: Store) -> None:
    owe(owing, "alert-s1", "growth:5", destination="night@example.org")
    claims = [claim(owing) for _ in range(3)]
    assert [got and got.notification.destination for got in claims].count("night@example.org") == 1


def test_a_claim_that_ran_out_is_claimable_again_and_its_late_result_is_ignored(owing: Store) -> None:
    slow = claim(owing, worker="slow")
    assert slow is not None
    assert taken(claim(owing, after(minutes=1), "other")) == ("alert-s2", "first")
    quick = owing.claim("quick", after(minutes=2), LEASE)
    assert quick is not None
    assert quick.notification == slow.notification
    assert not owing.settle(slow, Settlement(state="failed", at=after(minutes=3), error="too late"))
    assert owing.settle(quick, Settlement(state="sent", at=after(minutes=3)))
    assert not owing.settle(quick, Settlement(state="sent", at=after(minutes=3))), "settled is settled"


def test_a_claim_that_ran_out_but_went_to_nobody_is_still_its_worker_s(owing: Store) -> None:
    slow = claim(owing)
    assert slow is not None
    assert owing.settle(slow, Settlement(state="sent", at=after(hours=1)))


def test_a_worker_s_second_claim_is_not_mistaken_for_its_first(owing: Store) -> None:
    first = claim(owing)
    assert first is not None
    second = claim(owing, after(minutes=2))
    assert second is not None
    assert not owing.settle(first, Settlement(state="failed", at=after(minutes=2), error="stale"))
    assert owing.settle(second, Settlement(state="sent", at=after(minutes=2)))


def test_claims_of_the_dead_are_given_back_by_who_knows_that_they_are_dead(owing: Store) -> None:
    dead = claim(owing, worker="the dead")
    assert dead is not None
    assert owing.release_claims() == 1
    assert taken(claim(owing, worker="the living")) == taken(dead)
    assert not owing.settle(dead, Settlement(state="sent", at=NOW)), "the same instant, but another worker's now"


def test_a_claim_carries_the_alerts_with_all_their_matches(store: Store) -> None:
    store.record(a_match("a1", score=75), told_in("s1"), opens, NOW)
    store.record(a_match("a1", "v2"), told_in("s1"), copies, NOW)
    owe(store, "alert-s1", "first")
    got = claim(store)
    assert got is not None
    (alert,) = got.notification.alerts
    assert alert.matches == (a_match("a1", score=75), a_match("a1", "v2"))
    assert (alert.kind, alert.watchlist, alert.score, alert.state) == ("watchlist", "tartus", 95, "open")


def test_what_failed_says_since_when_until_it_arrives_or_is_owed_anew(owing: Store) -> None:
    first = claim(owing)
    assert first is not None
    assert first.failing_since is None
    for minute in (1, 2):
        owing.settle(first, Settlement(state="pending", at=after(minutes=minute), error="451"))
        again = claim(owing, after(minutes=minute))
        assert again is not None
        assert again.failing_since == after(minutes=1)
        first = again
    owing.settle(first, Settlement(state="failed", at=after(minutes=3), error="550"))
    owing.resend(after(minutes=4))
    anew = claim(owing, after(minutes=4))
    assert anew is not None
    assert (taken(anew), anew.failing_since) == (("alert-s1", "first"), None)


def test_a_claim_says_when_the_oldest_that_fails_at_its_destination_is_tried_again(owing: Store) -> None:
    owe(owing, "alert-s2", "first", destination="night@example.org")
    for minute in (1, 2):
        got = claim(owing)
        assert got is not None
        assert got.oldest_at == (after(minutes=1) if minute == 2 else None)
        owing.settle(got, Settlement(state="pending", at=NOW, not_before=after(minutes=minute), error="451"))
    elsewhere = claim(owing)
    assert elsewhere is not None
    assert elsewhere.oldest_at is None


def test_what_was_postponed_at_a_destination_may_be_hastened(owing: Store) -> None:
    owe(owing, "alert-s1", "first", destination="night@example.org")
    for _ in range(3):
        got = claim(owing)
        assert got is not None
        owing.settle(got, Settlement(state="pending", at=NOW, not_before=after(hours=1), error="451"))
    assert owing.hasten("slack", "desk@example.org", NOW) == 0
    assert owing.hasten("email", "desk@example.org", NOW) == 2
    assert [one[0] for one in sent(owing)] == ["alert-s1", "alert-s1", "alert-s2"]
    assert owing.backlog().next_due == after(hours=1)


# --- Where it stands -------------------------------------------------------------------------------------------------


def arrive(store: Store, receipt: str | None, now: datetime = NOW) -> Claim:
    """Send the oldest that is owed."""
    got = claim(store, now)
    assert got is not None
    assert store.settle(got, Settlement(state="sent", at=now, receipt=receipt))
    return got


def test_what_follows_answers_the_first_message_about_its_alert(three: Store) -> None:
    owe(three, "alert-s1", "first", "growth:5", "term:x")
    assert [arrive(three, receipt).thread for receipt in ("A 1", "A 2", None)] == [None, "A 1", "A 1"]
    owe(three, "alert-s1", "first", destination="night@example.org")
    owe(three, "alert-s2", "first")
    assert [arrive(three, "A 3").thread for _ in range(2)] == [None, None]


def test_what_follows_a_group_answers_the_group_and_a_group_answers_nothing(three: Store) -> None:
    owe_together(three, "g1", "alert-s1", "alert-s2")
    owe(three, "alert-s2", "growth:5")
    owe_together(three, "g2", "alert-s1", "alert-s2")
    assert [arrive(three, receipt).thread for receipt in ("A 1", "A 2", "A 3")] == [None, "A 1", None]


def test_doubt_is_remembered_from_the_first_attempt_on_with_a_place_near_by(three: Store) -> None:
    owe(three, "alert-s2", "first")
    arrive(three, "C1 5")
    owe(three, "alert-s1", "first")
    sure = claim(three)
    assert sure is not None
    assert sure.doubt is None
    three.settle(sure, Settlement(state="pending", at=NOW, not_before=after(seconds=5), error="451"))
    lost = claim(three, after(seconds=9))
    assert lost is not None
    assert lost.doubt is None
    three.settle(lost, Settlement(state="pending", at=NOW, not_before=after(hours=1), error="lost", doubtful=True))
    again = claim(three, after(hours=1))
    assert again is not None
    assert again.doubt == Doubt(since=after(seconds=5), near="C1 5")
    three.settle(again, Settlement(state="failed", at=after(hours=1), error="refused"))
    three.resend(after(days=1))
    anew = claim(three, after(days=1))
    assert anew is not None
    assert anew.doubt == again.doubt


@pytest.mark.parametrize("by", ["a restart", "time"])
def test_a_claim_that_its_worker_left_is_in_doubt(owing: Store, by: str) -> None:
    claim(owing)
    if by == "a restart":
        owing.release_claims()
    again = claim(owing, after(minutes=2))
    assert again is not None
    assert again.doubt == Doubt(since=NOW)


# --- Put right -------------------------------------------------------------------------------------------------------


def joins(store: Store, version: str, now: datetime) -> None:
    """Let another version of an article join the first alert."""
    store.record(a_match("s1", version), told_in("s1"), copies, now)


def refreshable(store: Store, now: datetime) -> list[str]:
    """Take all that is to be put right now, and leave it in hand."""
    found = []
    while got := store.claim_refresh("email", now, LEASE):
        found.append(got.receipt)
    return found


def test_a_message_is_to_be_put_right_once_half_a_minute_after_its_alert_changed(three: Store) -> None:
    owe(three, "alert-s1", "first")
    arrive(three, "A 1")
    for second in (0, 10, 20):
        joins(three, f"w{second}", after(seconds=second))
    assert refreshable(three, after(seconds=29)) == []
    assert three.claim_refresh("slack", after(seconds=30), LEASE) is None
    got = three.claim_refresh("email", after(seconds=30), LEASE)
    assert got is not None
    assert (got.receipt, got.since, len(got.notification.alerts[0].matches)) == ("A 1", NOW, 4)
    assert refreshable(three, after(seconds=31)) == []
    assert three.settle_refresh(got, after(seconds=32))
    assert refreshable(three, after(days=1)) == []


@pytest.mark.parametrize(
    ("cause", "receipt"),
    [pytest.param("growth:5", "A 1", id="a reply stays"), pytest.param("first", None, id="no receipt")],
)
def test_what_is_never_put_right(three: Store, cause: str, receipt: str | None) -> None:
    owe(three, "alert-s1", cause)
    arrive(three, receipt)
    joins(three, "v2", NOW)
    assert refreshable(three, after(days=1)) == []


def test_what_tells_several_alerts_is_never_put_right(three: Store) -> None:
    owe_together(three, "g1", "alert-s1", "alert-s2")
    arrive(three, "A 1")
    joins(three, "v2", NOW)
    assert refreshable(three, after(days=1)) == []


@pytest.mark.parametrize(("receipt", "found"), [("A 1", ["A 1"]), (None, [])])
def test_what_changes_while_a_message_is_on_its_way_is_put_right_afterwards(
    three: Store, receipt: str | None, found: list[str]
) -> None:
    owe(three, "alert-s1", "first")
    joins(three, "v2", NOW)
    got = claim(three)
    assert got is not None
    assert len(got.notification.alerts[0].matches) == 2, "what joined before is in it"
    joins(three, "v3", NOW)
    three.settle(got, Settlement(state="sent", at=NOW, receipt=receipt))
    assert refreshable(three, after(seconds=30)) == found


def test_what_changed_before_a_later_attempt_is_in_it(three: Store) -> None:
    owe(three, "alert-s1", "first")
    got = claim(three)
    assert got is not None
    joins(three, "v2", NOW)
    three.settle(got, Settlement(state="pending", at=NOW, error="451"))
    assert len(arrive(three, "A 1").notification.alerts[0].matches) == 2
    assert refreshable(three, after(days=1)) == []


def test_a_refresh_is_postponed_or_runs_out_and_a_late_result_is_ignored(three: Store) -> None:
    owe(three, "alert-s1", "first")
    arrive(three, "A 1")
    joins(three, "v2", NOW)
    slow = three.claim_refresh("email", after(minutes=1), LEASE)
    assert slow is not None
    assert three.claim_refresh("email", after(minutes=2), LEASE) is None
    quick = three.claim_refresh("email", after(minutes=3), LEASE)
    assert quick is not None
    assert not three.settle_refresh(slow, after(minutes=3))
    assert three.settle_refresh(quick, after(minutes=4), after(minutes=9))
    assert three.claim_refresh("email", after(minutes=8), LEASE) is None
    again = three.claim_refresh("email", after(minutes=9), LEASE)
    assert again is not None
    assert again.since == quick.since


# --- Backlog ---------------------------------------------------------------------------------------------------------


def test_the_backlog_counts_what_waits_and_what_failed_and_says_when_to_try_next(owing: Store) -> None:
    assert owing.backlog() == Backlog(waiting=3, failed=0, next_due=NOW)
    first, second = claim(owing), claim(owing)
    assert first is not None
    assert second is not None
    owing.settle(first, Settlement(state="pending", at=NOW, not_before=after(minutes=9)))
    owing.settle(second, Settlement(state="failed", at=NOW, error="550"))
    assert owing.backlog() == Backlog(waiting=2, failed=1, next_due=NOW)
    owing.release_claims()
    sent(owing, after(minutes=9))
    assert owing.backlog() == Backlog(waiting=0, failed=1, next_due=None)


def test_a_claimed_one_is_next_due_when_its_lease_ends(store: Store) -> None:
    store.record(a_match(), told_in("s1"), opens, NOW)
    owe(store, "alert-s1", "first")
    claim(store, after(minutes=1))
    assert store.backlog() == Backlog(waiting=1, failed=0, next_due=after(minutes=3))


def test_what_failed_may_be_sent_again_as_if_it_were_owed_anew(owing: Store) -> None:
    while got := claim(owing):
        owing.settle(got, Settlement(state="failed", at=NOW, error="550"))
    assert owing.resend(after(days=2), "alert-s2") == 1
    again = claim(owing, after(days=2))
    assert again is not None
    assert taken(again) == ("alert-s2", "first")
    assert (again.attempts, again.owed_since, again.notification.created) == (1, after(days=2), NOW)
    assert owing.resend(after(days=2)) == 2
    assert owing.resend(after(days=2)) == 0


# --- Alerts ----------------------------------------------------------------------------------------------------------


def test_alerts_are_told_newest_last_with_what_was_owed_for_each(owing: Store) -> None:
    got = claim(owing)
    assert got is not None
    owing.settle(got, Settlement(state="sent", at=after(seconds=3)))
    failing = claim(owing)
    assert failing is not None
    owing.settle(failing, Settlement(state="failed", at=NOW, error="550 no such user"))
    first, second = owing.alerts()
    assert [(report.alert.id, len(report.told)) for report in (first, second)] == [("alert-s1", 2), ("alert-s2", 1)]
    told = first.told[0]
    assert (told.receiver, told.channel, told.destination) == ("desk", "email", "desk@example.org")
    assert (told.cause, told.state, told.at) == ("first", "sent", after(seconds=3))
    assert (first.told[1].state, first.told[1].at, first.told[1].error) == ("failed", None, "550 no such user")


def test_alerts_that_nobody_has_taken_on_are_listed_alone(store: Store) -> None:
    for number in range(3):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
    store.ack("alert-s1", Ack(by="layla", at=NOW))
    assert [report.alert.id for report in store.alerts(unacked=True)] == ["alert-s0", "alert-s2"]


def test_alerts_are_found_by_how_their_ids_begin_the_newest_first(store: Store) -> None:
    for name in ("s1", "s10", "s_", "x"):
        store.record(a_match(name), told_in(name), opens, NOW)
    assert [alert.id for alert in store.alerts_called("alert-s", 2)] == ["alert-s_", "alert-s10"]
    assert [alert.id for alert in store.alerts_called("alert-s1", 9)] == ["alert-s1"], "it is called so itself"
    assert [alert.id for alert in store.alerts_called("alert-s_", 9)] == ["alert-s_"], "no wildcards"
    assert store.alerts_called("alert-y", 9) == ()
    assert store.alerts_called("alert-x", 9)[0].matches == (a_match("x"),)


# --- Traces ----------------------------------------------------------------------------------------------------------


def test_a_trace_holds_all_that_is_on_record_of_an_article(store: Store) -> None:
    listed = sighting("k1", article="a1")
    store.remember(POLLED, [listed, sighting("k2")])
    store.remember(SourceState(id="other", state="ok"), [])
    number = store.silence(SILENCE)
    letter = replace(a_letter(), topic="articles", key="a1")
    store.file_dead(letter)
    store.file_dead(a_letter(8))
    store.record(a_match(), told_in("s1"), opens, NOW)
    store.record(a_match("b1"), told_in("s1"), lambda _: Ruling(reason=Reason.COPY, alert="alert-s1"), NOW)
    settle_all(store, NOW, Reason.QUIET_HOURS, until=after(hours=8))
    settle_all(store, after(hours=8), Reason.SILENCED, silence=number)
    owe(store, "alert-s1", "growth:5")
    store.snooze("alert-s1", after(hours=9), NOW)

    trace = store.trace("a1", ["other"])
    assert (trace.articles, trace.sightings) == (("a1",), (listed,))
    assert trace.sources == {"agency": POLLED, "other": SourceState(id="other", state="ok")}
    assert trace.silences == {number: replace(SILENCE, id=number)}
    assert [filed.letter for filed in trace.dead] == [letter]
    (match,) = trace.matches
    assert (match.match, match.story, match.alert, match.reason) == (a_match(), "s1", "alert-s1", Reason.TOLD)
    assert match.decided == (Decided(at=NOW, reason=Reason.TOLD),)
    (alert,) = trace.alerts
    assert (alert.report.alert.id, alert.report.snoozed_until) == ("alert-s1", after(hours=9))
    assert [(told.cause, told.state, told.attempts, told.next_attempt) for told in alert.report.told] == [
        ("growth:5", "pending", 0, NOW)
    ]
    first = Decided(at=NOW, reason=Reason.QUIET_HOURS, receiver="desk", cause="first", until=after(hours=8))
    second = replace(first, at=after(hours=8), reason=Reason.SILENCED, until=None, silence=number)
    assert alert.decided == (first, second)
    (telling,) = alert.tellings
    assert (telling.reason, telling.silence, telling.ended) == (Reason.SILENCED, number, after(hours=8))


def test_a_trace_of_an_alert_has_all_its_articles_and_one_of_a_name_its_article(store: Store) -> None:
    store.remember(POLLED, [sighting("ship.txt", article="a1")])
    for article in ("a1", "b1"):
        store.record(a_match(article), told_in("s1"), opens, NOW)
    assert store.trace("alert-s1").articles == ("a1", "b1")
    assert store.trace("ship.txt") == store.trace("a1")
    raised = Recorder(store, SETTINGS).record_event(an_event(NOW), NOW) or ""
    trace = store.trace(raised)
    assert (trace.articles, [alert.report.alert.id for alert in trace.alerts]) == ((), [raised])


def test_of_the_unknown_only_the_sources_that_cannot_be_seen_are_known(store: Store) -> None:
    store.remember(POLLED, [sighting("k1")])
    store.file_dead(a_letter())
    assert store.trace("nothing") == Trace(sources={"agency": POLLED})


def test_a_long_list_of_alerts_is_whole_and_in_order(store: Store) -> None:
    one = a_match("x")
    for number in range(205):
        match = replace(one, article=replace(one.article, id=f"a{number}"))
        store.record(match, told_in(f"s{number}"), opens, NOW)
    assert [report.alert.id for report in store.alerts()] == [f"alert-s{number}" for number in range(205)]


def test_notifications_are_found_by_how_their_ids_begin(owing: Store) -> None:
    got = claim(owing)
    assert got is not None
    assert owing.notifications_called(got.notification.id[:6], 5) == (got.notification,)
    assert len(owing.notifications_called("", 2)) == 2
    assert owing.notifications_called("%", 5) == ()


def test_alerts_that_are_closed_do_not_stand(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    recorder.record(a_match(), NOW)
    recorder.record_event(an_event(NOW), NOW)
    assert (store.standing(), store.is_raised("source failing", "agency")) == (2, True)
    recorder.record_event(an_event(after(minutes=5), cleared=True), after(minutes=5))
    assert (store.standing(), store.is_raised("source failing", "agency")) == (1, False)
    assert [report.alert.state for report in store.alerts()] == ["open", "closed"]


# --- Stories ---------------------------------------------------------------------------------------------------------

BRIDGE = (
    "أعاد مجلس بلدة عين الرمان فتح جسر الوادي أمام السيارات بعد ترميم استمر تسعة أشهر، وقال المهندس المشرف إن الأعمدة "
    "القديمة استبدلت بأخرى من الخرسانة المسلحة تتحمل أربعين طنا، وإن ممرا للمشاة أضيف على الجانب الشرقي."
)
CONVOY = "وصلت القافلة الطبية {} إلى مخيم السدرة محملة بأدوية وأجهزة غسل الكلى يرافقها فريق من المتطوعين"


def a_report(article: str, text: str, at: datetime, version: str = "v1", on: str = "tartus") -> Match:
    """Make the signed match of an article that was news at this time."""
    match = a_match(article, version, on=watchlist(on), first_seen=at)
    (signed,) = sign_matches(Article(header=match.article, text=text), [match])
    return signed


def told(store: Store) -> list[list[str]]:
    """Say which articles each alert tells."""
    return [[match.article.id for match in report.alert.matches] for report in store.alerts()]


def test_two_articles_that_tell_the_same_share_an_alert(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    assert recorder.record(a_report("a1", BRIDGE, NOW), NOW) is Reason.TOLD
    copy = a_report("a2", f"عين الرمان – مراسلنا: {BRIDGE}", after(hours=20))
    assert recorder.record(copy, after(hours=20)) is Reason.COPY
    assert told(store) == [["a1", "a2"]]


def test_two_reports_of_one_template_are_two_alerts(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    for article, number in (("a1", "الخامسة"), ("a2", "السادسة")):
        recorder.record(a_report(article, CONVOY.format(number), NOW), NOW)
    assert told(store) == [["a1"], ["a2"]]


def test_what_one_watchlist_was_told_is_new_to_another(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    recorder.record(a_report("a1", BRIDGE, NOW), NOW)
    recorder.record(a_report("a2", BRIDGE, NOW, on="hmeimim"), NOW)
    assert told(store) == [["a1"], ["a2"]]


def test_a_story_goes_on_after_a_restart(address: str) -> None:
    with open_store(address) as before:
        Recorder(before, SETTINGS).record(a_report("a1", BRIDGE, NOW), NOW)
    with open_store(address) as again:
        Recorder(again, SETTINGS).record(a_report("a2", BRIDGE, after(hours=1)), after(hours=1))
        assert told(again) == [["a1", "a2"]]


def test_what_is_printed_again_after_the_window_is_news_again(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    for article, at in (("a1", NOW), ("a2", NOW + WINDOW), ("a3", NOW + 2 * WINDOW + timedelta(seconds=1))):
        recorder.record(a_report(article, BRIDGE, at), at)
    assert told(store) == [["a1", "a2"], ["a3"]]


def test_an_article_stays_in_its_story_whatever_becomes_of_its_words(store: Store) -> None:
    recorder = Recorder(store, SETTINGS)
    recorder.record(a_match("a1"), NOW)
    recorder.record(a_report("a2", BRIDGE, NOW), NOW)
    recorder.record(a_report("a1", BRIDGE, NOW, version="v2"), NOW)
    recorder.record(a_report("a2", CONVOY, after(days=30), version="v2"), after(days=30))
    assert told(store) == [["a1", "a1"], ["a2", "a2"]]


def test_signatures_of_old_news_are_forgotten_as_new_ones_come(store: SqlStore) -> None:
    recorder = Recorder(store, SETTINGS)
    for number in range(30):
        at = after(days=number)
        recorder.record(a_report(f"a{number}", BRIDGE, at), at)
    with store.database.reading() as connection:
        kept = connection.scalars(select(story_members.c.article)).all()
        filed = connection.scalars(select(story_keys.c.member).distinct()).all()
    assert list(kept) == [f"a{number}" for number in range(21, 30)]
    assert len(filed) == len(kept)


TEXTS = [BRIDGE, BRIDGE.replace("تسعة", "عشرة"), CONVOY.format("الخامسة"), CONVOY.format("السادسة")]
COMING = st.tuples(st.integers(0, 5), st.sampled_from(TEXTS), st.integers(0, 96))
"""Which article comes, what it says, and how many hours after it was published."""


@settings(max_examples=25, deadline=None)
@given(coming=st.lists(COMING, max_size=12))
def test_a_store_and_a_backtest_find_the_same_stories(coming: list[tuple[int, str, int]]) -> None:
    clustering, expected = Clustering(), []
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:{folder}/state.db") as store:
        for place, (article, text, late) in enumerate(coming):
            seen = after(hours=7 * place)
            match = a_report(f"a{article}", text, seen, version=str(place))
            match = replace(match, article=replace(match.article, published=seen - timedelta(hours=late)))
            Recorder(store, SETTINGS).record(match, seen)
            expected.append(clustering.add(match))
        with store.database.reading() as connection:
            assert list(connection.scalars(select(matches.c.story).order_by(matches.c.position))) == expected


# --- Dead letters ----------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_kept_once_with_its_bytes(store: Store) -> None:
    for offset in (7, 8, 7):
        store.file_dead(a_letter(offset))
    first, second = store.dead_letters()
    assert (first.letter, second.letter, first.state) == (a_letter(7), a_letter(8), "kept")
    assert store.dead_letter(second.id) == second
    assert store.dead_letter(99) is None


def test_what_was_done_about_a_letter_is_said_once_and_a_repeat_on_the_bus_does_not_bring_it_back(store: Store) -> None:
    store.file_dead(a_letter())
    (kept,) = store.dead_letters()
    assert store.mark_dead(kept.id, "dropped")
    assert not store.mark_dead(kept.id, "retried")
    assert not store.mark_dead(99, "retried")
    store.file_dead(a_letter())
    assert store.dead_letters() == [replace(kept, state="dropped")]


# --- Time, restarts, crashes -----------------------------------------------------------------------------------------


def test_instants_keep_their_order_whatever_zone_they_came_in(store: Store) -> None:
    damascus = timezone(timedelta(hours=3))
    local = after(microseconds=1).astimezone(damascus)
    store.remember(SourceState(id="agency", last_polled=local), [], NOW)
    read = store.source("agency").last_polled
    assert read == local
    assert read is not None
    assert read.utcoffset() == timedelta()
    store.record(a_match(), told_in("s1"), opens, NOW.astimezone(damascus))
    assert len(alerts_at(store, NOW)) == 1
    assert alerts_at(store, after(hours=-2)) == []


def test_an_instant_without_a_zone_is_a_bug(store: Store) -> None:
    with pytest.raises(StatementError, match="has no zone"):
        store.remember(SourceState(id="agency", last_polled=NOW.replace(tzinfo=None)), [], NOW)


def test_everything_is_there_after_a_restart(address: str) -> None:
    with open_store(address) as before:
        Recorder(before, SETTINGS).record(a_match(), NOW)
        before.remember(POLLED, [sighting("k1")], NOW)
        claimed = before.decide(lambda _: Decision(), NOW)
        before.file_dead(a_letter())
        assert claimed == Decision()
    with open_store(address) as again:
        assert again.standing() == 1
        assert again.source("agency") == POLLED
        assert len(alerts_at(again, NOW)) == 1
        assert [kept.letter for kept in again.dead_letters()] == [a_letter()]
        assert Recorder(again, SETTINGS).record(a_match(), NOW) is None


def test_a_closed_store_is_closed_twice_without_harm(address: str) -> None:
    opened = open_store(address)
    opened.close()
    opened.close()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Dying(Ledger):
    """A channel in whose hands the process dies: before it sends, or right after."""

    def __init__(self, file: Path, *, sends: bool) -> None:
        super().__init__(file)
        self._sends = sends

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:
        if self._sends:
            super().send(message, destination, thread)
        _die()


def _deliverer(store: Store, channel: Ledger, worker: str) -> Deliverer:
    channels = {"terminal": channel, "email": channel}
    return Deliverer(store, channels, a_message, lambda _: None, worker=worker, jitter=lambda: 0.0)


def _live_until(point: str, address: str, ledger: Path) -> None:
    """Do the notifier's work on one match, and die by SIGKILL at the named point."""
    store = open_store(address)
    recorder, decider = Recorder(store, SETTINGS), Decider(store, SETTINGS)

    def die(_: object) -> Any:  # noqa: ANN401 - it does not return
        _die()

    if point == "while recording":
        store.record(a_match(), told_in("s1"), die, NOW)
    recorder.record(a_match(), NOW)
    if point == "recorded":
        _die()
    if point == "while deciding":
        store.decide(die, NOW)
    decider.tick(NOW)
    if point == "decided":
        _die()
    _deliverer(store, _Dying(ledger, sends=point == "sent, not marked"), "the dead").deliver_one(NOW)


@pytest.mark.parametrize(
    "point", ["while recording", "recorded", "while deciding", "decided", "claimed, not sent", "sent, not marked"]
)
def test_a_kill_at_any_point_loses_nothing_and_repeats_at_most_what_was_in_flight(
    point: str, address: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "sent.txt"
    child = multiprocessing.get_context("fork").Process(target=_live_until, args=(point, address, ledger))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL

    with open_store(address) as store:
        Recorder(store, SETTINGS).record(a_match(), after(minutes=1))
        Decider(store, SETTINGS).tick(after(minutes=1))
        channel = Ledger(ledger)
        survivor = _deliverer(store, channel, "the living")
        while survivor.deliver_one(after(minutes=2)):
            pass
        assert (store.standing(), store.backlog().waiting) == (1, 0)
    assert len(set(channel.sent)) == 2, "a terminal and a mailbox"
    assert len(channel.sent) == 2 + (point == "sent, not marked")


# --- The embedded store's file ---------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "state.db"


def open_file(file: Path) -> SqlStore:
    return open_store(f"sqlite:{file}")


def test_the_folder_is_made_for_our_user_alone(file: Path) -> None:
    with open_file(file):
        assert file.parent.stat().st_mode & 0o777 == 0o700


def test_every_connection_is_durable_patient_and_strict(file: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    with open_file(file) as store, store.database.reading() as one, store.database.reading() as other:
        for connection in (one, other):
            assert {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted} == wanted


def test_a_writer_takes_the_lock_before_it_reads(file: Path) -> None:
    with (
        open_file(file) as store,
        store.database.writing(),
        closing(sqlite3.connect(file, timeout=0)) as rival,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        rival.execute("BEGIN IMMEDIATE")


def test_a_reader_sees_one_moment_and_keeps_no_writer_waiting(file: Path) -> None:
    with open_file(file) as store, store.database.reading() as connection:
        assert connection.execute(select(sources)).all() == []
        store.remember(POLLED, [], NOW)
        assert connection.execute(select(sources)).all() == []
        assert len(store.sources()) == 1


@pytest.mark.parametrize("begun", [None, "0001"])
def test_a_new_store_and_one_that_was_migrated_have_the_tables_of_the_schema(file: Path, begun: str | None) -> None:
    if begun:
        an_old_store(file, begun)
    with open_file(file) as store, store.database.reading() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == REVISION
        assert compare_metadata(context, metadata) == []


def test_what_gathered_or_was_due_in_an_older_store_goes_on_waiting(file: Path) -> None:
    an_old_store(file, "0003")
    with open_file(file) as store:
        waits = [(one.alert.id, one.closes) for one in waiting_at(store, NOW, everything=True).tellings]
        assert waits == [("a1", None), ("a2", after(minutes=30))]
        assert alerts_at(store, NOW) == ["a1"]


def test_the_newest_revision_is_the_one_the_schema_names() -> None:
    import monitor.store.migrations as packaged

    (folder,) = packaged.__path__
    assert ScriptDirectory(folder).get_current_head() == REVISION


def test_alembic_is_not_imported_when_no_migration_is_due(file: Path) -> None:
    open_file(file).close()
    program = (
        "import sys; from monitor.store import open_store; open_store(sys.argv[1]); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:{file}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def _open_and_leave(file: Path) -> None:
    open_file(file).close()


def test_processes_that_open_an_empty_folder_at_the_same_time_make_the_tables_once(file: Path) -> None:
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_open_and_leave, args=(file,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]


def test_a_store_of_a_newer_monitor_is_refused_and_left_as_it_is(file: Path) -> None:
    open_file(file).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match=r"state\.db: it was written by a newer monitor \(revision 9999"):
        open_file(file)


def test_another_program_s_database_is_refused(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE moz_places (id)")
    with pytest.raises(Unavailable, match="another program's database"):
        open_file(file)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("my notes, which took me a year " * 100)
    with pytest.raises(Unavailable, match=r"state\.db: it is no database"):
        open_file(file)
    assert file.read_text().startswith("my notes")


def test_a_damaged_file_is_said_to_be_damaged(file: Path) -> None:
    with open_file(file) as store:
        for number in range(50):
            store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(Unavailable, match=r"state\.db: it is (damaged|no database)"), open_file(file) as store:
        list(store.alerts())


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(Unavailable, match="its folder cannot be made"):
        open_file(tmp_path / "var" / "state.db")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Do as a user without rights: a superuser may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_is_one_clear_line(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(Unavailable, match=r"state\.db: it cannot be (opened|written); check") as caught:
        open_file(open_folder / "state.db")
    assert "\n" not in str(caught.value)


def test_a_write_that_is_refused_is_one_clear_line_and_does_not_spoil_reading(open_folder: Path) -> None:
    with open_file(open_folder / "state.db") as store:
        store.remember(POLLED, [], NOW)
        with store.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            with pytest.raises(Unavailable, match=r"state\.db: it cannot be written"):
                connection.execute(insert(sources).values(id="x", state="ok", errors=0, articles=0))
            connection.exec_driver_sql("PRAGMA query_only = OFF")
        assert store.sources() == [POLLED]


@contextmanager
def full_after(pages: int) -> Iterator[None]:
    """Let no database grow beyond so many pages, as a full disk does."""

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)


def fill(store: Store) -> int:
    for number in range(10_000):
        store.record(a_match(f"a{number}"), told_in(f"s{number}"), opens, NOW)
    raise AssertionError("the disk was never full")


def test_a_full_disk_is_one_clear_line_and_what_was_written_before_is_whole(file: Path) -> None:
    open_file(file).close()
    pages = file.stat().st_size // 4096
    with full_after(pages + 10), open_file(file) as store:
        with pytest.raises(Unavailable, match=r"state\.db: the disk is full"):
            fill(store)
        reports = list(store.alerts())
        assert reports
        assert len(alerts_at(store, NOW)) == len(reports), "no alert that nobody is to be told: all of a match or none"
    with open_file(file) as store:
        assert store.standing() == len(reports)
        assert store.record(a_match(f"a{len(reports)}"), told_in(f"s{len(reports)}"), opens, NOW) is not None
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_that_is_full_from_the_start_leaves_no_half_of_a_store(file: Path) -> None:
    with full_after(10), pytest.raises(Unavailable, match="the disk is full"):
        open_file(file)
    with open_file(file) as store:
        assert store.standing() == 0
