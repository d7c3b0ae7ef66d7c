"""The commands of the desk by night: silences, who would be told, and the list for whoever takes over."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import insert, update

from monitor.cli.moments import moment
from monitor.codec import to_json
from monitor.ports import SourceState
from monitor.store import open_store
from monitor.store.schema import alerts, notifications
from tests.installation import Installation
from tests.samples import NOW, an_event

ALERTS = """\
receivers:
  here: {file: outbox}
  desk: {file: desk, quiet_hours: {from: "00:00", to: "24:00", days: [DAYS]}}
route:
  receiver: here
  routes:
    - {match: {watchlist: tartus}, receiver: [here, desk]}
"""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WATCHLISTS = """\
version: 1
watchlists:
  - {id: tartus, severity: high, labels: {desk: levant}, terms: [ميناء طرطوس]}
  - {id: lion, terms: [الأسد]}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Installation:
    """Install a monitor whose desk is left in peace now and until another day."""
    other = (datetime.now(UTC) + timedelta(days=3)).weekday()
    days = ", ".join(day for number, day in enumerate(DAYS) if number != other)
    return Installation(tmp_path / "night", alerts=ALERTS.replace("DAYS", days), watchlists=WATCHLISTS)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_hand_over_list_says_what_was_told_what_was_held_back_and_what_is_blind(desk: Installation) -> None:
    desk("silence", "add", "--saying", "الأسد سيسيل", "--for", "4h", "--comment", "the lion", "--author", "layla")
    desk.put("ship.txt", "وصلت سفينة إلى ميناء طرطوس صباحا.")
    desk.put("lion.txt", "افتتح المتحف معرضا عن الأسد سيسيل في المدينة.")
    assert desk("run", "--until-idle").returncode == 0
    with open_store(f"sqlite:{desk.folder / 'var/state.db'}") as store:
        store.remember(SourceState(id="inbox", state="failing"), [])
        store.remember(SourceState(id="former", state="failing"), [])

    found = lines(desk("alerts", "--since", "1h", "--json"))
    told = [(one["watchlist"], one["receiver"], one["delivery"]) for one in found if one["list"] == "told"]
    held = [(one["watchlist"], one["receiver"], one["reason"]) for one in found if one["list"] == "held"]
    assert told == [("tartus", "here", "sent")]
    assert sorted(held) == [("lion", "here", "silenced"), ("tartus", "desk", "quiet hours")]
    assert [one["source"] for one in found if one["list"] == "blind"] == ["inbox"], (
        "what is polled no more is not blind"
    )

    text = desk("alerts", "--since", "1h").stdout
    assert "told: 1\n" in text
    assert "held back: 2\n" in text
    assert "  silenced 1  here  medium  lion: " in text
    assert "blind: 1\n  inbox  source failing from never until now\n" in text
    assert "told: nothing" in desk("alerts", "--since", (datetime.now(UTC) + timedelta(days=1)).isoformat()).stdout


