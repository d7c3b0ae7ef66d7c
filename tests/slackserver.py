"""A server that answers as Slack's web API and webhooks do: tokens, scopes, channels, threads, edits and bad days."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN: Final = "xoxb-the-token"
SECRET: Final = "the-secret"
HOOK: Final = f"/services/T0/B0/{SECRET}"
NAMES: Final = {"#levant": "C0LEVANT", "#closed": "C0CLOSED"}
JOINED: Final = {"C0LEVANT"}
HISTORY: Final = "channels:history"
SCOPES: Final = frozenset({"chat:write", HISTORY})
MOST_BLOCKS, MOST_TEXT, MOST_IN_BLOCK, MOST_IN_ALL = 50, 40_000, 3_000, 13_200
_PIECES: Final = {
    "rich_text": {"rich_text_section", "rich_text_quote", "rich_text_list"},
    "rich_text_list": {"rich_text_section"},
    "rich_text_section": {"text", "link"},
    "rich_text_quote": {"text", "link"},
}


@dataclass(frozen=True)
class Answer:
    """What the server says next, instead of what it would.

    With ``kept`` the message is taken all the same, as by a server whose answer got lost; ``hang_up`` gives no answer,
    and ``drips`` one that never ends, a byte now and then.
    """

    status: int = 200
    body: str = '{"ok": true}'
    headers: dict[str, str] = field(default_factory=dict)
    kept: bool = False
    hang_up: bool = False
    drips: bool = False


@dataclass
class SlackServer:
    """A running server: what was posted, in order and as it stands after edits, and what it says next.

    ``scopes`` are the bot's; ``page`` is the most that is listed at once.
    """

    port: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    scopes: frozenset[str] = SCOPES
    page: int = 1_000
    deleted: set[str] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"http://{self.origin}/api/"

    @property
    def hook(self) -> str:
        return f"http://{self.origin}{HOOK}"

    def clear(self) -> None:
        self.posts.clear()
        self.script.clear()
        self.deleted.clear()
        self.asked, self.scopes, self.page = 0, SCOPES, 1_000

    def delete(self, receipt: str) -> None:
        """Delete a message, as people do."""
        self.deleted.add(receipt.partition(" ")[2])

    def answer(self, path: str, token: str, post: dict[str, Any]) -> Answer:
        """Judge a request as Slack does."""
        self.asked += 1
        if self.script:
            said = self.script.pop(0)
            if said.kept:
                self._keep(post)
            return said
        if not path.startswith("/api/"):
            fault = "invalid_token" if path != HOOK else fault_of(post)
            if fault is None:
                self._keep(post)
            return Answer(400 if fault else 200, fault or "ok")
        return Answer(body=json.dumps(self._call(path.removeprefix("/api/"), token, post)))

    def _call(self, method: str, token: str, post: dict[str, Any]) -> dict[str, Any]:
        methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "auth.test": lambda _: {"ok": True, "bot_id": "B0"},
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }
        if token != TOKEN:
            return _no("invalid_auth" if token else "not_authed")
        return methods[method](post) if method in methods else _no("unknown_method")

    def _post(self, post: dict[str, Any]) -> dict[str, Any]:
        """Take a message for a channel by its name or its id."""
        given = post.get("channel", "")
        channel = NAMES.get("#" + given.removeprefix("#"), given)
        if channel not in NAMES.values():
            return _no("channel_not_found")
        fault = "not_in_channel" if channel not in JOINED else fault_of(post)
        if not fault and post.get("thread_ts") and not self._stands(post["thread_ts"]):
            fault = "thread_not_found"
        return _no(fault) if fault else {"ok": True, "channel": channel, "ts": self._keep(post)}

    def _update(self, post: dict[str, Any]) -> dict[str, Any]:
        """Replace a message; its channel is known by its id only."""
        if post.get("channel") not in JOINED:
            return _no("channel_not_found")
        there = enumerate(self.posts) if self._stands(post.get("ts", "")) else ()
        number = next((n for n, one in there if one["ts"] == post.get("ts")), None)
        fault = "message_not_found" if number is None else fault_of(post)
        if fault or number is None:
            return _no(fault or "")
        self.posts[number] = {**self.posts[number], **post}
        return {"ok": True, "channel": post["channel"], "ts": post["ts"]}

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        """List what stands in a channel, the newest first and without replies."""
        return self._listed(asked, [post for post in reversed(self.posts) if "thread_ts" not in post])

    def _replies(self, asked: dict[str, Any]) -> dict[str, Any]:
        """List a thread, its first message first; that one stands there however old it is."""
        parent = asked.get("ts", "")
        if not self._stands(parent):
            return _no("thread_not_found")
        return self._listed(asked, [post for post in self.posts if parent in {post["ts"], post.get("thread_ts")}])

    def _listed(self, asked: dict[str, Any], posts: list[dict[str, Any]]) -> dict[str, Any]:
        """Give a page. Channels are known by their ids only; what a mark says is told to who asks for it."""
        if HISTORY not in self.scopes:
            return {**_no("missing_scope"), "needed": HISTORY, "provided": ",".join(sorted(self.scopes))}
        if not all(isinstance(value, str) for value in asked.values()):
            return _no("invalid_arguments")  # JSON is what these do not read
        if asked.get("channel") not in JOINED:
            return _no("channel_not_found")
        oldest, begin = float(asked.get("oldest", 0)), int(asked.get("cursor", 0))
        found = [post for post in posts if self._stands(post["ts"]) and float(post["ts"]) > oldest]
        end = begin + min(self.page, int(asked.get("limit", 100)))
        whole = asked.get("include_all_metadata") in {"1", "true"}
        listed = [
            {"ts": post["ts"], "text": post["text"]} | ({"metadata": post["metadata"]} if whole else {})
            for post in found[begin:end]
        ]
        more = {"response_metadata": {"next_cursor": str(end)}} if end < len(found) else {}
        return {"ok": True, "messages": listed, "has_more": bool(more), **more}

    def _stands(self, ts: str) -> bool:
        return ts not in self.deleted and any(post["ts"] == ts for post in self.posts)

    def _keep(self, post: dict[str, Any]) -> str:
        ts = f"1700000000.{len(self.posts):06}"
        self.posts.append({**post, "ts": ts})
        return ts


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def fault_of(post: dict[str, Any]) -> str | None:
    """Check a message against Slack's published limits, and the unpublished one on all blocks together."""
    blocks = post.get("blocks") or []
    if not post.get("text") and not blocks:
        return "no_text"
    if len(post.get("text", "")) > MOST_TEXT:
        return "msg_too_long"
    if len(blocks) > MOST_BLOCKS or not all(_is_block(block) for block in blocks):
        return "invalid_blocks"
    return "msg_blocks_too_long" if len("".join(texts(blocks))) > MOST_IN_ALL else None


