"""The main job from outside: articles in a folder become alerts that people can read, once, whatever happens."""

from __future__ import annotations

import email
import email.policy
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.installation import MONITOR, Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
TARTUS = "date 2026-11-20 رست سفينة شحن في ميناء طرطوس صباح اليوم. وغادرت سفينة أخرى."
ELSEWHERE = "افتتحت المدرسة أبوابها أمام الطلاب في قرية صغيرة."


@pytest.fixture
def monitor(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "desk")


@pytest.fixture
def started(monitor: Installation) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        running.append(monitor.start(*arguments))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str], words: str) -> str:
    """Read the terminal until the words come; what was read until then."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if words in line:
            return read
    raise AssertionError(f"{words!r} never came: {read}{process.stderr.read() if process.stderr else ''}")


def test_an_article_alerts_once_on_the_terminal_and_in_the_outbox(monitor: Installation) -> None:
    monitor.put("ship.txt", TARTUS)
    monitor.put("school.txt", ELSEWHERE)
    first = monitor("run", "--until-idle")
    assert first.returncode == 0, first.stderr
    assert "ميناء طرطوس" in first.stdout
    assert "1 new, 1 alert stands" in first.stdout
    (mail,) = (monitor.folder / "outbox").glob("*.eml")
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert "سفينة شحن" in message["Subject"]
    (data,) = (monitor.folder / "outbox").glob("*.json")
    assert json.loads(data.read_text("utf-8"))
    second = monitor("run", "--until-idle")
    assert (second.returncode, second.stdout.strip()) == (0, "nothing new, 1 alert stands; see `monitor alerts`")


def test_a_sentence_that_is_withdrawn_is_told_once_to_those_who_were_told_of_it(monitor: Installation) -> None:
    monitor.put("ship.txt", TARTUS)
    monitor("run", "--until-idle")
    for text in (ELSEWHERE, f"{ELSEWHERE} صباح اليوم."):
        monitor.put("ship.txt", text)
        edited = monitor("run", "--until-idle")
        assert edited.returncode == 0, edited.stderr
    (alert,) = monitor.lines("alerts")
    causes = [one["cause"].partition(":")[0] for one in alert["notified"] if one["channel"] == "terminal"]
    assert causes == ["first", "withdrawn"]


def test_a_run_until_idle_leaves_no_development_untold(monitor: Installation) -> None:
    for name, text in (
        ("ship.txt", TARTUS),
        ("school.txt", "date 2026-11-20 افتتحت البلدية مدرسة ابتدائية قرب ميناء طرطوس القديم."),
        ("match.txt", "date 2026-11-20 فاز فريق ميناء طرطوس بكأس المحافظات لكرة السلة بعد مباراة مثيرة."),
    ):
        monitor.put(name, text)
        assert monitor("run", "--until-idle").returncode == 0
    (alert,) = monitor.lines("alerts")
    told = [one["cause"].partition(":")[0] for one in alert["notified"] if one["channel"] == "terminal"]
    assert (len(alert["articles"]), told, alert["owed"]) == (3, ["first", "development", "development"], [])


def test_alerts_and_sources_are_listed_for_programs(monitor: Installation) -> None:
    monitor.put("ship.txt", TARTUS)
    monitor("run", "--until-idle")
    (alert,) = monitor.lines("alerts")
    assert (alert["watchlist"], alert["kind"], alert["state"]) == ("tartus", "watchlist", "open")
    (evidence,) = alert["evidence"]
    assert evidence["text"] == "ميناء طرطوس"
    assert evidence["quote"] == "رست سفينة شحن في ميناء طرطوس صباح اليوم."
    assert {told["channel"] for told in alert["notified"]} == {"terminal", "file"}
    (source,) = monitor.lines("sources")
    assert (source["id"], source["state"], source["errors"], source["articles"]) == ("inbox", "ok", 0, 1)


def test_a_running_service_hears_of_a_new_file_and_stops_in_order(
    monitor: Installation, started: Callable[..., subprocess.Popen[str]]
) -> None:
    process = started("run")
    heard(process, "nothing new, 0 alerts stand")
    monitor.put("ship.txt", TARTUS)
    heard(process, "ميناء طرطوس")
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - begin < 5


def test_ctrl_c_ends_with_exit_code_0(started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started("run")
    heard(process, "nothing new")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_second_service_says_who_holds_the_files_and_exits_3(
    monitor: Installation, started: Callable[..., subprocess.Popen[str]]
) -> None:
    process = started("run")
    heard(process, "nothing new")
    second = monitor("run")
    assert second.returncode == 3
    line = complaint(second)
    assert str(process.pid) in line
    assert "held" in line


def test_a_broken_watchlist_keeps_the_last_good_one_while_running(
    monitor: Installation, started: Callable[..., subprocess.Popen[str]]
) -> None:
    process = started("run")
    heard(process, "nothing new")
    monitor.write("watchlists.yaml", "version: 1\nwatchlists: [{name: Broken, termz: [x]}]\n")
    assert process.stderr is not None
    assert any("not reloaded" in line and "did you mean 'terms'" in line for line in process.stderr)
    monitor.put("ship.txt", TARTUS)
    heard(process, "ميناء طرطوس")


def test_a_changed_watchlist_is_live_within_seconds(
    monitor: Installation, started: Callable[..., subprocess.Popen[str]]
) -> None:
    process = started("run")
    heard(process, "nothing new")
    lists = "version: 1\nwatchlists:\n  - {id: school, name: School, terms: [المدرسة]}\n"
    monitor.write("watchlists.yaml", lists)
    assert process.stderr is not None
    assert any("reloaded" in line for line in process.stderr)
    monitor.put("school.txt", ELSEWHERE)
    heard(process, "المدرسة")


def test_three_processes_do_what_one_does(monitor: Installation, started: Callable[..., subprocess.Popen[str]]) -> None:
    monitor.put("ship.txt", TARTUS)
    started("poll")
    started("match")
    notifier = started("notify")
    heard(notifier, "ميناء طرطوس")


def test_mail_waits_in_the_store_while_the_server_is_away_and_is_told(monitor: Installation) -> None:
    alerts = "receivers:\n  desk: {email: {to: [desk@example.org]}}\nroute: {receiver: desk}\n"
    monitor.write("alerts.yaml", alerts + "smtp: {host: 127.0.0.1, port: 1, tls: none, from: m@example.org}\n")
    monitor.put("ship.txt", TARTUS)
    done = monitor("run", "--until-idle")
    assert done.returncode == 1
    assert "1 messages are not delivered yet" in done.stderr
    (alert,) = monitor.lines("alerts")
    assert alert["notified"] == []
    assert [owed["state"] for owed in alert["owed"]] == ["pending"]


def test_a_broken_file_is_told_and_the_others_go_on(monitor: Installation) -> None:
    monitor.put("ship.txt", TARTUS)
    monitor.put("broken.json", '{"title": "half')
    done = monitor("run", "--until-idle")
    assert "broken.json" in done.stderr
    assert [alert["watchlist"] for alert in monitor.lines("alerts")] == ["tartus"]


def test_a_name_and_fields_that_are_no_utf_8_are_told_and_the_others_go_on(monitor: Installation) -> None:
    monitor.put("ship.txt", TARTUS)
    (monitor.inbox / os.fsdecode(b"\xff.txt")).write_text(TARTUS, "utf-8")
    lines = ['{"id": "\\udfff", "text": "x"}', '{"id": "a", "text": "x", "lang": "\\ud800"}']
    lines += ['{"url": "http://x/\\udcff", "text": "x"}', '{"id": true, "text": "x"}']
    monitor.put("odd.jsonl", "\n".join(lines) + "\n")
    done = monitor("run", "--until-idle")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "its name is not UTF-8" in done.stderr
    assert all(f"odd.jsonl:{number}:1" in done.stderr for number in range(1, 5))
    assert [alert["watchlist"] for alert in monitor.lines("alerts")] == ["tartus"]


def test_dead_letters_can_be_listed_shown_retried_and_dropped(monitor: Installation) -> None:
    from monitor.bus import open_bus
    from monitor.ports import Outgoing

    bus = open_bus(f"sqlite:{monitor.folder}/var/bus.db")
    bus.publish("articles", [Outgoing(key="x", value=b"\xffgarbage", headers={"record": "article/1"})])
    bus.close()
    assert monitor("run", "--until-idle").returncode == 0
    (letter,) = monitor.lines("dead", "list")
    number = str(letter["id"])
    assert "garbage" in monitor("dead", "show", number).stdout
    assert monitor("dead", "retry", number).returncode == 0
    monitor("run", "--until-idle")
    (again,) = monitor.lines("dead", "list")
    assert monitor("dead", "drop", str(again["id"])).returncode == 0
    assert monitor.lines("dead", "list") == []
    assert monitor("dead", "show", "99").returncode == 2


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a person reads; log lines apart."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_missing_configuration_is_one_clear_line(tmp_path: Path) -> None:
    command = [*MONITOR, "run", "--config", str(tmp_path / "nowhere.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert complaint(done).endswith("nowhere.yaml:1:1: error: no such file")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="monitor-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere")
def test_a_read_only_folder_is_one_clear_line(open_folder: Path) -> None:
    monitor = Installation(open_folder / "desk")
    (monitor.folder / "var").mkdir(mode=0o555)
    unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*unprivileged, *MONITOR, "run", "--until-idle"],
        env=monitor.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert "var" in complaint(done)


def test_a_store_of_something_else_is_refused_and_left_as_it_is(monitor: Installation) -> None:
    file = monitor.folder / "var/state.db"
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = file.read_bytes()
    done = monitor("run", "--until-idle")
    assert done.returncode == 3
    assert "state.db" in complaint(done)
    assert file.read_bytes() == before


def test_the_sample_articles_alert_as_their_watchlists_say(tmp_path: Path) -> None:
    for name in ("config", "seeds", "watchlists.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [*MONITOR, "run", "--until-idle", "--config", str(tmp_path / "config/monitor.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    listing = [*MONITOR, "alerts", "--json", "--config", str(tmp_path / "config/monitor.yaml")]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    alerts = [json.loads(line) for line in listed]
    assert {"assad-extradition", "russian-bases-in-syria"} <= {alert["watchlist"] for alert in alerts}
    told = " ".join(article["title"] for alert in alerts for article in alert["articles"])
    for quiet in ("حديقة", "الشرعية الدولية", "تنظيم القاعدة"):
        assert quiet not in told
