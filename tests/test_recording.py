"""Record and decide over a real store: what comes in any order, any number of times, leads to the same alerts."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from monitor.model import Match, Reason, Status
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Store
from monitor.settings import Alerts
from monitor.store import SqlStore, open_store
from monitor.store.schema import alerts, decisions, matches
from tests.samples import NOW, a_letter, a_match, after, alert_settings, an_event, watchlist

TERMINAL, MAILBOX = {"terminal": True}, {"email": {"to": ["desk@example.org"]}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as opened:
        yield opened


def owed(store: Store) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Say what is owed: receiver, channel, kind of cause, and the articles that it tells."""
    found: dict[str, tuple[str, str, str, tuple[str, ...]]] = {}
    for report in store.alerts():
        for told in report.told:
            *head, articles = found.get(told.id, (told.receiver, told.channel, told.cause.partition(":")[0], ()))
            article = report.alert.matches[0].article.id if report.alert.matches else report.alert.name
            found[told.id] = (str(head[0]), str(head[1]), str(head[2]), (*articles, article))
    return list(found.values())


def reasons(store: SqlStore) -> list[tuple[str, str | None, Reason]]:
    """Read what was decided, in order: about which article or rule, for whom, and why."""
    about = select(alerts.c.name, matches.c.article, decisions.c.receiver, decisions.c.reason).select_from(
        decisions.outerjoin(matches, matches.c.position == decisions.c.match).outerjoin(
            alerts, alerts.c.id == decisions.c.alert
        )
    )
    with store.database.reading() as connection:
        rows = connection.execute(about.order_by(decisions.c.position))
        return [(row.article or row.name, row.receiver, Reason(row.reason)) for row in rows]


# --- Without a window ------------------------------------------------------------------------------------------------


def test_the_first_report_is_told_at_the_next_tick_and_a_later_version_is_not(store: SqlStore) -> None:
    recorder, decider = Recorder(store, alert_settings()), Decider(store, alert_settings())
    assert recorder.record(a_match(), NOW) is Reason.TOLD
    assert owed(store) == [], "recording owes nothing yet"
    assert decider.tick(NOW) is None
    assert owed(store) == [("desk", "terminal", "first", ("a1",)), ("desk", "email", "first", ("a1",))]
    assert recorder.record(a_match(version="v2"), after(hours=1)) is Reason.COPY
    decider.tick(after(hours=1))
    assert len(owed(store)) == 2
    assert reasons(store) == [("a1", None, Reason.TOLD), ("Tartus", "desk", Reason.TOLD), ("a1", None, Reason.COPY)]


def test_a_repeat_is_no_decision(store: SqlStore) -> None:
    recorder = Recorder(store, alert_settings())
    recorder.record(a_match(), NOW)
    assert recorder.record(a_match(), NOW) is None
    assert reasons(store) == [("a1", None, Reason.TOLD)]


def test_each_alert_is_its_own_message_even_if_many_come_at_once(store: SqlStore) -> None:
    here = alert_settings(here=TERMINAL)
    for article in ("a1", "a2", "a3"):
        Recorder(store, here).record(a_match(article), NOW)
    Decider(store, here).tick(NOW)
    assert owed(store) == [("here", "terminal", "first", (article,)) for article in ("a1", "a2", "a3")]


def test_each_receiver_is_told_and_one_mailbox_of_two_receivers_once(store: SqlStore) -> None:
    both = alert_settings(desk=MAILBOX, night={"email": {"to": ["desk@example.org", "night@example.org"]}})
    Recorder(store, both).record(a_match(), NOW)
    Decider(store, both).tick(NOW)
    assert owed(store) == [("desk", "email", "first", ("a1",)), ("night", "email", "first", ("a1",))]


def test_a_version_after_a_baseline_one_is_told_as_the_first(store: SqlStore) -> None:
    recorder = Recorder(store, alert_settings())
    assert recorder.record(a_match(held=Reason.BASELINE), NOW) is Reason.BASELINE
    assert store.standing() == 0
    assert recorder.record(a_match(version="v2"), NOW) is Reason.TOLD
    (report,) = store.alerts()
    assert [match.article.content_hash for match in report.alert.matches] == ["v2"], "what was held back is not told"


