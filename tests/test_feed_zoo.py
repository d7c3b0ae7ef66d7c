"""Documents of every kind that feeds come in, each with what a person reads in it."""

import json
import os
import pickle
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ParseError
from monitor.ingest.feeds import Feed, parse_feed
from monitor.worker import Workers

ZOO = Path(__file__).parent / "data" / "feeds" / "zoo"
CASES = sorted(path.stem for path in ZOO.glob("*.json"))
BODIES = [(ZOO / f"{name}.feed").read_bytes() for name in CASES]
ADDRESS = "https://feeds.example.org/rss"
CORPUS_DEADLINE = timedelta(seconds=5)
UNWANTED = set(map(chr, [*range(9), 11, *range(14, 32), 127, *range(0xD800, 0xE000)]))
TAGS = ["<item>", "</item>", "<title>", "</title>", "<link>", "&", "&#0;", "<![CDATA[", "]]>", "<!--", "-->", "ب"]


# --- The zoo ---


def test_the_zoo_is_as_large_as_it_is_said_to_be() -> None:
    assert len(CASES) >= 80
    assert {path.stem for path in ZOO.glob("*.feed")} == set(CASES)


def test_each_document_gives_what_a_person_reads_in_it() -> None:
    differences = [difference for name in CASES for difference in differences_of(name)]
    assert not differences, "\n" + "\n".join(differences)


def differences_of(name: str) -> Iterator[str]:
    expected = json.loads((ZOO / f"{name}.json").read_text("utf-8"))
    body = (ZOO / f"{name}.feed").read_bytes()
    try:
        feed = parse_feed(body, expected["content_type"], ADDRESS)
    except ParseError as error:
        if not expected["error"] or expected["error"] not in error.reason:
            yield f"{name}: refused: {error.reason!r}, expected {expected['error']!r}"
        return
    if expected["error"]:
        yield f"{name}: not refused, expected {expected['error']!r}"
        return
    yield from (f"{name}: {line}" for line in differences_between(feed, expected))


def differences_between(feed: Feed, expected: dict[str, Any]) -> Iterator[str]:
    minutes = feed.ttl and feed.ttl / timedelta(minutes=1)
    found = {"title": feed.title, "dropped": feed.dropped, "ttl": minutes, "entries": len(feed.items)}
    wanted = {**{name: expected.get(name) for name in found}, "entries": len(expected["items"])}
    yield from (f"{name} {found[name]!r}, expected {wanted[name]!r}" for name in found if found[name] != wanted[name])
    if bool(feed.warning) != bool(expected["warning"]) or (expected["warning"] or "") not in (feed.warning or ""):
        yield f"warning {feed.warning!r}, expected {expected['warning']!r}"
    for number, (item, as_read) in enumerate(zip(feed.items, expected["items"], strict=False), 1):
        for field, value in as_read.items():
            shown = getattr(item, field)
            shown = shown.isoformat() if shown and field == "published" else shown
            if shown != value:
                yield f"entry {number}: {field} {shown!r}, expected {value!r}"


# --- Damage ---


def assert_sound(body: bytes) -> None:
    """Parse; nothing but a ParseError is raised, and whatever comes out can be stored."""
    try:
        feed = parse_feed(body, "", ADDRESS)
    except ParseError as error:
        texts = [error.reason]
    else:
        texts = [feed.title or "", feed.warning or ""]
        texts += [part or "" for item in feed.items for part in (item.title, item.text, item.key, item.url, item.lang)]
        assert pickle.loads(pickle.dumps(feed)) == feed  # noqa: S301 - our own
    assert not UNWANTED & set("".join(texts))


def test_damaged_documents_give_sound_items_or_a_parse_error() -> None:
    chance = random.Random(20_261_125)
    for _ in range(600):
        assert_sound(damaged(chance.choice(BODIES), chance))


def damaged(body: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 6)):
        start, end = sorted((chance.randint(0, len(body)), chance.randint(0, len(body))))
        other = chance.choice(BODIES)
        cut = chance.randint(0, len(other))
        body = chance.choice(
            [
                body[:start] + bytes([chance.randrange(256)]) + body[start + 1 :],
                body[:start] + body[min(end, start + 40) :],
                body[:end] + body[start:],
                body[:start] + other[cut:],
                body[:start] + other[cut : cut + 60] + body[start:],
            ]
        )
    return body


@given(st.lists(st.one_of(st.binary(max_size=8), st.sampled_from(BODIES).map(lambda body: body[:300])), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_sound_items_or_a_parse_error(pieces: list[bytes]) -> None:
    assert_sound(b"".join(pieces))


@given(st.lists(st.sampled_from(TAGS) | st.text(max_size=5), max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_sequence_of_tags_gives_sound_items_or_a_parse_error(pieces: list[str]) -> None:
    assert_sound(("<rss><channel>" + "".join(pieces)).encode("utf-8", "surrogatepass"))


# --- feedparser's own documents ---


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents that feedparser is tested with; skips where they are not at hand."""
    named = os.environ.get("MONITOR_TEST_FEEDPARSER")
    folder = Path(named) if named else unpacked(tmp_path_factory.mktemp("feedparser"))
    if not folder or not folder.is_dir():
        pytest.skip("needs feedparser's tests (MONITOR_TEST_FEEDPARSER, or its source distribution by pip)")
    return folder


def unpacked(folder: Path) -> Path | None:
    wanted = f"feedparser=={version('feedparser')}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--retries=0",
        "--no-deps",
        "--no-binary",
        ":all:",
        wanted,
    ]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("*/tests"), None)


def test_the_documents_of_feedparser_give_items_or_a_parse_error_in_time(corpus: Path) -> None:
    documents = sorted(path for path in corpus.rglob("*") if path.suffix in {".xml", ".json"})
    assert len(documents) > 1_000
    workers, refused, slowest = Workers(), {}, 0.0
    try:
        for path in documents:
            started = time.monotonic()
            try:
                workers.run(parse_feed, path.read_bytes(), "application/xml", ADDRESS, deadline=CORPUS_DEADLINE)
            except ParseError as error:
                refused[path.relative_to(corpus)] = error.reason
            slowest = max(slowest, time.monotonic() - started)
    finally:
        workers.close()
    print(f"{len(documents)} documents, {len(refused)} refused, the slowest took {slowest:.2f} s")
    bad = {path: reason for path, reason in refused.items() if "no feed" not in reason and "empty" not in reason}
    assert not bad
    assert len(refused) < len(documents) // 20
