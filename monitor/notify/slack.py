"""The Slack channel: a message into a channel by a bot's token, or to whatever stands behind a webhook.

Hides slack_sdk, threads, how a message is found again by its mark, and what of Slack's many refusals is worth another
attempt. Never retries by itself. Does not decide what a message looks like (`blocks`).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from monitor.errors import DeliveryError
from monitor.notify.display import clean, cut
from monitor.notify.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.model import Message
    from monitor.ports import Doubt
    from monitor.settings import Slack

T = TypeVar("T")
API: Final = "https://slack.com/api/"
LIMIT: Final = timedelta(seconds=20)
"""What a call may take in all; a message takes five at most."""

_REASON_LENGTH: Final = 300
_TEXT_LENGTH: Final = 3_000
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{1,60}")
_SECONDS: Final = re.compile(r"\d{1,6}", re.ASCII)
_TOO_MANY: Final = 429
_SERVER: Final = 500
_PASSING_STATUS: Final = frozenset({408, 425, _TOO_MANY})
_PASSING: Final = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "rollup_error",
        "team_added_to_org",
    }
)
_MAYBE_DONE: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""After these, Slack says, some of what was asked may have been done."""
_NO_THREAD: Final = frozenset(
    {
        "thread_not_found",
        "message_not_found",
        "cannot_reply_to_message",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
    }
)
"""What is said of a thread whose first message was deleted, or whose channel is another one now."""
_UNSHOWABLE: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "invalid_payload"}
)
_REMEDIES: Final = {
    "channel_not_found": "no channel of that name is visible to the bot; invite it, or write the channel's id",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "the channel is archived; name another",
    "channel_is_archived": "the channel is archived; name another",
    "restricted_action": "only some may post there; ask who runs your Slack",
    "action_prohibited": "only some may post there; ask who runs your Slack",
    "invalid_auth": "the token is not valid; make a new one",
    "not_authed": "the token is empty; set it",
    "token_revoked": "the token was revoked; make a new one",
    "token_expired": "the token has expired; make a new one",
    "account_inactive": "the bot's account was deactivated; install the app again",
    "missing_scope": "give the bot the scopes chat:write, channels:history and groups:history, and install it again",
    "no_service": "the webhook was removed or is disabled; make a new one",
    "invalid_token": "the webhook's address is not valid; make a new one",
    "message_not_found": "the message was deleted, or another bot wrote it",
    "cant_update_message": "the message was written by another bot",
    "edit_window_closed": "your Slack allows no edits after so long",
}

_ID: Final = re.compile(r"[CGD][A-Z0-9]{6,}")
_PAGE: Final = 200  # messages, as Slack recommends
_PAGES: Final = 10
_CLOCKS: Final = timedelta(minutes=1)
"""By so much our clock and Slack's may differ."""

# Its lines may hold addresses, which are secrets; failures are told by who called.
_SILENT: Final = logging.getLogger("slack_sdk.silent")
_SILENT.setLevel(logging.CRITICAL)