def test_a_shadow_watchlist_records_and_tells_nobody(store: SqlStore) -> None:
    shadow = watchlist(status=Status.SHADOW)
    assert Recorder(store, alert_settings()).record(a_match(on=shadow), NOW) is Reason.SHADOW
    Decider(store, alert_settings()).tick(NOW)
    assert (owed(store), reasons(store)) == ([], [("a1", None, Reason.SHADOW)])


def test_one_article_alerts_for_each_watchlist_that_it_matches(store: SqlStore) -> None:
    recorder = Recorder(store, alert_settings())
    recorder.record(a_match(), NOW)
    recorder.record(a_match(on=watchlist("hmeimim")), NOW)
    assert [report.alert.watchlist for report in store.alerts()] == ["tartus", "hmeimim"]


# --- With a window ---------------------------------------------------------------------------------------------------

WINDOW = alert_settings("30s", here=TERMINAL)


def test_alerts_of_a_window_are_one_message_when_it_closes(store: SqlStore) -> None:
    recorder, decider = Recorder(store, WINDOW), Decider(store, WINDOW)
    recorder.record(a_match("a1"), NOW)
    assert decider.tick(NOW) == after(seconds=30)
    recorder.record(a_match("a2"), after(seconds=20))
    assert decider.tick(after(seconds=29)) == after(seconds=30)
    assert owed(store) == []
    assert decider.tick(after(seconds=30)) is None
    assert owed(store) == [("here", "terminal", "group", ("a1", "a2"))]


def test_a_window_that_gathered_one_alert_tells_it_as_itself(store: SqlStore) -> None:
    Recorder(store, WINDOW).record(a_match("a1"), NOW)
    Decider(store, WINDOW).tick(after(seconds=30))
    assert owed(store) == [("here", "terminal", "first", ("a1",))]


def test_a_window_closes_for_good_and_the_next_alert_opens_another(store: SqlStore) -> None:
    recorder, decider = Recorder(store, WINDOW), Decider(store, WINDOW)
    recorder.record(a_match("a1"), NOW)
    decider.tick(after(seconds=30))
    recorder.record(a_match("a2"), after(seconds=31))
    assert decider.tick(after(seconds=31)) == after(seconds=61)
    decider.tick(after(seconds=61))
    assert [articles for *_, articles in owed(store)] == [("a1",), ("a2",)]


def test_watchlists_do_not_share_a_window(store: SqlStore) -> None:
    recorder, decider = Recorder(store, WINDOW), Decider(store, WINDOW)
    recorder.record(a_match("a1"), NOW)
    recorder.record(a_match("a2", on=watchlist("hmeimim")), after(seconds=10))
    assert decider.tick(after(seconds=30)) == after(seconds=40)
    assert [articles for *_, articles in owed(store)] == [("a1",)]


def test_the_wait_in_a_window_is_on_record(store: SqlStore) -> None:
    Recorder(store, WINDOW).record(a_match("a1"), NOW)
    for second in (0, 10, 30):
        Decider(store, WINDOW).tick(after(seconds=second))
    assert reasons(store) == [
        ("a1", None, Reason.TOLD),
        ("Tartus", "here", Reason.GROUP_WINDOW),
        ("Tartus", "here", Reason.TOLD),
    ]


