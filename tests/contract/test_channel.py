"""What every channel keeps to, over real ones: delivery, failures and what they tell, hostile and endless news."""

from __future__ import annotations

import io
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Final

import pytest

from monitor.errors import DeliveryError
from monitor.model import Alert, Evidence, Header, How, Match, Message, Notification, Severity, WatchlistHeader
from monitor.notify.relaying import AppriseChannel
from monitor.notify.rendering import Renderer
from monitor.notify.slack import SlackChannel
from monitor.notify.smtp import SmtpChannel
from monitor.notify.spool import SpoolChannel
from monitor.notify.terminal import TerminalChannel
from monitor.settings import Slack, Smtp
from tests.mailserver import MailServer
from tests.slackserver import SECRET, TOKEN, Answer, SlackServer, fault_of, slack_server, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitor.ports import Channel

pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # Apprise imports it
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),  # on this machine
]

NOW: Final = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PASSWORD: Final = "s3cret-password"
LIMIT: Final = timedelta(seconds=5)
HEADLINE: Final = "موسكو ترد على طلب تسليم الأسد"
HOSTILE: Final = (
    "<!channel> <@U1> <https://evil.example|click> @everyone *b* `c` & </p><script>\r\nBcc: x@evil.example\n"
    "\u202eright\u2066 \x1b[2J\x07\u2028 =?utf-8?q?=0d=0aBcc:?= {{ 7*7 }}"
)
ACTIVE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066\u2067]")


@dataclass
class Place:
    """A channel with somewhere real to send to; ``arrived`` is what people there read, a text for each message."""

    channel: Channel
    destination: str
    arrived: Callable[[], list[str]]
    ready: Callable[[], None] = field(default=lambda: None)

    def send(self, message: Message) -> None:
        self.ready()
        self.channel.send(message, self.destination)


def alert(number: int, title: str, quote: str) -> Alert:
    found = Evidence(
        clause="c", field="text", text=quote[:5], start=0, end=5, how=How.EXACT, quote=quote, quote_start=0, mentions=()
    )
    header = Header(
        id=str(number), source="agency", title=title, content_hash="", first_seen=NOW, url="https://e.org/1"
    )
    match = Match(
        watchlist=WatchlistHeader(id="w", name="Assad", severity=Severity.HIGH),
        article=header,
        score=100,
        evidence=(found,),
        matched_at=NOW,
    )
    return Alert(
        id=str(number), kind="watchlist", name="w", severity=Severity.HIGH, state="open", created=NOW, matches=(match,)
    )


def message(*alerts: Alert) -> Message:
    notification = Notification(
        id="n", receiver="desk", channel="c", destination="d", cause="first", created=NOW, alerts=alerts
    )
    return Renderer().render(notification)


ONE: Final = message(alert(1, HEADLINE, "رفضت موسكو الطلب."))


# --- The channels: one function each ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: SlackServer) -> None:
    server.clear()


def mail_text(data: bytes) -> str:
    mail = message_from_bytes(data, policy=default)
    assert isinstance(mail, EmailMessage)
    assert "bcc" not in {name.lower() for name in mail}
    body = mail.get_body(("plain",))
    assert body is not None
    return f"{mail['subject']}\n{body.get_content()}".replace("\r\n", "\n")


def slack_text(post: dict[str, object]) -> str:
    assert fault_of(post) is None
    blocks = post["blocks"]
    assert isinstance(blocks, list)
    said = str(post["text"])
    assert "<" not in said, "what is parsed is escaped; blocks are not parsed"
    return "".join([said, "\n", *texts(blocks)])


def mailbox(server: MailServer) -> Place:
    given = {"host": server.host, "port": server.port, "tls": "none", "from": "monitor@example.org"}
    channel = SmtpChannel(Smtp.model_validate(given | {"user": "monitor", "password": PASSWORD}), timeout=LIMIT)
    return Place(channel, "desk@example.org", lambda: [mail_text(each.data) for each in server.received])


def bot(server: SlackServer, limit: timedelta = LIMIT) -> Place:
    place = Slack.model_validate({"channel": "#levant", "token": TOKEN})
    channel = SlackChannel({"#levant": place}, api=server.api, limit=limit)
    return Place(channel, "#levant", lambda: [slack_text(post) for post in server.posts])


def webhook(server: SlackServer, limit: timedelta = LIMIT) -> Place:
    place = Slack.model_validate({"webhook": server.hook})
    channel = SlackChannel({place.destination: place}, limit=limit)
    return Place(channel, place.destination, lambda: [slack_text(post) for post in server.posts])


def relay(server: SlackServer, limit: timedelta = LIMIT) -> Place:
    channel = AppriseChannel({"json 1": f"json://monitor:{PASSWORD}@{server.origin}/{SECRET}"}, limit=limit)
    return Place(
        channel,
        "json 1",
        lambda: [f"{post['title']}\n{post['message']}" for post in server.posts],
        ready=lambda: server.script.append(Answer(kept=True)),
    )