class SlackChannel:
    """Sends to these destinations, by what each is called. ``api`` is where Slack's methods are called.

    ``limit`` is what a call may take in all.
    """

    def __init__(self, destinations: Mapping[str, Slack], *, api: str = API, limit: timedelta = LIMIT) -> None:
        self._destinations = destinations
        self._api = api
        self._limit = limit

    def send(self, message: Message, destination: str, thread: str | None = None) -> str | None:
        """Post one message; where Slack does not take its layout, its plain text instead. Return where it stands.

        With a token it is a reply in its thread, as long as that can be replied to. A repeat carries the same mark
        (``event_payload`` of its metadata), for Slack itself knows no repeats.

        Raises:
            DeliveryError: retryable when Slack was out of reach, broken or had too much to do (``retry_after`` as it
                says); not when an operator must mend something first.
        """
        place = self._place(destination)
        mark = {"event_type": "monitor_notification", "event_payload": {"id": message.id}}
        post = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False, "metadata": mark}
        if place.webhook:
            address = place.webhook.get_secret_value()
            self._laid_out(message, lambda said: self._call_webhook(address, {**post, **said}))
            return None
        answer = self._reply(place, message, post, thread) if thread else None
        if answer is None:
            answer = self._post(place, message, {**post, "channel": place.channel})
        return f"{answer['channel']} {answer['ts']}" if answer.get("channel") and answer.get("ts") else None

    def _reply(self, place: Slack, message: Message, post: dict[str, Any], thread: str) -> dict[str, Any] | None:
        """Reply in a thread; None when there is none any more."""
        channel, _, ts = thread.partition(" ")
        try:
            return self._post(place, message, {**post, "channel": channel, "thread_ts": ts})
        except _Refused as refused:
            if refused.code in _NO_THREAD:
                return None
            raise

    def _post(self, place: Slack, message: Message, post: dict[str, Any]) -> dict[str, Any]:
        return self._laid_out(message, lambda said: self._call(place, "chat.postMessage", {**post, **said}))

    def find(self, message: Message, destination: str, doubt: Doubt, thread: str | None) -> str | None:
        """Look for a message by its mark, in its thread and in its channel; of a webhook nothing can be asked.

        Raises:
            DeliveryError: the bot may not read there, or it is not known where to look.
        """
        place = self._place(destination)
        if place.webhook:
            return None
        channel = next((one for one in (place.channel or "", (doubt.near or "").partition(" ")[0]) if _is_id(one)), "")
        if not channel:
            raise DeliveryError(f"write the id of {place.channel} instead of its name", retryable=False)
        since = {"oldest": f"{(doubt.since - _CLOCKS).timestamp():.6f}", "include_all_metadata": True, "limit": _PAGE}
        return self._answer(lambda: self._search(place, message.id, {"channel": channel, **since}, thread))

    def _search(self, place: Slack, number: str, asked: dict[str, Any], thread: str | None) -> str | None:
        if thread:
            channel, _, ts = thread.partition(" ")
            try:
                found = self._marked(place, number, "conversations.replies", {**asked, "channel": channel, "ts": ts})
            except _Refused as refused:
                if refused.code not in _NO_THREAD:
                    raise
            else:
                if found:
                    return found
        return self._marked(place, number, "conversations.history", asked)

    def _marked(self, place: Slack, number: str, method: str, asked: dict[str, Any]) -> str | None:
        for kept in self._pages(place, method, asked):
            mark = kept.get("metadata") or {}
            if (mark.get("event_payload") or {}).get("id") == number:
                return f"{asked['channel']} {kept['ts']}"
        return None

    def _pages(self, place: Slack, method: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for _ in range(_PAGES):
            page = self._ask(place, method, asked, verb="GET")
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            asked = {**asked, "cursor": cursor}

    def update(self, message: Message, destination: str, receipt: str) -> None:
        """Put a message in the place of one that was sent, known by what `send` returned.

        Raises:
            DeliveryError: as of `send`; never retryable when it can no longer be edited.
        """
        place = self._place(destination)
        if place.webhook:
            raise DeliveryError("what a webhook sent cannot be edited", retryable=False)
        channel, _, ts = receipt.partition(" ")
        # without parse Slack would look for links and names in the text, which it does not when posting
        post = {"channel": channel, "ts": ts, "parse": "none", "blocks": []}
        self._laid_out(message, lambda said: self._call(place, "chat.update", {**post, **said}))

    def probe(self, destination: str) -> None:
        """Ask whether the token is good; of a webhook nothing can be asked.

        Raises:
            DeliveryError: as of `send`.
        """
        place = self._place(destination)
        if place.token:
            self._call(place, "auth.test", {})

    def _place(self, destination: str) -> Slack:
        place = self._destinations.get(destination)
        if place is None:
            raise DeliveryError(f"{destination} is not configured any more", retryable=False)
        return place

    def _laid_out(self, message: Message, post: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Post with the layout, else as plain text."""
        plain = {"text": _escape(cut(message.text, _TEXT_LENGTH))}
        try:
            return post({"text": _escape(message.subject), "blocks": message.blocks} if message.blocks else plain)
        except _Unshowable:
            pass
        try:
            return post(plain)
        except _Unshowable as unshowable:
            raise DeliveryError(f"Slack refuses: {unshowable}", retryable=False) from None

    def _call(self, place: Slack, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._answer(lambda: self._ask(place, method, arguments))

    def _ask(self, place: Slack, method: str, arguments: dict[str, Any], *, verb: str = "POST") -> dict[str, Any]:
        """Call a method, whatever may come of it. Those that read take no JSON."""
        token = place.token.get_secret_value() if place.token else ""
        client = WebClient(token, base_url=self._api, timeout=self._seconds, retry_handlers=[], logger=_SILENT)
        try:
            given = client.api_call(method, http_verb=verb, **{"json" if verb == "POST" else "params": arguments})
        except SlackApiError as error:
            given = error.response
        answer = _Answer(given.status_code, given.headers, given.data)
        data = answer.body if isinstance(answer.body, dict) else {}
        if not data.get("ok"):
            raise _refusal(answer, str(data.get("error", "")))
        return data

    def _call_webhook(self, address: str, post: dict[str, Any]) -> dict[str, Any]:
        hook = WebhookClient(address, timeout=self._seconds, retry_handlers=[], logger=_SILENT)

        def call() -> _Answer:
            answer = hook.send_dict(post)
            return _Answer(answer.status_code, answer.headers, answer.body.strip())

        answer = self._answer(call)
        if not answer.is_success or answer.body.startswith("<"):  # a page to sign in at, say
            raise _refusal(answer, answer.body)
        return {}

    def _answer(self, call: Callable[[], T]) -> T:
        """Make a call, and tell a failure in one line without addresses, for these are secrets."""
        try:
            return within(self._limit, call)
        except (DeliveryError, _Unshowable):
            raise
        except OSError as error:
            reason = getattr(error, "reason", error)
            told = str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
            lost = not isinstance(error, URLError)  # that one tells of a request that was not sent
            raise DeliveryError(f"Slack is out of reach: {cut(clean(told), _REASON_LENGTH)}", doubtful=lost) from None
        except Exception as error:  # noqa: BLE001 - slack_sdk stumbles in many ways over what is no answer of Slack's
            raise DeliveryError(f"what answers is not Slack ({type(error).__name__})", doubtful=True) from None

    @property
    def _seconds(self) -> int:
        return max(1, int(self._limit.total_seconds()))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, Any]
    body: Any

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - as HTTP has it


class _Unshowable(Exception):  # noqa: N818 - what the message is
    """Slack does not take this layout."""


class _Refused(DeliveryError):  # noqa: N818 - what the message was
    """Slack did not do what it was asked, and says why."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason, retryable=False)


def _refusal(answer: _Answer, text: str) -> Exception:
    """Sort an answer by which Slack did not do what it was asked."""
    code = text if _CODE.fullmatch(text) else ""
    if code in _UNSHOWABLE:
        return _Unshowable(code)
    asked, lost = _asked(answer.headers), code in _MAYBE_DONE or answer.status >= _SERVER
    if answer.status in _PASSING_STATUS or code in _PASSING:
        return DeliveryError(f"Slack: {code or answer.status}", retry_after=asked, doubtful=lost)
    if answer.status >= _SERVER:
        return DeliveryError(f"Slack answers {answer.status}{code and f': {code}'}", retry_after=asked, doubtful=lost)
    if answer.is_success and not code:
        return DeliveryError("what answers is not Slack; a proxy in between?", doubtful=True)
    remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
    return _Refused(code, f"Slack refuses: {code or answer.status}{remedy}")


def _is_id(channel: str) -> bool:
    """Whether this is how Slack calls a channel itself; only by that its messages are read."""
    return bool(_ID.fullmatch(channel))


def _asked(headers: Mapping[str, Any]) -> timedelta | None:
    """Read ``Retry-After`` in seconds, as Slack writes it."""
    found = str(next((value for name, value in headers.items() if name.lower() == "retry-after"), ""))
    return timedelta(seconds=int(found)) if _SECONDS.fullmatch(found) else None


def _escape(text: str) -> str:
    """Write text so that nothing in it is a mention or a link (Slack's three control characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