def test_a_silence_is_made_listed_and_ended(desk: Installation) -> None:
    made = desk(
        "silence", "add", "--watchlist", "tartus", "--label", "desk=levant", "--for", "2d", "--comment", "drill"
    )
    assert made.stdout.startswith("silence 1 stands until ")
    (listed,) = lines(desk("silence", "list", "--json"))
    assert (listed["matcher"]["watchlist"], listed["matcher"]["labels"]) == (["tartus"], {"desk": ["levant"]})
    assert (listed["comment"], listed["hidden"], listed["expired_by"]) == ("drill", 0, None)
    assert "watchlist=tartus desk=levant" in desk("silence", "list").stdout
    assert desk("silence", "expire", "1", "--author", "omar").stdout == "silence 1 is over\n"
    assert desk("silence", "expire", "1").returncode == 2
    assert lines(desk("silence", "list", "--json")) == []
    (over,) = lines(desk("silence", "list", "--all", "--json"))
    assert over["expired_by"] == "omar"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "4h"], "that would hide everything"),
        (["--saying", "«»", "--for", "4h"], "there is no word in '«»'"),
        (["--watchlist", "tartus"], "either --for or --until"),
        (["--watchlist", "tartous", "--for", "4h"], "did you mean 'tartus'?"),
        (["--source", "inbux", "--for", "4h"], "did you mean 'inbox'?"),
        (["--label", "levant", "--for", "4h"], "is no label; write it like desk=levant"),
        (["--watchlist", "tartus", "--until", "2020-01-01"], "over already"),
        (["--watchlist", "tartus", "--until", "soon"], "is no time; write it like 23:00"),
    ],
)
def test_a_silence_that_hides_everything_or_nothing_is_refused(
    desk: Installation, arguments: list[str], says: str
) -> None:
    done = desk("silence", "add", "--comment", "x", *arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_who_would_be_told_is_shown_with_the_way_through_the_tree(desk: Installation) -> None:
    here, held = lines(desk("alerts", "route", "--watchlist", "tartus", "--json"))
    assert (here["receiver"], here["route"], here["holds"], here["reason"]) == (
        "here",
        "route → 1 (watchlist: tartus)",
        [],
        "told",
    )
    assert (held["receiver"], [hold["reason"] for hold in held["holds"]]) == ("desk", ["quiet hours"])
    assert held["at"] == held["holds"][0]["until"]
    (other,) = lines(desk("alerts", "route", "--severity", "critical", "--at", "2026-12-01T03:00+02:00", "--json"))
    assert (other["receiver"], other["route"], other["at"]) == ("here", "route", "2026-12-01T01:00:00Z")
    assert "held back for quiet hours until" in desk("alerts", "route", "--watchlist", "tartus").stdout
    assert "did you mean 'tartus'?" in desk("alerts", "route", "--watchlist", "tartuss").stderr


# --- Acting on alerts ------------------------------------------------------------------------------------------------


@pytest.fixture
def alerted(desk: Installation) -> Installation:
    """Tell of a ship and a lion."""
    desk.put("ship.txt", "وصلت سفينة إلى ميناء طرطوس صباحا.")
    desk.put("lion.txt", "ظهر الأسد في خطاب متلفز مساء أمس.")
    assert desk("run", "--until-idle").returncode == 0
    return desk


def called(desk: Installation, watchlist: str) -> str:
    (found,) = [str(alert["id"]) for alert in desk.lines("alerts") if alert["watchlist"] == watchlist]
    return found


def test_an_alert_is_acked_by_how_its_id_begins_and_says_by_whom(alerted: Installation) -> None:
    ship, lion = called(alerted, "tartus"), called(alerted, "lion")
    done = alerted("ack", ship[:6], lion, "--by", "layla", "--comment", "calling the port")
    assert done.stdout.splitlines()[0].startswith("acked by layla: high  tartus: ")
    assert alerted("ack", lion, "--by", "omar").returncode == 0
    acked = {alert["watchlist"]: alert["acked"] for alert in alerted.lines("alerts")}
    assert (acked["tartus"]["by"], acked["tartus"]["comment"]) == ("layla", "calling the port")
    assert (acked["lion"]["by"], acked["lion"]["comment"]) == ("omar", None), "acking again replaces both"
    assert {alert["state"] for alert in alerted.lines("alerts")} == {"acked"}
    assert "\n  acked by layla: calling the port 20" in alerted("alerts").stdout
    assert "  acked by layla: calling the port\n" in alerted("alerts", "--since", "1h").stdout
    handed = alerted.lines("alerts", "--since", "1h")
    assert {one["acked"]["by"] for one in handed if one["list"] == "told" and one["watchlist"] == "lion"} == {"omar"}
    assert f"(acked by layla: calling the port, {ship})" in alerted("alerts", "why", ship).stdout


def test_open_alerts_are_those_that_nobody_has_taken_on(alerted: Installation) -> None:
    alerted("ack", called(alerted, "lion"))
    assert [alert["watchlist"] for alert in alerted.lines("alerts", "--open")] == ["tartus"]
    alerted("ack", called(alerted, "tartus"))
    nothing = alerted("alerts", "--open")
    assert (nothing.stdout, nothing.stderr.splitlines()[-1]) == ("", "no open alerts")
    assert alerted("alerts", "--open", "--since", "1h").returncode == 2


def test_a_snooze_is_listed_and_ended(alerted: Installation) -> None:
    ship = called(alerted, "tartus")
    assert alerted("alerts", "snooze", ship[:4], "--for", "4h").stdout.startswith("snoozed until 20")
    listed = {alert["watchlist"]: alert["snoozed_until"] for alert in alerted.lines("alerts")}
    assert (listed["tartus"] is not None, listed["lion"]) == (True, None)
    assert "\n  snoozed until 20" in alerted("alerts").stdout
    assert alerted("alerts", "snooze", ship, "--until", "now").stdout.startswith("awake: ")
    assert {alert["snoozed_until"] for alert in alerted.lines("alerts")} == {None}


def test_what_was_given_up_is_sent_again(alerted: Installation) -> None:
    ship = called(alerted, "tartus")
    with open_store(f"sqlite:{alerted.folder / 'var/state.db'}") as store, store.database.writing() as connection:
        connection.execute(update(notifications).values(state="failed"))
    assert alerted("alerts", "resend", ship[:5]).stdout == "sent again: 1 message\n"
    assert alerted("alerts", "resend").stdout == "sent again: 1 message\n", "of the lion"
    assert alerted("alerts", "resend").stdout == "no message was given up\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ack", "abc"], "is too short; give at least 4 characters"),
        (["ack", "0123456789abcdefg"], "no alert is called"),
        (["ack", "same"], "may be any of these:\n  high  S: agency answers nothing (same"),
        (["ack", "over"], "closed already: high  source failing: agency answers nothing ("),
        (["alerts", "snooze", "over", "--for", "4h"], "closed already"),
        (["alerts", "snooze", "same1"], "either --for or --until"),
        (["alerts", "snooze", "same1", "--until", "2020-01-01"], "over already"),
        (["alerts", "resend", "same"], "may be any of these"),
        (["alerts", "why", "same"], "may be any of these"),
    ],
)
def test_an_alert_that_is_not_clear_or_closed_is_told(desk: Installation, arguments: list[str], says: str) -> None:
    row = {"kind": "operations", "name": "S", "severity": "high", "score": 0, "created": NOW}
    row["event"] = to_json(an_event(NOW)).decode()
    over = row | {"name": "source failing", "id": "over1", "state": "closed"}
    with open_store(f"sqlite:{desk.folder / 'var/state.db'}") as store, store.database.writing() as connection:
        connection.execute(insert(alerts), [row | {"id": f"same{n}", "state": "open"} for n in range(7)] + [over])
    done = desk(*arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert "\n  …\n" in done.stderr or "same" not in arguments[-1] or arguments[-1] == "same1"


# --- Times as they are typed -----------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "side", "at"),
    [
        ("23:00", "before", datetime(2026, 11, 19, 21, tzinfo=UTC)),
        ("23:00", "after", datetime(2026, 11, 20, 21, tzinfo=UTC)),
        ("9:30", "before", datetime(2026, 11, 20, 7, 30, tzinfo=UTC)),
        ("9:30", "after", datetime(2026, 11, 21, 7, 30, tzinfo=UTC)),
        ("12h", "before", datetime(2026, 11, 20, 0, tzinfo=UTC)),
        ("1h30m", "after", datetime(2026, 11, 20, 13, 30, tzinfo=UTC)),
        ("2026-11-20T23:00", "before", datetime(2026, 11, 20, 21, tzinfo=UTC)),
        ("2026-11-20 23:00+01:00", "before", datetime(2026, 11, 20, 22, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_by_the_clocks_of_this_machine(text: str, side: Any, at: datetime) -> None:  # noqa: ANN401 - one of two
    code = (
        "import sys; from datetime import datetime; from monitor.cli.moments import moment;"
        "print(moment(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3]).isoformat())"
    )
    arguments = [sys.executable, "-c", code, text, NOON.isoformat(), side]
    done = subprocess.run(
        arguments, env={**os.environ, "TZ": "Asia/Beirut"}, capture_output=True, text=True, check=True, timeout=60
    )
    assert datetime.fromisoformat(done.stdout.strip()) == at


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        moment(text, NOON, "before")
