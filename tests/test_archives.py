"""Articles of a backtest, read from files; the archive of the bus, written out and read back."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.archive import article_line, replay
from monitor.bus.embedded import EmbeddedBus
from monitor.codec import encode
from monitor.errors import Problem, Unavailable
from monitor.ingest.archives import MAX_LINE, read_articles, read_given
from monitor.ingest.folders import MAX_BYTES
from monitor.matching import compile_watchlists
from monitor.matching.expressions import Has, Term, TermSet, Watchlist
from monitor.model import Article, Header, WatchlistHeader
from monitor.ports import Outgoing
from monitor.watchlists.backtesting import match_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LINE = '{"id": "7", "title": "عنوان", "text": "نص", "url": "https://e.org/7", "published": "2026-11-20", "lang": "ar"}'
TARTUS = Watchlist(WatchlistHeader(id="t", name="t"), Has(TermSet("t", (Term("ميناء طرطوس"),))))


def write(file: Path, content: str | bytes = "نص") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def read(where: Path | None) -> tuple[list[Article], list[Problem]]:
    told: list[Problem] = []
    return list(read_articles(where, NOW, told.append)), told


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".XZ": lzma.compress,
}


@pytest.mark.parametrize("suffix", PACKED)
def test_the_articles_of_a_backtest_keep_their_ids(tmp_path: Path, suffix: str) -> None:
    lines = f'{LINE}\n\n{{"id": "8", "text": "جملة. وأخرى."}}'
    file = write(tmp_path / f"a.jsonl{suffix}", PACKED[suffix](lines.encode()))
    (one, other), _ = read(file)
    assert (one.header.id, one.header.title, one.header.titled, one.text) == ("7", "عنوان", True, "نص")
    assert (other.header.id, other.header.title, other.header.titled) == ("8", "جملة.", False)


def test_source_tier_and_first_seen_are_taken_over_so_that_only_means_what_it_means_live(tmp_path: Path) -> None:
    given = {"id": 7, "text": "نص", "source": "agency", "tier": 1, "first_seen": "2026-11-01T10:00:00Z"}
    ((article,), _) = read(write(tmp_path / "a.jsonl", json.dumps(given)))
    header = article.header
    assert (header.id, header.source, header.tier, header.first_seen.day) == ("7", "agency", 1, 1)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["ميناء طرطوس", "وبميناء  طرطوس", "ميناء\x01طرطوس", "ميناء\x1f\x7f طرطوس", "ميناء\r\nطرطوس", "مِينَاء طَرْطُوس"]
        ),
        st.sampled_from(["\x00", "\x0b", "\r\n", "\r", "\u2029", "\u202e", "\u2067", "ً", "🛳️", ". ", "\n\n"]),
        st.text(max_size=8),
    ),
    max_size=12,
).map("".join)


@given(title=PIECES, text=PIECES)
def test_a_place_in_evidence_is_the_same_place_in_the_words_as_they_were_given(
    title: str, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fields = {"title": title, "text": f"{text} ميناء طرطوس"}
    (given,) = read_given(
        write(tmp_path_factory.getbasetemp() / "offsets.jsonl", json.dumps({"id": 1, **fields})), NOW, print
    )
    (match,) = compile_watchlists([TARTUS]).match(given.article, NOW)
    line = json.loads(match_line(match, given.id, given.fields))
    assert line["article"] == 1
    for one in line["evidence"]:
        words = fields[one["field"]]
        assert one["quote"] in words
        assert all(words[part["start"] : part["end"]] == part["text"] for part in (one, *one["mentions"]))


def test_half_a_character_is_one_character_in_what_is_told(tmp_path: Path) -> None:
    line = r'{"id": "1", "text": "في \ud83d ميناء طرطوس"}'
    (given,) = read_given(write(tmp_path / "a.jsonl", line), NOW, print)
    (match,) = compile_watchlists([TARTUS]).match(given.article, NOW)
    (one,) = json.loads(match_line(match, given.id, given.fields))["evidence"]
    assert (one["start"], one["quote"]) == (5, "في \ufffd ميناء طرطوس")


@pytest.mark.parametrize("value", [7, "7", "day/paper/7", -1])
def test_an_id_is_told_as_it_was_given(tmp_path: Path, value: str | int) -> None:
    (given,) = read_given(write(tmp_path / "a.jsonl", json.dumps({"id": value, "text": "x"})), NOW, print)
    assert (given.id, given.article.header.id) == (value, str(value))


@pytest.mark.parametrize("value", [True, 1.5, ["x"], {}])
def test_an_id_that_is_neither_text_nor_number_is_told(tmp_path: Path, value: object) -> None:
    lines = "\n".join([json.dumps({"id": value, "text": "x"}), LINE])
    articles, told = read(write(tmp_path / "a.jsonl", lines))
    assert [article.header.id for article in articles] == ["7"]
    assert [problem.message for problem in told] == ['"id" is no text']


def test_a_folder_gives_relative_paths_as_ids(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "b.txt", "date 2026-01-28 وصل.")
    write(tmp_path / "a.json", LINE)
    write(tmp_path / "c.jsonl", LINE)
    write(tmp_path / "d.jsonl.gz", gzip.compress(LINE.replace('"7"', '"9"').encode()))
    write(tmp_path / "readme.md")
    assert [article.header.id for article in read(tmp_path)[0]] == ["a.json", "7", "9", "sub/b.txt"]


def test_a_lone_text_or_page_is_one_article(tmp_path: Path) -> None:
    ((article,), _) = read(write(tmp_path / "b.txt", "date 2026-01-28 وصل.\nثم غادر."))
    assert (article.header.id, article.text) == ("b.txt", "وصل.\nثم غادر.")


def test_lines_in_a_folder_are_read_one_by_one_however_large_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", f"{LINE}\n" * (MAX_BYTES // len(LINE) + 1))
    assert sum(1 for _ in read_articles(tmp_path, NOW, print)) > MAX_BYTES // len(LINE)


def test_standard_input_is_read_as_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINE.encode())))
    assert [article.header.id for article in read(None)[0]] == ["7"]


def test_a_bad_line_is_told_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    long = '{"text": "' + "x" * MAX_LINE + '"}'
    file = write(tmp_path / "a.jsonl", f'{LINE}\nnonsense\n{long}\n{{"tier": "x", "text": "y"}}\n{LINE}\n')
    articles, told = read(file)
    assert [article.header.id for article in articles] == ["7", "7"]
    assert [(problem.line, problem.message.split(":")[0]) for problem in told] == [
        (2, "not valid JSON"),
        (3, "longer than 5 MB"),
        (4, '"tier" is no number'),
    ]


def test_a_bad_file_in_a_folder_is_told_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", f"{LINE}\nnonsense\n")
    write(tmp_path / "b.txt", "  ")
    write(tmp_path / "c.txt", "وصل.")
    write(tmp_path / "d.jsonl.gz", LINE)
    articles, told = read(tmp_path)
    assert [article.header.id for article in articles] == ["7", "c.txt"]
    assert [(problem.file.name, problem.line) for problem in told] == [("a.jsonl", 2), ("b.txt", 1), ("d.jsonl.gz", 1)]


def test_an_archive_cut_short_gives_what_is_there_and_tells(tmp_path: Path) -> None:
    lines = "\n".join(f'{{"id": "{number}", "text": "{number * 7919}"}}' for number in range(20_000))
    cut = write(tmp_path / "a.jsonl.xz", lzma.compress(lines.encode())[:-8_000])
    articles, told = read(cut)
    assert len(articles) > 1_000
    assert [problem.message.split(":")[0] for problem in told][-1] == "cannot be read from here on"


def test_what_is_missing_or_no_archive_at_all_is_unavailable(tmp_path: Path) -> None:
    plain = write(tmp_path / "b.jsonl.gz", LINE)
    for file in (tmp_path / "none.jsonl", tmp_path / "none.txt", plain, write(tmp_path / "c.jsonl", "{\n[]\n")):
        with pytest.raises(Unavailable, match=str(file)):
            read(file)


def test_nothing_at_all_is_no_fault(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.jsonl", "\n")) == ([], [])
    (tmp_path / "empty").mkdir()
    assert read(tmp_path / "empty") == ([], [])


# --- The archive -----------------------------------------------------------------------------------------------------


def test_the_archive_written_out_is_read_back_as_it_was(tmp_path: Path) -> None:
    seen = datetime(2026, 11, 20, 7, tzinfo=UTC)
    header = Header(id="1", title="عنوان", source="agency", content_hash="", first_seen=seen, lang="ar", tier=1)
    articles = [
        Article(header=replace(header, published=seen, url="https://e.org/1"), text="نص\r\n"),
        Article(header=replace(header, id="2", title="جملة.", titled=False), text="جملة. وأخرى."),
    ]
    bus = EmbeddedBus(tmp_path / "bus.db")
    bus.publish("articles", [encode(article) for article in articles])
    file = write(tmp_path / "a.jsonl", b"".join(article_line(one) for one in replay(bus, None, print)))
    bus.close()
    again, told = read(file)
    assert not told
    assert [replace(one, header=replace(one.header, content_hash="")) for one in again] == articles


def test_a_replay_has_what_was_first_seen_in_between_and_tells_what_is_no_article(tmp_path: Path) -> None:
    headers = [
        Header(id=str(day), title="", source="s", content_hash="", first_seen=datetime(2026, 11, day, tzinfo=UTC))
        for day in (1, 2)
    ]
    bus = EmbeddedBus(tmp_path / "bus.db")
    bus.publish("articles", [encode(Article(header=header, text="نص")) for header in headers])
    bus.publish("articles", [Outgoing(key="x", value=b"nonsense", headers={})])
    told: list[str] = []
    assert [one.header.id for one in replay(bus, None, told.append)] == ["1", "2"]
    assert len(told) == 1
    day = datetime(2026, 11, 2, tzinfo=UTC)
    assert [one.header.id for one in replay(bus, day, told.append)] == ["2"]
    assert [one.header.id for one in replay(bus, None, told.append, day)] == ["1"]
    bus.close()
