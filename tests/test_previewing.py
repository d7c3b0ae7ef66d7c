"""`monitor alerts preview`: a message before it is sent, as its users look at it."""

from __future__ import annotations

import json
import mailbox
import re
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.installation import Installation

if TYPE_CHECKING:
    from pathlib import Path

SECRETS: Final = ("xoxb-the-token", "hunter2")
ALERTS: Final = """\
receivers:
  here: {file: outbox, zone: Asia/Beirut}
  chief: {email: {to: chief@example.org}, zone: Asia/Dubai}
  levant: {slack: {channel: "#levant", token: xoxb-the-token}}
smtp: {host: mail.example.org, from: monitor@example.org, user: desk, password: hunter2}
route: {receiver: here}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that has told of one alert."""
    installed = Installation(tmp_path_factory.mktemp("desk") / "desk", alerts=ALERTS)
    installed.put("one.txt", "وصلت سفينة إلى ميناء طرطوس صباح اليوم.")
    assert installed("run", "--until-idle").returncode == 0
    return installed


@pytest.fixture(scope="module")
def alert(desk: Installation) -> dict[str, Any]:
    (line,) = desk.lines("alerts")
    return line


def shown(desk: Installation, *arguments: str) -> str:
    done = desk("alerts", "preview", *arguments)
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    return done.stdout


def test_an_alert_is_shown_as_the_terminal_would_have_it(desk: Installation, alert: dict[str, Any]) -> None:
    lines = shown(desk, alert["id"][:4]).splitlines()
    assert "ميناء طرطوس" in lines[0]
    assert lines[1] == "  Tartus · medium · first report"


def test_another_cause_and_the_receivers_clocks_change_what_is_said(desk: Installation, alert: dict[str, Any]) -> None:
    said = shown(desk, alert["id"], "--receiver", "chief", "--cause", "growth:5", "--as", "text")
    assert re.match(r"Subject: .* · Tartus\n\n\+4 sources\n", said)
    assert re.search(r"first seen \d\d:\d\d UTC\+04", said)


def test_a_mail_goes_to_the_receiver_and_follows_the_first(desk: Installation, alert: dict[str, Any]) -> None:
    mail = message_from_bytes(
        shown(desk, alert["id"], "--receiver", "chief", "--cause", "growth:5", "--as", "mail").encode(), policy=default
    )
    assert (mail["From"], mail["To"]) == ("monitor@example.org", "chief@example.org")
    first = message_from_bytes(shown(desk, alert["id"], "--receiver", "chief", "--as", "mail").encode(), policy=default)
    assert mail["In-Reply-To"] == first["Message-ID"]


def test_a_message_that_was_sent_is_shown_again_by_its_own_id(desk: Installation) -> None:
    (record,) = (desk.folder / "outbox").glob("*.json")
    sent = json.loads(record.read_text("utf-8"))
    assert shown(desk, sent["id"][:8], "--as", "json") == record.read_text("utf-8")


def test_slacks_blocks_and_the_record_are_json(desk: Installation, alert: dict[str, Any]) -> None:
    blocks = json.loads(shown(desk, alert["id"], "--receiver", "levant", "--as", "slack"))["blocks"]
    assert {block["type"] for block in blocks} == {"rich_text", "context"}
    record = json.loads(shown(desk, alert["id"], "--receiver", "levant", "--as", "json"))
    assert [one["id"] for one in record["alerts"]] == [alert["id"]]


def test_without_an_alert_there_are_samples_of_every_kind(desk: Installation, tmp_path: Path) -> None:
    text = shown(desk, "--as", "text")
    for said in ("first report", "new term: طرطوس", "withdrawn: ", "recovered: ", "42 alerts", "nothing found"):
        assert said in text
    box = tmp_path / "samples.mbox"
    shown(desk, "--as", "mail", "--out", str(box))
    with closing(mailbox.mbox(box)) as mails:
        assert len(mails) == text.count("Subject: ")


def test_the_operators_templates_are_used(desk: Installation, alert: dict[str, Any]) -> None:
    (desk.folder / "templates").mkdir()
    desk.write("templates/subject.txt", "LEVANT {{ digest.title }}")
    try:
        assert shown(desk, alert["id"], "--as", "text").startswith("Subject: LEVANT ")
    finally:
        (desk.folder / "templates/subject.txt").unlink()


def test_a_mail_opens_in_the_browser(
    desk: Installation, alert: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n', "utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = shown(desk, alert["id"], "--open").strip()
    assert (tmp_path / "opened").read_text("utf-8").strip() == f"file://{file}"
    assert "ميناء طرطوس" in (tmp_path / file).read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["abc"], "'abc' is too short"),
        (["zzzz"], "no alert or notification has an id that begins with 'zzzz'"),
        (["--receiver", "chef"], "no receiver is called 'chef'; did you mean 'chief'?"),
        (["--cause", "growth:5"], "--cause is for an alert"),
    ],
)
def test_what_cannot_be_shown_is_a_usage_error(desk: Installation, arguments: list[str], said: str) -> None:
    done = desk("alerts", "preview", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_cause_that_is_none_is_a_usage_error(desk: Installation, alert: dict[str, Any]) -> None:
    done = desk("alerts", "preview", alert["id"], "--cause", "growth:many")
    assert (done.returncode, "'growth:many' is no cause" in done.stderr) == (2, True)
