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

from monitor.cli.moments import moment
from monitor.ports import SourceState
from monitor.store import open_store
from tests.installation import Installation

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
