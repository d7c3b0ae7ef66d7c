"""The Slack channel: a message into a channel by a bot's token, or to whatever stands behind a webhook.

Hides slack_sdk and what of Slack's many refusals is worth another attempt. Never retries by itself. Does not decide
what a message looks like (`blocks`).
"""

from __future__ import annotations

import json
from datetime import timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, NoReturn

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from monitor.errors import DeliveryError
from monitor.notify.display import clean, cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.model import Message
    from monitor.settings import Slack

API: Final = "https://slack.com/api/"
WITHIN: Final = 20
"""Seconds that Slack has to answer."""

_REASON_LENGTH: Final = 300
_TEXT_LENGTH: Final = 3_000
_TOO_MANY: Final = 429
_SERVER: Final = 500
_UNSHOWABLE: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"})
_PASSING: Final = frozenset(
    ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"]
)
_REMEDIES: Final = {
    "channel_not_found": "no channel of that name is visible to the bot; invite it, or write the channel's id",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "the channel is archived",
    "invalid_auth": "the token is not valid; make a new one",
    "not_authed": "the token is empty",
    "token_revoked": "the token was revoked; make a new one",
    "token_expired": "the token has expired; make a new one",
    "account_inactive": "the bot's account was deactivated",
    "missing_scope": "give the bot the scope chat:write",
    "no_service": "the webhook was removed or is disabled; make a new one",
    "invalid_token": "the webhook's address is not valid; make a new one",
}


class SlackChannel:
    """Sends to these destinations, by what each is called. ``api`` is where Slack's methods are called."""

    def __init__(self, destinations: Mapping[str, Slack], *, api: str = API, within: int = WITHIN) -> None:
        self._destinations = destinations
        self._api = api
        self._within = within

    def send(self, message: Message, destination: str) -> None:
        """Post one message. Where Slack does not take its layout, the plain text is posted instead.

        Raises:
            DeliveryError: retryable when Slack was out of reach, broken or had too much to do (``retry_after`` as it
                says); not when an operator must mend something first.
        """
        try:
            self._post(message.subject, message.blocks, destination)
        except _Unshowable:
            self._post(cut(message.text, _TEXT_LENGTH), (), destination)

    def probe(self, destination: str) -> None:
        """Ask whether the token is good; of a webhook nothing can be asked.

        Raises:
            DeliveryError: as of `send`.
        """
        place = self._place(destination)
        if place.token:
            try:
                self._client(place).auth_test()
            except Exception as error:  # noqa: BLE001 - sorted in one place
                self._refuse(error, place)

    def _post(self, text: str, blocks: tuple[dict[str, Any], ...], destination: str) -> None:
        place = self._place(destination)
        try:
            if place.webhook:
                self._call_webhook(place.webhook.get_secret_value(), text, blocks)
            else:
                self._client(place).chat_postMessage(
                    channel=place.channel or "",
                    text=_escape(text),
                    blocks=list(blocks) or None,
                    unfurl_links=False,
                    unfurl_media=False,
                )
        except Exception as error:  # noqa: BLE001 - sorted in one place
            self._refuse(error, place)

    def _call_webhook(self, address: str, text: str, blocks: tuple[dict[str, Any], ...]) -> None:
        hook = WebhookClient(address, timeout=self._within, retry_handlers=[])
        answer = hook.send(text=_escape(text), blocks=list(blocks) or None, unfurl_links=False, unfurl_media=False)
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise _Refused(answer.status_code, answer.headers, answer.body.strip())

    def _client(self, place: Slack) -> WebClient:
        token = place.token.get_secret_value() if place.token else ""
        return WebClient(token, base_url=self._api, timeout=self._within, retry_handlers=[])

    def _place(self, destination: str) -> Slack:
        place = self._destinations.get(destination)
        if place is None:
            raise DeliveryError(f"{destination} is not configured any more", retryable=False)
        return place

    def _refuse(self, error: Exception, place: Slack) -> NoReturn:
        """Tell a failure in one line, without its secrets."""
        if isinstance(error, SlackApiError):
            answer = error.response
            error = _Refused(answer.status_code, answer.headers, str(answer.get("error", "")))
        if isinstance(error, _Refused):
            _sort(error)
        if not isinstance(error, OSError | HTTPException | SlackClientError | json.JSONDecodeError):
            raise error
        reason = cut(clean(str(error) or type(error).__name__), _REASON_LENGTH)
        for secret in (place.token, place.webhook):
            reason = reason.replace(secret.get_secret_value(), "***") if secret else reason
        raise DeliveryError(f"Slack is out of reach: {reason}") from None


class _Unshowable(Exception):  # noqa: N818 - what the message is
    """Slack does not take this layout."""


class _Refused(Exception):  # noqa: N818 - what happened
    """Slack's answer when it did not do what it was asked."""

    def __init__(self, status: int, headers: Mapping[str, Any], code: str) -> None:
        super().__init__(code)
        self.status, self.headers, self.code = status, headers, code


def _sort(refused: _Refused) -> NoReturn:
    code = cut(clean(refused.code), _REASON_LENGTH)
    if refused.code in _UNSHOWABLE:
        raise _Unshowable from None
    if refused.status == _TOO_MANY or refused.code in _PASSING:
        raise DeliveryError(f"Slack: {code or 'too many messages'}", retry_after=_asked(refused.headers)) from None
    if refused.status >= _SERVER:
        raise DeliveryError(f"Slack answers {refused.status}: {code}") from None
    remedy = f": {_REMEDIES[code]}" if code in _REMEDIES else ""
    raise DeliveryError(f"Slack refuses: {code or refused.status}{remedy}", retryable=False) from None


def _asked(headers: Mapping[str, Any]) -> timedelta | None:
    """Read ``Retry-After``, which slack_sdk gives as text or as a list of it."""
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    text = str(found[0] if isinstance(found, list) and found else found)
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004


def _escape(text: str) -> str:
    """Write text so that nothing in it is a mention or a link (Slack's three control characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