def outbox(folder: Path) -> Place:
    return Place(
        SpoolChannel(), str(folder), lambda: [mail_text(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]
    )


def screen() -> Place:
    stream = io.StringIO()
    return Place(TerminalChannel(stream, {}), "-", lambda: [one for one in stream.getvalue().split("\n\n\n") if one])


KINDS: Final = ("mail", "slack bot", "slack webhook", "apprise", "file", "terminal")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, server: SlackServer, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        makers: dict[str, Callable[[], Place]] = {
            "mail": lambda: mailbox(stack.enter_context(MailServer(logins={"monitor": PASSWORD}))),
            "slack bot": lambda: bot(server),
            "slack webhook": lambda: webhook(server),
            "apprise": lambda: relay(server),
            "file": lambda: outbox(tmp_path / "outbox"),
            "terminal": screen,
        }
        yield makers[request.param]()


# --- What arrives ----------------------------------------------------------------------------------------------------


def test_a_message_arrives_with_its_headline_its_evidence_and_why(place: Place) -> None:
    place.send(ONE)
    (said,) = place.arrived()
    assert said.index(HEADLINE) < said.index("موسكو الطلب")
    for words in ("Assad", "high", "first report", "agency"):
        assert words in said


def test_what_a_publisher_writes_cannot_act(place: Place) -> None:
    place.send(message(alert(1, HOSTILE, HOSTILE)))
    (said,) = place.arrived()
    assert not ACTIVE.search(said.replace("\n", ""))
    assert "{{ 7*7 }}" in said


def test_the_same_message_twice_is_the_same_again(place: Place) -> None:
    place.send(ONE)
    place.send(ONE)
    arrived = place.arrived()
    assert 1 <= len(arrived) <= 2
    assert len(set(arrived)) == 1


def test_news_without_end_is_delivered_and_says_what_it_leaves_out(place: Place) -> None:
    place.send(message(*(alert(number, "عنوان طويل " * 2_000, "كلمة " * 10_000) for number in range(60))))
    (said,) = place.arrived()
    assert len(said) < 120_000
    assert re.search(r"… and \d+ more|…$", said.rstrip())


def test_a_probe_finds_what_works_and_sends_nothing(place: Place) -> None:
    place.channel.probe(place.destination)
    assert place.arrived() == []


# --- What fails ------------------------------------------------------------------------------------------------------


def refusal(place: Place) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        place.channel.send(ONE, place.destination)
    said = f"{caught.value.reason} {caught.value!r} {caught.value.__cause__!r}"
    assert not any(secret in said for secret in (TOKEN, SECRET, PASSWORD))
    return caught.value


MENDABLE: Final = (400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 418, 422, 431, 451)
PASSING: Final = (408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 530, 599)


@pytest.mark.parametrize("status", MENDABLE + PASSING)
@pytest.mark.parametrize("make", [bot, webhook, relay])
def test_each_status_of_http_is_tried_again_or_told_to_an_operator(
    make: Callable[[SlackServer], Place], server: SlackServer, status: int
) -> None:
    server.script.append(Answer(status, f"<html>{SECRET} {PASSWORD} {TOKEN}</html>"))
    error = refusal(make(server))
    assert error.retryable == (status in PASSING or make is relay), "Apprise does not say which it was"
    assert server.asked == 1, "channels never try again themselves"


@pytest.mark.parametrize("reply", ["421", "450", "451", "452", "550", "552", "553", "554"])
def test_each_reply_of_a_mail_server_is_tried_again_or_told_to_an_operator(reply: str) -> None:
    with MailServer({"DATA": [f"{reply} not {PASSWORD}"]}, logins={"monitor": PASSWORD}) as server:
        assert refusal(mailbox(server)).retryable == reply.startswith("4")


@pytest.mark.parametrize("make", [bot, webhook, relay])
@pytest.mark.parametrize("kept", [False, True])
def test_a_lost_answer_is_tried_again_and_may_have_been_taken(
    make: Callable[[SlackServer], Place], server: SlackServer, kept: bool
) -> None:
    server.script.append(Answer(hang_up=True, kept=kept))
    assert refusal(make(server)).retryable
    assert len(server.posts) == kept


@pytest.mark.parametrize("make", [bot, webhook, relay])
def test_an_answer_without_end_is_given_up(
    make: Callable[[SlackServer, timedelta], Place], server: SlackServer
) -> None:
    server.script.append(Answer(drips=True))
    assert refusal(make(server, timedelta(seconds=0.2))).retryable


@pytest.mark.parametrize("make", [bot, webhook, relay])
def test_nobody_there_is_tried_again(make: Callable[[SlackServer], Place]) -> None:
    assert refusal(make(SlackServer(port=1))).retryable


def test_no_mail_server_is_tried_again() -> None:
    with MailServer() as server:
        place = mailbox(server)
    assert refusal(place).retryable


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in its place")
    assert refusal(outbox(tmp_path / "outbox")).retryable


def test_an_output_that_is_closed_is_tried_again() -> None:
    stream = io.StringIO()
    stream.close()
    assert refusal(Place(TerminalChannel(stream, {}), "-", list)).retryable


@pytest.mark.parametrize("make", [bot, webhook, relay])
def test_a_destination_that_is_configured_no_more_is_told_to_an_operator(
    make: Callable[[SlackServer], Place], server: SlackServer
) -> None:
    gone = Place(make(server).channel, "gone", list)
    error = refusal(gone)
    assert (error.retryable, "not configured any more" in error.reason) == (False, True)
