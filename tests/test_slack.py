"""Slack, by a server that answers as Slack does: what is posted, what is tried again, what is never told."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from monitor.errors import DeliveryError
from monitor.model import Alert, Edit, Evidence, Header, How, Match, Message, Notification, Severity, WatchlistHeader
from monitor.notify.blocks import blocks_of
from monitor.notify.delivering import Deliverer
from monitor.notify.digesting import Digest, Report
from monitor.notify.marking import Line, Part
from monitor.notify.recording import Decider, Recorder
from monitor.notify.rendering import Renderer
from monitor.notify.slack import SlackChannel
from monitor.ports import Decision, Doubt, Owed
from monitor.settings import Slack
from monitor.store import open_store
from tests.installation import Installation
from tests.samples import a_match, alert_settings
from tests.slackserver import SECRET, TOKEN, Answer, SlackServer, fault_of, slack_server, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import SqlStore

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


# --- Threads ---------------------------------------------------------------------------------------------------------

LATER: Final = replace(ONE, id="later")


def test_what_follows_is_a_reply_in_the_thread_and_stands_by_itself_when_that_is_gone(server: SlackServer) -> None:
    parent = bot(server).send(ONE, "#levant")
    assert parent
    bot(server).send(LATER, "#levant", parent)
    server.delete(parent)
    assert bot(server).send(replace(ONE, id="latest"), "#levant", parent) == "C0LEVANT 1700000000.000002"
    assert [post.get("thread_ts") for post in server.posts] == [None, parent.partition(" ")[2], None]
    assert not any("reply_broadcast" in post for post in server.posts)


def test_a_reply_in_a_layout_that_slack_does_not_take_is_plain_text_in_its_thread(server: SlackServer) -> None:
    parent = bot(server).send(ONE, "#levant")
    bot(server).send(replace(LATER, blocks=({"type": "rich_text", "elements": []},)), "#levant", parent)
    assert [("thread_ts" in post, bool(post.get("blocks"))) for post in server.posts] == [(False, True), (True, False)]


def test_a_thread_in_a_channel_that_is_another_one_now_is_left(server: SlackServer) -> None:
    bot(server).send(ONE, "#levant", "C0FORMER 1700000000.000000")
    assert "thread_ts" not in server.posts[0]


def test_a_refusal_that_is_not_the_thread_s_is_a_failure(server: SlackServer) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}))
    with pytest.raises(DeliveryError) as caught:
        bot(server).send(ONE, "#levant", "C0LEVANT 1700000000.000000")
    assert (caught.value.retry_after, server.posts) == (timedelta(seconds=30), [])


def test_a_webhook_knows_no_threads(server: SlackServer) -> None:
    SlackChannel({"#levant": hook(server.hook)}).send(ONE, "#levant", "C0LEVANT 1700000000.000000")
    assert "thread_ts" not in server.posts[0]


# --- In doubt --------------------------------------------------------------------------------------------------------

BEGUN: Final = datetime.fromtimestamp(1_700_000_000, UTC)
NEAR: Final = Doubt(since=BEGUN, near="C0LEVANT 1690000000.000000")


def lose(server: SlackServer, thread: str | None = None, **answer: Any) -> DeliveryError:  # noqa: ANN401 - an answer's fields
    """Send a message that Slack takes and says nothing of."""
    server.script.append(Answer(kept=True, **answer))
    with pytest.raises(DeliveryError) as caught:
        bot(server, limit=timedelta(seconds=1)).send(ONE, "#levant", thread)
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"hang_up": True}, id="it hangs up"),
        pytest.param({"drips": True}, id="it never ends its answer"),
        pytest.param({"status": 500, "body": "oops"}, id="it breaks"),
        pytest.param({"status": 504, "body": "<html>gateway</html>"}, id="something in between gives up"),
        pytest.param({"body": '{"ok": false, "error": "fatal_error"}'}, id="it says that some of it may be done"),
    ],
)
def test_what_slack_took_without_a_word_is_in_doubt_and_found_by_its_mark(
    server: SlackServer, answer: dict[str, Any]
) -> None:
    bot(server).send(LATER, "#levant")
    assert lose(server, **answer).doubtful
    assert bot(server).find(ONE, "#levant", NEAR, None) == "C0LEVANT 1700000000.000001"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(429, '{"ok": false, "error": "ratelimited"}'), id="too many"),
        pytest.param(Answer(body='{"ok": false, "error": "not_in_channel"}'), id="refused"),
    ],
)
def test_what_slack_says_it_did_not_take_is_not_in_doubt(server: SlackServer, answer: Answer) -> None:
    server.script.append(answer)
    assert not refusal(bot(server)).doubtful


def test_what_never_reached_slack_is_not_in_doubt() -> None:
    assert not refusal(bot(SlackServer(port=1))).doubtful


def test_what_did_not_arrive_or_arrived_before_is_not_found(server: SlackServer) -> None:
    assert bot(server).find(ONE, "#levant", NEAR, None) is None
    bot(server).send(ONE, "#levant")
    late = replace(NEAR, since=BEGUN + timedelta(minutes=2))
    assert bot(server).find(ONE, "#levant", late, None) is None


def test_a_reply_is_looked_for_in_its_thread_and_where_it_stands_without_one(server: SlackServer) -> None:
    parent = bot(server).send(LATER, "#levant")
    assert parent
    server.script.append(Answer(hang_up=True))
    with pytest.raises(DeliveryError):
        bot(server).send(ONE, "#levant", parent)
    assert bot(server).find(ONE, "#levant", NEAR, parent) is None
    receipt = bot(server).send(ONE, "#levant", parent)
    assert bot(server).find(ONE, "#levant", NEAR, parent) == receipt
    server.delete(parent)
    assert bot(server).find(ONE, "#levant", NEAR, parent) is None, "nobody sees it there"
    alone = bot(server).send(ONE, "#levant", parent)
    assert bot(server).find(ONE, "#levant", NEAR, parent) == alone


def test_many_messages_are_looked_through_page_by_page_with_an_end(server: SlackServer) -> None:
    receipt = bot(server).send(ONE, "#levant")
    for number in range(11):
        bot(server).send(replace(ONE, id=f"n{number}"), "#levant")
    server.page = 5
    assert bot(server).find(ONE, "#levant", NEAR, None) == receipt
    server.page, server.asked = 1, 0
    assert bot(server).find(ONE, "#levant", NEAR, None) is None
    assert server.asked == 10


def test_without_the_scope_nobody_can_look_and_the_error_says_what_to_do(server: SlackServer) -> None:
    server.scopes = frozenset({"chat:write"})
    with pytest.raises(DeliveryError, match=r"missing_scope: give the bot the scopes .*channels:history"):
        bot(server).find(ONE, "#levant", NEAR, None)


def test_where_the_channel_s_id_is_not_known_the_error_says_what_to_do(server: SlackServer) -> None:
    with pytest.raises(DeliveryError, match="write the id of #levant instead of its name"):
        bot(server).find(ONE, "#levant", Doubt(since=BEGUN), None)
    assert bot(server, channel="C0LEVANT").find(ONE, "#levant", Doubt(since=BEGUN), None) is None


def test_too_many_look_ups_are_a_failure_of_looking(server: SlackServer) -> None:
    server.script.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}))
    with pytest.raises(DeliveryError, match="ratelimited"):
        bot(server).find(ONE, "#levant", NEAR, None)


def test_of_a_webhook_nothing_can_be_looked_for(server: SlackServer) -> None:
    assert SlackChannel({"#levant": hook(server.hook)}).find(ONE, "#levant", NEAR, None) is None
    assert server.asked == 0


# --- A story, from its first report on -------------------------------------------------------------------------------


ALERTS: Final = alert_settings(desk={"slack": {"channel": "#levant", "token": TOKEN}})


@pytest.fixture
def story(server: SlackServer, tmp_path: Path) -> Iterator[Story]:
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as store:
        yield Story(store, server)


@dataclass
class Story:
    """A desk in Slack that is told of one story, over a real store."""

    store: SqlStore
    server: SlackServer

    def report(self, version: str, now: datetime) -> str:
        Recorder(self.store, ALERTS).record(a_match(version=version, title=f"خبر {version}"), now)
        Decider(self.store, ALERTS).tick(now)
        (report,) = self.store.alerts()
        return report.alert.id

    def owe(self, cause: str, alert: str, now: datetime) -> None:
        to = {"receiver": "desk", "channel": "slack", "destination": "#levant"}
        owed = Owed(**to, cause=cause, about=alert, alerts=(alert,))
        self.store.decide(lambda _: Decision(notifications=(owed,)), now)

    def turn(self, now: datetime) -> None:
        """Deliver what is owed now, and put right what is to be."""
        channels = {"slack": bot(self.server, limit=timedelta(seconds=1))}
        render = Renderer().render
        deliverer = Deliverer(self.store, channels, render, lambda _: None, worker="one", jitter=lambda: 0.0)
        while deliverer.deliver_one(now, "slack") or deliverer.refresh_one(now, "slack"):
            pass


CAUSES: Final = ("growth:5", "term:حميميم", "tier1:agency", "changed:a1", "withdrawn:a1", "development:s2", "resolved")


def test_a_story_is_one_message_that_stays_up_to_date_with_all_that_follows_in_its_thread(story: Story) -> None:
    alert = story.report("v1", BEGUN)
    story.turn(BEGUN)
    for number, cause in enumerate(CAUSES, start=1):
        story.owe(cause, alert, BEGUN + timedelta(minutes=number))
        story.turn(BEGUN + timedelta(minutes=number))
    parent, *replies = story.server.posts
    assert "thread_ts" not in parent
    assert [reply["thread_ts"] for reply in replies] == [parent["ts"]] * len(CAUSES)
    story.report("v2", BEGUN + timedelta(hours=1))
    asked = story.server.asked
    story.turn(BEGUN + timedelta(hours=1, seconds=29))
    assert story.server.asked == asked
    story.turn(BEGUN + timedelta(hours=1, seconds=30))
    assert (story.server.asked, len(story.server.posts)) == (asked + 1, 1 + len(CAUSES))
    assert story.server.posts[0]["parse"] == "none", "the first message was put right"


def test_an_answer_that_was_lost_leaves_one_message_and_its_thread(story: Story) -> None:
    story.report("v0", BEGUN)
    story.turn(BEGUN)
    story.owe("growth:5", story.report("v0", BEGUN), BEGUN)
    story.server.script.append(Answer(kept=True, hang_up=True))
    story.turn(BEGUN)
    story.turn(BEGUN + timedelta(seconds=5))
    assert [post["metadata"]["event_payload"]["id"] for post in story.server.posts] == [
        told.id for report in story.store.alerts() for told in report.told
    ]
    assert story.store.backlog().waiting == 0


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
