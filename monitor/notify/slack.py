"""The Slack channel: a message into a channel by a bot's token, or to whatever stands behind a webhook.

Hides slack_sdk and what of Slack's many refusals is worth another attempt. Never retries by itself. Does not decide
what a message looks like (`blocks`).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from monitor.errors import DeliveryError
from monitor.notify.display import clean, cut
from monitor.notify.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.model import Message
    from monitor.settings import Slack

API: Final = "https://slack.com/api/"
LIMIT: Final = timedelta(seconds=30)
"""What a call may take in all; a message takes two at most."""

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
    "missing_scope": "give the bot the scope chat:write",
    "no_service": "the webhook was removed or is disabled; make a new one",
    "invalid_token": "the webhook's address is not valid; make a new one",
    "message_not_found": "the message was deleted, or another bot wrote it",
    "cant_update_message": "the message was written by another bot",
    "edit_window_closed": "your Slack allows no edits after so long",
}

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

    def send(self, message: Message, destination: str) -> str | None:
        """Post one message; where Slack does not take its layout, its plain text instead. Return where it stands.

        A repeat carries the same mark (``event_payload`` of its metadata), for Slack itself knows no repeats.

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
        answer = self._laid_out(
            message, lambda said: self._call(place, "chat.postMessage", {**post, "channel": place.channel, **said})
        )
        return f"{answer['channel']} {answer['ts']}" if answer.get("channel") and answer.get("ts") else None

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
        token = place.token.get_secret_value() if place.token else ""
        client = WebClient(token, base_url=self._api, timeout=self._seconds, retry_handlers=[], logger=_SILENT)

        def call() -> _Answer:
            try:
                answer = client.api_call(method, json=arguments)
            except SlackApiError as error:
                answer = error.response
            return _Answer(answer.status_code, answer.headers, answer.data)

        answer = self._answer(call)
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

    def _answer(self, call: Callable[[], _Answer]) -> _Answer:
        """Make a call, and tell a failure in one line without addresses, for these are secrets."""
        try:
            return within(self._limit, call)
        except OSError as error:
            reason = getattr(error, "reason", error)
            told = str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
            raise DeliveryError(f"Slack is out of reach: {cut(clean(told), _REASON_LENGTH)}") from None
        except Exception as error:  # noqa: BLE001 - slack_sdk stumbles in many ways over what is no answer of Slack's
            raise DeliveryError(f"what answers is not Slack ({type(error).__name__})") from None

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


def _refusal(answer: _Answer, text: str) -> Exception:
    """Sort an answer by which Slack did not do what it was asked."""
    code = text if _CODE.fullmatch(text) else ""
    if code in _UNSHOWABLE:
        return _Unshowable(code)
    if answer.status in _PASSING_STATUS or code in _PASSING:
        return DeliveryError(f"Slack: {code or answer.status}", retry_after=_asked(answer.headers))
    if answer.status >= _SERVER:
        return DeliveryError(f"Slack answers {answer.status}{code and f': {code}'}", retry_after=_asked(answer.headers))
    if answer.is_success and not code:
        return DeliveryError("what answers is not Slack; a proxy in between?")
    remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
    return DeliveryError(f"Slack refuses: {code or answer.status}{remedy}", retryable=False)


def _asked(headers: Mapping[str, Any]) -> timedelta | None:
    """Read ``Retry-After`` in seconds, as Slack writes it."""
    found = str(next((value for name, value in headers.items() if name.lower() == "retry-after"), ""))
    return timedelta(seconds=int(found)) if _SECONDS.fullmatch(found) else None


def _escape(text: str) -> str:
    """Write text so that nothing in it is a mention or a link (Slack's three control characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
