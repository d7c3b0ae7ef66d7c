"""Slack, by a server that answers as Slack does: what is posted, what is tried again, what is never told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from monitor.errors import DeliveryError
from monitor.model import Alert, Evidence, Header, How, Match, Message, Notification, Severity, WatchlistHeader
from monitor.notify.rendering import Renderer
from monitor.notify.slack import SlackChannel
from monitor.settings import Slack
from tests.installation import Installation
from tests.slackserver import TOKEN, Answer, SlackServer, fault_of, slack_server, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
HOSTILE: Final = "<!channel> <@U1> <https://evil.example|click> *b* _i_ `c` & </script>\u202e \x1b[31m"


def alert(number: int, title: str, quote: str = "") -> Alert:
    found = Evidence(
        clause="c", field="text", text=quote[:6], start=0, end=6, how=How.EXACT, quote=quote, quote_start=0, mentions=()
    )
    header = Header(
        id=str(number), source="agency", title=title, content_hash="", first_seen=NOW, url="https://e.org/1"
    )
    watchlist = WatchlistHeader(id="w", name=title[:40], severity=Severity.HIGH)
    match = Match(watchlist=watchlist, article=header, score=100, evidence=(found,), matched_at=NOW)
    return Alert(
        id=str(number), kind="watchlist", name="w", severity=Severity.HIGH, state="open", created=NOW, matches=(match,)
    )


def message(*alerts: Alert) -> Message:
    notification = Notification(
        id="n", receiver="desk", channel="slack", destination="#levant", cause="first", created=NOW, alerts=alerts
    )
    return Renderer().render(notification)


ONE: Final = message(alert(1, "موسكو ترد على طلب تسليم الأسد", "رفضت موسكو الطلب."))


@pytest.fixture(scope="module")
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.fixture(params=["token", "webhook"])
def channel(request: pytest.FixtureRequest, server: SlackServer) -> SlackChannel:
    server.posts.clear()
    server.script.clear()
    given = {"channel": "#levant", "token": TOKEN} if request.param == "token" else {"webhook": server.hook}
    place = Slack.model_validate(given)
    return SlackChannel({"#levant": place}, api=server.api, within=5)


def refusal(channel: SlackChannel, given: Message = ONE) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(given, "#levant")
    assert TOKEN not in str(caught.value)
    assert "the-secret" not in str(caught.value)
    return caught.value


def test_a_message_arrives_with_the_headline_first_and_the_words_marked(
    channel: SlackChannel, server: SlackServer
) -> None:
    channel.send(ONE, "#levant")
    (post,) = server.posts
    shown = list(texts(post["blocks"]))
    assert "موسكو ترد على طلب تسليم الأسد" in shown[0]
    assert "first report" in "".join(shown)
    quote = post["blocks"][0]["elements"][1]
    assert [(part["text"].strip("\u2068\u2069"), "style" in part) for part in quote["elements"]] == [
        ("رفضت م", True),
        ("وسكو الطلب.", False),
    ]
    assert "موسكو" in post["text"]
    assert str(post["unfurl_links"]).lower() in {"false", "0"}


def test_what_a_publisher_writes_is_shown_and_never_obeyed(channel: SlackChannel, server: SlackServer) -> None:
    channel.send(message(alert(1, HOSTILE, HOSTILE)), "#levant")
    (post,) = server.posts
    assert "<" not in post["text"]
    assert {block["type"] for block in post["blocks"]} == {"rich_text"}
    pieces = json.dumps(post["blocks"])
    assert '"user"' not in pieces
    assert '"broadcast"' not in pieces
    assert pieces.count('"link"') == 1
    assert "\\u202e" not in pieces


@pytest.mark.parametrize("number", [1, 60])
def test_much_and_long_news_stays_within_slacks_limits_and_says_how_much_is_left(
    channel: SlackChannel, server: SlackServer, number: int
) -> None:
    long = message(*(alert(one, "عنوان طويل " * 400, "كلمة " * 3_000) for one in range(number)))
    channel.send(long, "#levant")
    (post,) = server.posts
    assert fault_of(post) is None
    assert len("".join(texts(post["blocks"]))) < 10_000
    assert number == 1 or "more: monitor alerts" in list(texts(post["blocks"]))[-1]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_is_broken_is_tried_again(channel: SlackChannel, server: SlackServer, status: int) -> None:
    server.script.append(Answer(status, "<html>oops</html>"))
    assert refusal(channel).retryable


def test_too_many_messages_wait_as_long_as_slack_says(channel: SlackChannel, server: SlackServer) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}))
    error = refusal(channel)
    assert (error.retryable, error.retry_after) == (True, timedelta(seconds=30))


@pytest.mark.parametrize("asked", ["soon", "-1", "9" * 30])
def test_a_wait_that_is_none_is_not_believed(channel: SlackChannel, server: SlackServer, asked: str) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": asked}))
    error = refusal(channel)
    assert (error.retryable, error.retry_after) == (True, None)


def test_a_lost_answer_is_tried_again(channel: SlackChannel, server: SlackServer) -> None:
    server.script.append(Answer(hang_up=True))
    assert refusal(channel).retryable


def test_nobody_there_is_tried_again() -> None:
    place = Slack.model_validate({"channel": "#levant", "token": TOKEN})
    assert refusal(SlackChannel({"#levant": place}, api="http://127.0.0.1:1/api/")).retryable


def test_a_layout_that_slack_does_not_take_is_sent_as_plain_text(channel: SlackChannel, server: SlackServer) -> None:
    wrong = replace(ONE, blocks=({"type": "rich_text", "elements": []},))
    channel.send(wrong, "#levant")
    (post,) = server.posts
    assert not post.get("blocks")
    assert "رفضت" in post["text"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"channel": "#levant", "token": "xoxb-wrong"}, "invalid_auth: the token is not valid"),
        ({"channel": "#elsewhere", "token": TOKEN}, "channel_not_found: no channel of that name"),
        ({"webhook": "/services/wrong"}, "invalid_token: the webhook's address is not valid"),
    ],
)
def test_what_an_operator_must_mend_is_said_and_not_tried_again(
    server: SlackServer, given: dict[str, str], says: str
) -> None:
    given = {
        key: f"http://127.0.0.1:{server.port}{value}" if key == "webhook" else value for key, value in given.items()
    }
    error = refusal(SlackChannel({"#levant": Slack.model_validate(given)}, api=server.api))
    assert not error.retryable
    assert says in error.reason


def test_a_channel_that_is_configured_no_more_is_a_failure(channel: SlackChannel) -> None:
    with pytest.raises(DeliveryError, match="not configured any more"):
        channel.send(ONE, "#gone")


def test_a_probe_tells_a_wrong_token_and_posts_nothing(channel: SlackChannel, server: SlackServer) -> None:
    channel.probe("#levant")
    wrong = Slack.model_validate({"channel": "#levant", "token": "xoxb-wrong"})
    with pytest.raises(DeliveryError, match="invalid_auth"):
        SlackChannel({"#levant": wrong}, api=server.api).probe("#levant")
    assert not server.posts


# --- From the configuration on ---------------------------------------------------------------------------------------


def test_receivers_test_reaches_every_destination_or_says_why_not(tmp_path: Path, server: SlackServer) -> None:
    server.posts.clear()
    relay = f"json://127.0.0.1:{server.port}/api/relayed"
    alerts = f"""\
receivers:
  desk: {{slack: {{webhook: "{server.hook}"}}, file: outbox}}
  wrong: {{slack: {{webhook: "{server.hook}x"}}}}
  relay: {{apprise: {{url: "{relay}"}}}}
route: {{receiver: desk}}
"""
    desk = Installation(tmp_path / "desk", alerts=alerts)
    told = desk("receivers", "test", "desk")
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, f"file {desk.folder}/outbox: ok")
    assert "This is a test" in server.posts[0]["text"]
    wrong = desk("receivers", "test", "wrong", "--json")
    assert wrong.returncode == 1
    assert "the-secret" not in wrong.stdout + wrong.stderr
    assert "invalid_token" in json.loads(wrong.stdout)["error"]
    server.script.append(Answer())
    assert desk("receivers", "test", "relay").returncode == 0
    server.script.append(Answer(500))
    failed = desk("receivers", "test", "relay")
    assert (failed.returncode, "did not take it" in failed.stdout) == (1, True)
    assert desk("receivers", "test", "dexk").returncode == 2
