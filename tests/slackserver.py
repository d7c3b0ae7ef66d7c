"""A server that answers as Slack's web API and webhooks do: tokens, channels, limits of blocks, 429 and failures."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN: Final = "xoxb-the-token"
HOOK: Final = "/services/T0/B0/the-secret"
MOST_BLOCKS, MOST_TEXT, MOST_IN_ALL = 50, 40_000, 13_200
_PIECES: Final = {
    "rich_text": {"rich_text_section", "rich_text_quote"},
    "rich_text_section": {"text", "link"},
    "rich_text_quote": {"text", "link"},
}


@dataclass(frozen=True)
class Answer:
    """What the server says next, instead of what it would."""

    status: int = 200
    body: str = '{"ok": true}'
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


@dataclass
class SlackServer:
    """A running server: what was posted, and what it says next."""

    port: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}{HOOK}"

    def answer(self, path: str, token: str, post: dict[str, Any]) -> Answer:
        """Judge a request as Slack does."""
        if self.script:
            return self.script.pop(0)
        hook = not path.startswith("/api/")
        fault = self._fault(path, token, post)
        if fault is None and not path.endswith("auth.test"):
            self.posts.append(post)
        if hook:
            return Answer(400 if fault else 200, fault or "ok")
        return Answer(200, json.dumps({"ok": False, "error": fault} if fault else {"ok": True, "ts": "1.2"}))

    def _fault(self, path: str, token: str, post: dict[str, Any]) -> str | None:
        if path.startswith("/api/") and token != TOKEN:
            return "invalid_auth"
        if not path.startswith("/api/") and path != HOOK:
            return "invalid_token"
        if path.endswith("chat.postMessage") and post.get("channel") != "#levant":
            return "channel_not_found"
        return None if path.endswith("auth.test") else fault_of(post)


def fault_of(post: dict[str, Any]) -> str | None:
    """Check a message against Slack's published limits, and the unpublished one on all blocks together."""
    blocks = post.get("blocks") or []
    if not post.get("text") and not blocks:
        return "no_text"
    if len(post.get("text", "")) > MOST_TEXT:
        return "msg_too_long"
    if len(blocks) > MOST_BLOCKS or not all(block["type"] == "rich_text" and _is_right(block) for block in blocks):
        return "invalid_blocks"
    return "msg_blocks_too_long" if len("".join(texts(blocks))) > MOST_IN_ALL else None


def _is_right(piece: dict[str, Any]) -> bool:
    elements: list[dict[str, Any]] = piece.get("elements", [])
    if piece["type"] == "text":
        return set(piece) <= {"type", "text", "style"} and bool(piece["text"])
    if piece["type"] == "link":
        return set(piece) <= {"type", "url", "text", "style"} and piece["url"].startswith(("http://", "https://"))
    return bool(elements) and all(one["type"] in _PIECES[piece["type"]] and _is_right(one) for one in elements)


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
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if "json" in (self.headers.get("Content-Type") or ""):
                post = json.loads(body or "{}")
            else:
                post = {key: values[0] for key, values in parse_qs(body).items()}
                post["blocks"] = json.loads(post.get("blocks", "[]"))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            answer = running.answer(self.path, token, post)
            if answer.hang_up:
                running.posts.append(post)
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = SlackServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
