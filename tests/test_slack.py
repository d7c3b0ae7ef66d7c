"""Slack, by a server that answers as Slack does: what is posted, what is tried again, what is never told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from monitor.errors import DeliveryError
from monitor.model import Alert, Edit, Evidence, Header, How, Match, Message, Notification, Severity, WatchlistHeader
from monitor.notify.blocks import blocks_of
from monitor.notify.digesting import Digest, Report
from monitor.notify.marking import Line, Part
from monitor.notify.rendering import Renderer
from monitor.notify.slack import SlackChannel
from monitor.settings import Slack
from tests.installation import Installation
from tests.slackserver import SECRET, TOKEN, Answer, SlackServer, fault_of, slack_server, texts

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


@pytest.fixture(autouse=True)
def fresh(server: SlackServer) -> None:
    server.clear()


def bot(server: SlackServer, *, limit: timedelta = timedelta(seconds=5), **given: str) -> SlackChannel:
    place = Slack.model_validate({"channel": "#levant", "token": TOKEN} | given)
    return SlackChannel({"#levant": place}, api=server.api, limit=limit)


@pytest.fixture(params=["token", "webhook"])
def channel(request: pytest.FixtureRequest, server: SlackServer) -> SlackChannel:
    return bot(server) if request.param == "token" else SlackChannel({"#levant": hook(server.hook)})


def hook(address: str) -> Slack:
    return Slack.model_validate({"webhook": address})


def refusal(channel: SlackChannel, given: Message = ONE) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(given, "#levant")
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


# --- What is shown ---------------------------------------------------------------------------------------------------


def shown(post: dict[str, Any]) -> str:
    return "".join(texts(post["blocks"]))


def test_a_message_arrives_with_the_headline_first_and_the_words_marked(
    channel: SlackChannel, server: SlackServer
) -> None:
    channel.send(ONE, "#levant")
    (post,) = server.posts
    report, details = post["blocks"]
    headline, _, label, *facts = report["elements"][0]["elements"]
    assert headline == {
        "type": "link",
        "url": "https://e.org/1",
        "text": "\u2068موسكو ترد على طلب تسليم الأسد\u2069",
        "style": {"bold": True},
    }
    assert "موسكو" in label["text"], "the watchlist's name"
    assert "".join(part["text"] for part in facts) == " · high · first report\u2069"
    quote = report["elements"][1]
    assert quote["type"] == "rich_text_quote"
    assert [(part["text"].strip("\u2068\u2069"), "style" in part) for part in quote["elements"]] == [
        ("رفضت م", True),
        ("وسكو الطلب.", False),
    ]
    assert (details["type"], details["elements"][0]["text"].split(" · ")[0]) == ("context", "agency")
    assert "موسكو" in post["text"]
    assert post["unfurl_links"] is False


def test_words_found_in_the_headline_are_marked_there_and_it_stays_one_link(server: SlackServer) -> None:
    found = Evidence(
        clause="c", field="title", text="ترد", start=6, end=9, how=How.EXACT, quote="", quote_start=0, mentions=()
    )
    one = alert(1, "موسكو ترد على طلب")
    given = message(replace(one, matches=(replace(one.matches[0], evidence=(found,)),)))
    bot(server).send(given, "#levant")
    headline = server.posts[0]["blocks"][0]["elements"][0]["elements"][:3]
    assert [("style" in part, part["url"]) for part in headline] == [
        (False, "https://e.org/1"),
        (True, "https://e.org/1"),
        (False, "https://e.org/1"),
    ]
    assert [part["text"] for part in headline] == ["\u2068موسكو ", "ترد", " على طلب\u2069"]


def test_several_alerts_say_once_why_they_were_sent(server: SlackServer) -> None:
    bot(server).send(message(alert(1, "one"), alert(2, "two")), "#levant")
    said = shown(server.posts[0])
    assert said.startswith("2 alerts")
    assert said.count("2 alerts") == 1
    assert said.index("one") < said.index("two")


def test_what_a_publisher_writes_is_shown_and_never_obeyed(channel: SlackChannel, server: SlackServer) -> None:
    channel.send(message(alert(1, HOSTILE, HOSTILE)), "#levant")
    (post,) = server.posts
    assert "<" not in post["text"]
    assert post["mrkdwn"] is False
    assert {block["type"] for block in post["blocks"]} == {"rich_text", "context"}
    pieces = json.dumps(post["blocks"])
    assert '"user"' not in pieces
    assert '"broadcast"' not in pieces
    assert '"mrkdwn"' not in pieces
    assert pieces.count('"link"') == 1
    assert "\\u202e" not in pieces


@pytest.mark.parametrize("number", [1, 2, 60])
def test_much_and_long_news_stays_within_slacks_limits_and_says_how_much_is_left(
    channel: SlackChannel, server: SlackServer, number: int
) -> None:
    long = message(*(alert(one, "عنوان طويل " * 400, "كلمة " * 3_000) for one in range(number)))
    channel.send(long, "#levant")
    (post,) = server.posts
    assert fault_of(post) is None
    assert len(shown(post)) < 10_000
    assert number < 60 or list(texts(post["blocks"]))[-1].endswith("more alerts: monitor alerts")


def test_an_alert_with_more_evidence_than_there_is_room_keeps_its_headline_and_says_how_much_is_left() -> None:
    words = Line(parts=(Part(text="كلمة "), Part(text="ترحيل", marked=True)) * 400, direction="rtl")
    report = Report(
        title="t", headline=words, label="w", severity=Severity.HIGH, details=("agency",), quotes=(words,) * 6
    )
    blocks = blocks_of(
        Digest(title="t", label="w", why="why", reasons=("why",), severity=Severity.HIGH, reports=(report,), unshown=0)
    )
    post = {"text": "t", "blocks": list(blocks)}
    assert fault_of(post) is None
    assert len(shown(post)) < 10_000
    assert "… and 4 more" in shown(post)
    assert [str(text).count("\u2068") for text in ("".join(texts([piece])) for piece in blocks[0]["elements"][:3])] == [
        1,
        1,
        1,
    ], "each line in its own direction, also when it is cut"


def test_many_short_alerts_fill_slacks_fifty_blocks_and_no_more(server: SlackServer) -> None:
    bot(server).send(message(*(alert(number, f"news {number}") for number in range(60))), "#levant")
    (post,) = server.posts
    assert len(post["blocks"]) == 50
    assert list(texts(post["blocks"]))[-1] == "… and 36 more alerts: monitor alerts"


def test_a_link_that_is_longer_than_slack_takes_is_left_out(server: SlackServer) -> None:
    one = alert(1, "news")
    far = replace(one.matches[0].article, url="https://e.org/" + "x" * 5_000)
    bot(server).send(message(replace(one, matches=(replace(one.matches[0], article=far),))), "#levant")
    assert '"link"' not in json.dumps(server.posts[0]["blocks"])


def test_a_repeat_carries_the_mark_of_the_first(channel: SlackChannel, server: SlackServer) -> None:
    server.script.append(Answer(kept=True, hang_up=True))
    assert refusal(channel).retryable
    channel.send(ONE, "#levant")
    first, second = server.posts
    assert first["metadata"] == second["metadata"]
    assert first["metadata"]["event_payload"] == {"id": ONE.id}


# --- Edits -----------------------------------------------------------------------------------------------------------


def test_what_was_sent_can_be_edited_in_its_place(server: SlackServer) -> None:
    receipt = bot(server).send(ONE, "#levant")
    assert receipt == "C0LEVANT 1700000000.000000"
    bot(server).update(message(alert(2, "موسكو سلّمت الأسد")), "#levant", receipt)
    (post,) = server.posts
    assert "سلّمت" in shown(post)
    assert post["parse"] == "none"


def test_an_edit_in_a_layout_that_slack_does_not_take_is_plain_text(server: SlackServer) -> None:
    receipt = bot(server).send(ONE, "#levant")
    wrong = replace(ONE, blocks=({"type": "rich_text", "elements": []},))
    assert receipt
    bot(server).update(wrong, "#levant", receipt)
    (post,) = server.posts
    assert (post["blocks"], "رفضت" in post["text"]) == ([], True)


def test_what_cannot_be_edited_any_more_is_a_failure(server: SlackServer) -> None:
    with pytest.raises(DeliveryError, match="message_not_found: the message was deleted") as caught:
        bot(server).update(ONE, "#levant", "C0LEVANT 1700000000.000009")
    assert not caught.value.retryable


def test_a_webhook_gives_no_receipt_and_edits_nothing(server: SlackServer) -> None:
    channel = SlackChannel({"#levant": hook(server.hook)})
    assert channel.send(ONE, "#levant") is None
    with pytest.raises(DeliveryError, match="cannot be edited") as caught:
        channel.update(ONE, "#levant", "C0LEVANT 1700000000.000000")
    assert not caught.value.retryable


# --- Bad days --------------------------------------------------------------------------------------------------------


def test_too_many_messages_wait_as_long_as_slack_says(channel: SlackChannel, server: SlackServer) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}))
    error = refusal(channel)
    assert (error.retryable, error.retry_after) == (True, timedelta(seconds=30))


@pytest.mark.parametrize("asked", ["soon", "-1", "9" * 30])
def test_a_wait_that_is_none_is_not_believed(channel: SlackChannel, server: SlackServer, asked: str) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": asked}))
    error = refusal(channel)
    assert (error.retryable, error.retry_after) == (True, None)


@pytest.mark.parametrize("code", ["ratelimited", "internal_error", "service_unavailable", "team_added_to_org"])
def test_what_slack_says_of_a_bad_moment_is_tried_again(server: SlackServer, code: str) -> None:
    server.script.append(Answer(body=json.dumps({"ok": False, "error": code})))
    error = refusal(bot(server))
    assert error.retryable
    assert code in error.reason


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<html>sign in</html>", id="a page"),
        pytest.param("<html>\udce9\udcff</html>", id="a page that is no UTF-8"),
        pytest.param("<", id="a piece of a page"),
    ],
)
def test_what_answers_and_is_not_slack_did_not_take_it(channel: SlackChannel, server: SlackServer, body: str) -> None:
    server.script.append(Answer(body=body))
    error = refusal(channel)
    assert error.retryable
    assert "what answers is not Slack" in error.reason


@pytest.mark.parametrize(
    "body", ["[]", "[1]", "7", "null", "{}", '{"ok": "no"', '{"ok": false, "error": ["<!channel>"]}']
)
def test_an_answer_that_slack_never_gives_did_not_take_it(server: SlackServer, body: str) -> None:
    server.script.append(Answer(body=body))
    error = refusal(bot(server))
    assert error.retryable
    assert "<" not in error.reason


def test_a_redirection_to_a_page_is_no_success(channel: SlackChannel, server: SlackServer) -> None:
    moved = Answer(302, "", {"Location": f"http://{server.origin}/login"})
    server.script.extend([moved, Answer(body="<!doctype html>")])
    assert refusal(channel).retryable


def test_an_answer_that_never_ends_is_not_waited_for(server: SlackServer) -> None:
    server.script.append(Answer(drips=True))
    error = refusal(bot(server, limit=timedelta(seconds=0.3)))
    assert (error.retryable, error.reason) == (True, "Slack is out of reach: TimeoutError")


def test_an_answer_without_where_the_message_stands_is_a_success_without_a_receipt(server: SlackServer) -> None:
    server.script.append(Answer())
    assert bot(server).send(ONE, "#levant") is None


def test_a_layout_that_slack_does_not_take_is_sent_as_plain_text(channel: SlackChannel, server: SlackServer) -> None:
    wrong = replace(ONE, blocks=({"type": "rich_text", "elements": []},))
    channel.send(wrong, "#levant")
    (post,) = server.posts
    assert server.asked == 2
    assert not post.get("blocks")
    assert "رفضت" in post["text"]


def test_text_that_slack_does_not_take_either_is_a_failure(server: SlackServer) -> None:
    server.script.extend(Answer(body=json.dumps({"ok": False, "error": "invalid_blocks"})) for _ in range(2))
    error = refusal(bot(server))
    assert (error.retryable, error.reason, server.asked) == (False, "Slack refuses: invalid_blocks", 2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"channel": "#levant", "token": "xoxb-wrong"}, "invalid_auth: the token is not valid"),
        ({"channel": "#elsewhere", "token": TOKEN}, "channel_not_found: no channel of that name"),
        ({"channel": "#closed", "token": TOKEN}, "not_in_channel: invite the bot to the channel"),
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
    with pytest.raises(DeliveryError, match="invalid_auth"):
        bot(server, token="xoxb-wrong").probe("#levant")
    assert not server.posts


def test_what_is_said_no_more_is_struck_through_and_other_articles_are_a_list() -> None:
    one = alert(1, "موسكو ترد على طلب تسليم الأسد", "رفضت موسكو الطلب.")
    others = [replace(one.matches[0], article=replace(one.matches[0].article, id=f"x{n}")) for n in range(9)]
    at = NOW + timedelta(hours=1)
    edit = Edit(article="1", gone="", now="v2", kind="withdrawn", title="موسكو لا تعلق", at=at)
    given = message(replace(one, matches=(*one.matches, *others), edits=(edit,)))
    post = {"text": given.subject, "blocks": list(given.blocks)}
    assert fault_of(post) is None
    news, _, listed = given.blocks
    section, gone, now = news["elements"]
    assert section["elements"][0] == {"type": "text", "text": "\u200fwithdrawn: ", "style": {"bold": True}}
    assert [part["style"] for part in gone["elements"]] == [{"strike": True}] * 2
    assert "لا تعلق" in "".join(texts([now]))
    title, entries = listed["elements"]
    assert "".join(texts([title])) == "10 articles from 1 source"
    assert [len(entries["elements"]), "".join(texts(entries["elements"][-1:]))] == [7, "… and 3 more"]


# --- From the configuration on ---------------------------------------------------------------------------------------


def test_an_article_reaches_a_webhook_and_nobody_is_shown_its_address(tmp_path: Path, server: SlackServer) -> None:
    alerts = f'receivers:\n  desk: {{slack: {{webhook: "{server.hook}"}}}}\nroute: {{receiver: desk}}\n'
    desk = Installation(tmp_path / "desk", alerts=alerts)
    desk.put("one.txt", "وصلت سفينة إلى ميناء طرطوس صباح اليوم.")
    ran = desk("run", "--until-idle")
    assert ran.returncode == 0, ran.stderr
    (post,) = server.posts
    assert "ميناء طرطوس" in shown(post)
    listed = desk("alerts", "--json")
    (alert,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(told["receiver"], told["channel"]) for told in alert["notified"]] == [("desk", "slack")]
    assert SECRET not in ran.stdout + ran.stderr + listed.stdout + desk("check").stdout


@pytest.fixture
def desk(tmp_path: Path, server: SlackServer) -> Installation:
    alerts = f"""\