def _is_block(block: dict[str, Any]) -> bool:
    if block["type"] == "context":
        elements = block.get("elements", [])
        return set(block) <= {"type", "elements"} and 1 <= len(elements) <= 10 and all(map(_is_plain_text, elements))
    return block["type"] == "rich_text" and _is_rich(block)


def _is_plain_text(element: dict[str, Any]) -> bool:
    known = element["type"] == "plain_text" and set(element) <= {"type", "text", "emoji"}
    return known and 1 <= len(element["text"]) <= MOST_IN_BLOCK


def _is_rich(piece: dict[str, Any]) -> bool:
    if piece["type"] == "text":
        return set(piece) <= {"type", "text", "style"} and bool(piece["text"])
    if piece["type"] == "link":
        known = set(piece) <= {"type", "url", "text", "style"} and piece["url"].startswith(("http://", "https://"))
        return known and len(piece["url"]) <= MOST_IN_BLOCK
    elements: list[dict[str, Any]] = piece.get("elements", [])
    fits = sum(len(one.get("text", "")) for one in elements) <= MOST_IN_BLOCK
    return bool(elements) and fits and all(one["type"] in _PIECES[piece["type"]] and _is_rich(one) for one in elements)


def texts(pieces: list[dict[str, Any]]) -> Iterator[str]:
    """Give every text of blocks, in order."""
    for piece in pieces:
        if "text" in piece:
            yield piece["text"]
        yield from texts(piece.get("elements", []))


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """Run the server at a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            answer = running.answer(self.path, token, self._read())
            if answer.hang_up:
                self.close_connection = True
                return
            with suppress(ConnectionError):  # whoever asked may have left
                self._reply(answer)

        def do_GET(self) -> None:
            self.do_POST()  # where a redirection leads

        def _read(self) -> dict[str, Any]:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if "json" in (self.headers.get("Content-Type") or ""):
                posted: dict[str, Any] = json.loads(body or "{}")
                return posted
            fields: dict[str, Any] = {key: values[0] for key, values in parse_qs(body).items()}
            return fields | ({"blocks": json.loads(fields["blocks"])} if "blocks" in fields else {})

        def _reply(self, answer: Answer) -> None:
            body = answer.body.encode("utf-8", "surrogateescape")
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(10**9 if answer.drips else len(body)))
            self.end_headers()
            while answer.drips and not running.closing.wait(0.02):
                self.wfile.write(b" ")
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = SlackServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            running.closing.set()
            server.shutdown()
            thread.join()
