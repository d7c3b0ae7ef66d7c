"""Apprise: what it is given, and what it makes of it at a service that is really there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.errors import DeliveryError
from monitor.model import Message, Severity
from monitor.notify.relaying import AppriseChannel
from tests.installation import Installation
from tests.samples import NOW
from tests.slackserver import SECRET, Answer, SlackServer, slack_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


@pytest.fixture(scope="module")
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: SlackServer) -> None:
    server.clear()
    server.script.append(Answer(kept=True))


def channel(server: SlackServer, options: str = "") -> AppriseChannel:
    return AppriseChannel({"json 1": f"json://{server.origin}/{SECRET}{options}"})


MESSAGE = Message(
    id="n",
    about="w",
    subject="\u2068محادثات حول طرطوس\u2069 · Tartus",
    text="first report\n\nمحادثات حول طرطوس\n",
    html="",
    terminal="",
    data=b"{}",
    date=NOW,
    severity=Severity.HIGH,
)


def test_subject_and_text_arrive_as_they_are(server: SlackServer) -> None:
    channel(server).send(MESSAGE, "json 1")
    (post,) = server.posts
    assert (post["title"], post["message"].strip()) == (MESSAGE.subject, MESSAGE.text.strip())


def test_nobody_is_summoned_by_what_a_publisher_writes(server: SlackServer) -> None:
    hostile = replace(MESSAGE, subject="@everyone <!channel>", text="@Here <@U1> <#C1> mail@example.org 1 < 2")
    channel(server).send(hostile, "json 1")
    (post,) = server.posts
    assert post["title"] == "@\u2060everyone <\u2060!channel>"
    assert post["message"] == "@\u2060Here <\u2060@U1> <\u2060#C1> mail@example.org 1 < 2"


def test_text_is_cut_to_what_a_service_takes_and_says_so(server: SlackServer) -> None:
    channel(server).send(replace(MESSAGE, text="word " * 20_000), "json 1")
    (post,) = server.posts
    assert len(post["message"]) <= 32_768  # of Apprise, for services that do not say how much they take
    assert post["message"].endswith("…")


def test_text_is_sent_in_pieces_where_the_address_asks_for_it(server: SlackServer) -> None:
    server.script.append(Answer(kept=True))
    channel(server, "?overflow=split").send(replace(MESSAGE, text="word " * 10_000), "json 1")
    assert len(server.posts) == 2


def test_an_address_that_apprise_does_not_know_is_told_before_anything_is_sent() -> None:
    unknown = AppriseChannel({"nothing 1": f"nothing://{SECRET}"})
    with pytest.raises(DeliveryError, match="nothing 1 is no address that Apprise knows") as caught:
        unknown.probe("nothing 1")
    assert not caught.value.retryable
    assert SECRET not in str(caught.value)


def test_receivers_test_goes_through_apprise_and_shows_no_address(tmp_path: Path, server: SlackServer) -> None:
    address = f"json://{server.origin}/{SECRET}"
    alerts = f'receivers:\n  relay: {{apprise: {{url: "{address}"}}}}\nroute: {{receiver: relay}}\n'
    desk = Installation(tmp_path / "desk", alerts=alerts)
    assert desk("receivers", "test", "relay").returncode == 0
    assert "This is a test" in server.posts[0]["title"]
    server.script.append(Answer(500))
    failed = desk("receivers", "test", "relay")
    assert (failed.returncode, "did not take it" in failed.stdout) == (1, True)
    assert SECRET not in failed.stdout + failed.stderr