def test_a_window_outlives_the_process(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    with open_store(address) as before:
        Recorder(before, WINDOW).record(a_match("a1"), NOW)
    with open_store(address) as again:
        assert Decider(again, WINDOW).tick(after(seconds=1)) == after(seconds=30)
        assert Decider(again, WINDOW).tick(after(days=1)) is None
        assert len(owed(again)) == 1


def test_windows_are_taken_as_elapsed_on_request(store: SqlStore) -> None:
    Recorder(store, WINDOW).record(a_match("a1"), NOW)
    assert Decider(store, WINDOW).tick(NOW, windows_elapsed=True) is None
    assert len(owed(store)) == 1


def test_a_receiver_taken_out_of_the_configuration_while_it_waited_is_owed_nothing(store: SqlStore) -> None:
    Recorder(store, WINDOW).record(a_match("a1"), NOW)
    Decider(store, alert_settings(desk=TERMINAL)).tick(after(seconds=30))
    assert owed(store) == []
    assert reasons(store)[-1] == ("Tartus", "here", Reason.NO_ROUTE)


# --- Operations ------------------------------------------------------------------------------------------------------


def test_a_fault_is_told_once_and_closed_by_recovery(store: SqlStore) -> None:
    here = alert_settings(here=TERMINAL)
    recorder, decider = Recorder(store, here), Decider(store, here)
    opened = recorder.record_event(an_event(NOW), NOW)
    assert recorder.record_event(an_event(after(minutes=5)), after(minutes=5)) is None
    decider.tick(after(minutes=5))
    (report,) = store.alerts()
    assert (report.alert.id, report.alert.kind, report.alert.state) == (opened, "operations", "open")
    assert report.alert.event == an_event(NOW)
    assert len(report.told) == 1
    assert recorder.record_event(an_event(after(hours=1), cleared=True), after(hours=1)) == opened
    decider.tick(after(hours=1))
    (report,) = store.alerts()
    assert (report.alert.state, report.alert.cleared) == ("closed", an_event(after(hours=1), cleared=True))
    assert [one.cause for one in report.told] == ["first", "resolved"]


def test_events_that_come_again_after_a_crash_change_nothing(store: SqlStore) -> None:
    recorder = Recorder(store, alert_settings())
    story = [an_event(NOW), an_event(after(minutes=1)), an_event(after(minutes=2), cleared=True)]
    for event in (*story, *story):
        recorder.record_event(event, after(minutes=3))
    assert [report.alert.state for report in store.alerts()] == ["closed"]


def test_a_fault_that_comes_back_is_another_alert(store: SqlStore) -> None:
    recorder = Recorder(store, alert_settings())
    for event in (an_event(NOW), an_event(after(minutes=1), cleared=True), an_event(after(minutes=2))):
        recorder.record_event(event, event.at)
    assert [report.alert.state for report in store.alerts()] == ["closed", "open"]


def test_dead_letters_are_filed(store: SqlStore) -> None:
    Recorder(store, alert_settings()).file_dead(a_letter())
    assert [filed.letter for filed in store.dead_letters()] == [a_letter()]


# --- Whatever the order ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the file of an empty store, to copy."""
    file = tmp_path_factory.mktemp("empty") / "state.db"
    open_store(f"sqlite:{file}").close()
    return file


SHADOWED = watchlist("shadowed", status=Status.SHADOW)
some_matches = st.lists(
    st.builds(
        lambda article, version, on, score: a_match(
            article, version, on=on, score=score, held=Reason.OLD if version == "held" else None
        ),
        st.sampled_from(["a1", "a2", "a3"]),
        st.sampled_from(["v1", "v2", "held"]),
        st.sampled_from([watchlist(), watchlist("hmeimim"), SHADOWED]),
        st.sampled_from([75, 95]),
    ),
    max_size=12,
    unique_by=lambda match: match.key,
)


def outcome(empty: Path, settings: Alerts, coming: list[Match], tick_after: set[int]) -> tuple[object, object]:
    """Record in this order, decide now and then, and at last when every window is over."""
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copy(empty, Path(folder) / "state.db")
        with open_store(f"sqlite:{file}") as store:
            recorder, decider = Recorder(store, settings), Decider(store, settings)
            for number, match in enumerate(coming):
                recorder.record(match, at(number))
                if number in tick_after:
                    decider.tick(at(number))
            decider.tick(after(minutes=1))
            decider.tick(after(minutes=2))
            told = Counter((channel, tuple(sorted(articles))) for _, channel, _, articles in owed(store))
            stand = {
                (report.alert.id, report.alert.score, frozenset(match.key for match in report.alert.matches))
                for report in store.alerts()
            }
            return stand, told


def at(number: int) -> datetime:
    return NOW + timedelta(milliseconds=number)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), wait=st.sampled_from(["0s", "30s"]))
def test_repeats_and_reorderings_of_matches_lead_to_the_same_alerts_and_messages(
    data: st.DataObject, wait: str, empty: Path
) -> None:
    matches = data.draw(some_matches)
    repeats = data.draw(st.lists(st.sampled_from(matches), max_size=6)) if matches else []
    shuffled = data.draw(st.permutations([*matches, *repeats]))
    ticks = data.draw(st.sets(st.integers(0, 20)))
    plain = outcome(empty, alert_settings(wait), matches, set())
    assert outcome(empty, alert_settings(wait), shuffled, ticks) == plain