receivers:
  desk: {{slack: {{webhook: "{server.hook}"}}, file: outbox}}
  wrong: {{slack: {{webhook: "{server.hook}x"}}, terminal: true}}
  serverless: {{email: {{to: a@example.org}}}}
  unset: {{slack: {{channel: "#levant", token: "${{NOT_SET}}"}}}}
route: {{receiver: desk}}
"""
    return Installation(tmp_path / "desk", alerts=alerts)


def test_receivers_test_reaches_every_destination(desk: Installation, server: SlackServer) -> None:
    told = desk("receivers", "test", "desk")
    lines = told.stdout.splitlines()
    assert (told.returncode, lines[0]) == (0, f"file {desk.folder}/outbox: ok")
    assert re.fullmatch("slack webhook [0-9a-f]{6}: ok", lines[1])
    assert "This is a test" in server.posts[0]["text"]
    assert len([*(desk.folder / "outbox").glob("*.eml")]) == 1


def test_receivers_test_says_which_destination_fails_and_why(desk: Installation) -> None:
    wrong = desk("receivers", "test", "wrong", "--json")
    assert wrong.returncode == 1
    assert SECRET not in wrong.stdout + wrong.stderr
    ours, theirs = [json.loads(line) for line in wrong.stdout.splitlines()]
    assert (ours["channel"], ours["error"]) == ("terminal", None)
    assert "invalid_token: the webhook's address is not valid; make a new one" in theirs["error"]
    serverless = desk("receivers", "test", "serverless")
    assert (serverless.returncode, "mail needs a server: add smtp:" in serverless.stdout) == (1, True)


def test_receivers_test_of_a_name_that_is_none_is_a_usage_error(desk: Installation) -> None:
    misspelt = desk("receivers", "test", "dexk")
    assert misspelt.returncode == 2
    assert "did you mean 'desk'?" in misspelt.stderr
    unset = desk("receivers", "test", "unset")
    assert unset.returncode == 2
    assert "variable NOT_SET is not set" in unset.stderr
