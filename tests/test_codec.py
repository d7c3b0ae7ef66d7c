"""Bytes of every record kind: what was written once is read for ever, what is not ours is told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import codec
from monitor.errors import NewerVersion, Undecodable
from monitor.model import (
    Article,
    DeadLetter,
    Edition,
    Event,
    Evidence,
    Header,
    How,
    Match,
    Mention,
    Reason,
    Severity,
    Signature,
    Status,
    WatchlistHeader,
)
from monitor.ports import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

GOLDEN = Path(__file__).parent / "data/golden"
SEEN = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)

HEADER = Header(
    id="3f9a1c0b7d2e4f58",
    source="harbour-news",
    title="سفينة «الميناء» تصل إلى طرطوس",
    content_hash="9b1d7c55e0a2f346",
    first_seen=SEEN,
    titled=False,
    url="https://example.org/2026/11/harbour?id=7",
    lang="ar",
    tier=1,
    published=datetime(2026, 11, 20, 9, tzinfo=UTC),
    revision=2,
    held=Reason.BASELINE,
)
MENTION = Mention(term="طرطوس", text="طرطوس", start=24, end=29, how=How.EXACT)
KINDS: Final[dict[str, codec.Published]] = {
    "article": Article(header=HEADER, text='First line.\nثانيًا: "اقتباس" \\ tab\t, U+2028 \u2028, 🚢'),
    "match": Match(
        watchlist=WatchlistHeader(
            id="harbours",
            name="Harbours",
            severity=Severity.CRITICAL,
            owner="coast-desk",
            labels={"desk": "coast"},
            status=Status.SHADOW,
            revision="5e884898da280471",
        ),
        article=HEADER,
        score=100,
        evidence=(
            Evidence(
                clause="near",
                field="title",
                text="سفينة «الميناء» تصل إلى طرطوس",
                start=0,
                end=29,
                how=How.VARIANT,
                quote="سفينة «الميناء» تصل إلى طرطوس",
                quote_start=0,
                mentions=(Mention(term="سفينة", text="سفينة", start=0, end=5, how=How.INFLECTED), MENTION),
            ),
        ),
        matched_at=SEEN + timedelta(seconds=1),
        signature=Signature(
            method=1,
            sketch=b"\x00\xff\x10 sketch",
            words={"سفين": 60, "ميناء": 41},
            length=5,
            places=("طرطس",),
            people=("بطرس",),
            names=("طرطس", "بطرس"),
            numbers=("12",),
            losses=("3",),
            weekdays=("جمعة",),
            today=True,
            terms=("طرطوس",),
        ),
        watched=("طرطوس", "$ship"),
    ),
    "edition": Edition(
        article=Article(header=HEADER, text="First line."), watchlists=("harbours",), at=SEEN + timedelta(seconds=1)
    ),
    "event": Event(
        rule="source failing",
        subject="harbour-news",
        state="raised",
        at=SEEN,
        summary="harbour-news: HTTP 503 three times in a row",
        severity=Severity.MEDIUM,
    ),
    "dead": DeadLetter(
        topic="articles",
        partition=3,
        offset=4711,
        stage="matcher",
        key="3f9a1c0b7d2e4f58",
        value=b"\x00\xff no JSON",
        headers={"record": "article/1"},
        error="Undecodable: JSON is malformed",
        traceback='Traceback (most recent call last):\n  File "x.py", line 1\n',
        at=SEEN,
    ),
}


def on_bus(value: bytes, headers: Mapping[str, str]) -> Record:
    return Record(topic="articles", partition=3, offset=42, key="k", value=value, headers=headers, at=SEEN)


def decoded(value: bytes, like: object, label: str) -> object:
    kind: Any = type(like)
    found: object = codec.decode(on_bus(value, {"record": label}), kind)
    return found


def golden(kind: str) -> bytes:
    return (GOLDEN / f"{kind}-1.json").read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_written_byte_for_byte_as_ever(kind: str) -> None:
    outgoing = codec.encode(KINDS[kind])
    assert outgoing.value == golden(kind)
    assert outgoing.headers == {"record": f"{kind}/1"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_once_is_read_the_same(kind: str) -> None:
    assert decoded(golden(kind), KINDS[kind], f"{kind}/1") == KINDS[kind]


def test_optional_fields_that_an_older_monitor_did_not_write_take_their_defaults() -> None:
    value = (GOLDEN / "article-1-least.json").read_bytes()
    article = codec.decode(on_bus(value, {"record": "article/1"}), Article)
    assert article == Article(
        header=Header(id="a", source="s", title="t", content_hash="h", first_seen=SEEN.replace(microsecond=0)), text=""
    )


@pytest.mark.parametrize(
    ("file", "more"),
    [("match-1-unsigned", b',"signature":null,"watched":[]}'), ("match-1-unwatched", b',"watched":[]}')],
)
def test_a_match_that_an_older_monitor_wrote_is_read_without_what_was_added(file: str, more: bytes) -> None:
    value = (GOLDEN / f"{file}.json").read_bytes()
    match = codec.decode(on_bus(value, {"record": "match/1"}), Match)
    assert codec.to_json(match) == value.removesuffix(b"}\n") + more


def test_a_topic_may_hold_records_of_two_kinds() -> None:
    both: tuple[type[Match | Edition], ...] = (Match, Edition)
    for kind in ("match", "edition"):
        record = on_bus(golden(kind), {"record": f"{kind}/1"})
        assert codec.decode(record, *both) == KINDS[kind]
    with pytest.raises(Undecodable, match="expected match/1 or edition/1"):
        codec.decode(on_bus(golden("event"), {"record": "event/1"}), Match, Edition)


@pytest.mark.parametrize("kind", KINDS)
def test_fields_that_a_later_monitor_added_are_ignored(kind: str) -> None:
    value = golden(kind).replace(b"{", b'{"added_later":{"a":[1,null]},', 1)
    assert decoded(value, KINDS[kind], f"{kind}/1") == KINDS[kind]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("article", HEADER.id),
        ("match", "harbours"),
        ("edition", HEADER.id),
        ("event", "harbour-news"),
        ("dead", "3f9a1c0b7d2e4f58"),
    ],
)
def test_records_that_must_stay_in_order_have_the_same_key(kind: str, key: str) -> None:
    assert codec.encode(KINDS[kind]).key == key


def test_a_newer_version_is_refused_with_its_place_and_the_remedy() -> None:
    with pytest.raises(NewerVersion, match=r"articles/3@42 holds article/2, .* upgrade monitor"):
        codec.decode(on_bus(golden("article"), {"record": "article/2"}), Article)


@pytest.mark.parametrize(
    "label", ["", "article", "article/", "article/x", "article/-1", "article/١", "match/1", "/1", "article/1/1"]
)
def test_a_record_that_is_not_labelled_as_expected_is_undecodable(label: str) -> None:
    with pytest.raises(Undecodable, match="articles/3@42"):
        codec.decode(on_bus(golden("article"), {"record": label} if label else {}), Article)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00\x01",
        b"null",
        b"[]",
        b"{}",
        b'{"header":',
        b"\xff\xfe{}",
        b'{"header": {"id": 7}}',
        b'{"x":' + b"[" * 100_000,
    ],
    ids=["empty", "binary", "null", "list", "object", "cut off", "no UTF-8", "wrong type", "deep"],
)
def test_damaged_bytes_are_undecodable(kind: str, value: bytes) -> None:
    with pytest.raises(Undecodable, match="articles/3@42"):
        decoded(value, KINDS[kind], f"{kind}/1")


@pytest.mark.parametrize("kind", KINDS)
@given(cut=st.integers(0, 10_000))
def test_a_record_that_was_cut_short_is_undecodable(kind: str, cut: int) -> None:
    whole = golden(kind)
    with pytest.raises(Undecodable):
        decoded(whole[: cut % len(whole)], KINDS[kind], f"{kind}/1")


@given(value=st.binary())
def test_no_bytes_do_worse_than_being_undecodable(value: bytes) -> None:
    with pytest.raises(Undecodable):
        codec.decode(on_bus(value, {"record": "article/1"}), Article)


words = st.text(st.characters(exclude_categories=["Cs"]))
instants = st.datetimes(timezones=st.just(UTC))
headers = st.builds(
    Header,
    id=words,
    source=words,
    title=words,
    content_hash=words,
    first_seen=instants,
    titled=st.booleans(),
    url=st.none() | words,
    lang=st.none() | words,
    tier=st.none() | st.integers(1, 9),
    published=st.none() | instants,
    revision=st.integers(1, 2**31),
    held=st.none() | st.sampled_from(Reason),
)
spans = st.integers(0, 2**40)
mentions = st.builds(Mention, term=words, text=words, start=spans, end=spans, how=st.sampled_from(How))
evidence = st.builds(
    Evidence,
    clause=words,
    field=st.sampled_from(["title", "text"]),
    text=words,
    start=spans,
    end=spans,
    how=st.sampled_from(How),
    quote=words,
    quote_start=spans,
    mentions=st.lists(mentions, max_size=3).map(tuple),
)
watchlists = st.builds(
    WatchlistHeader,
    id=words,
    name=words,
    severity=st.sampled_from(Severity),
    owner=st.none() | words,
    labels=st.dictionaries(words, words, max_size=3),
    status=st.sampled_from(Status),
    revision=words,
)
names = st.lists(words, max_size=3).map(tuple)
signatures = st.builds(
    Signature,
    method=st.integers(0, 9),
    sketch=st.binary(max_size=256),
    words=st.dictionaries(words, st.integers(0, 200), max_size=3),
    length=spans,
    **dict.fromkeys(("places", "people", "names", "numbers", "losses", "weekdays", "terms"), names),
    today=st.booleans(),
)
records = st.one_of(
    st.builds(Article, header=headers, text=words),
    st.builds(
        Match,
        watchlist=watchlists,
        article=headers,
        score=st.integers(0, 100),
        evidence=st.lists(evidence, max_size=3).map(tuple),
        matched_at=instants,
        signature=st.none() | signatures,
    ),
    st.builds(
        Event,
        rule=words,
        subject=words,
        state=st.sampled_from(["raised", "cleared"]),
        at=instants,
        summary=words,
        severity=st.sampled_from(Severity),
    ),
    st.builds(
        DeadLetter,
        topic=words,
        partition=spans,
        offset=spans,
        stage=words,
        key=words,
        value=st.binary(),
        headers=st.dictionaries(words, words, max_size=3),
        error=words,
        traceback=words,
        at=instants,
    ),
)


@given(record=records)
def test_every_record_comes_back_as_it_went(record: Article | Match | Event | DeadLetter) -> None:
    outgoing = codec.encode(record)
    assert decoded(outgoing.value, record, outgoing.headers["record"]) == record
    kind: Any = type(record)
    assert codec.from_json(codec.to_json(record), kind) == record


def test_instants_of_other_zones_mean_the_same_instant() -> None:
    beirut = timezone(timedelta(hours=2))
    value = golden("event").replace(b"2026-11-20T09:30:15.123456Z", b"2026-11-20T11:30:15.123456+02:00")
    assert codec.decode(on_bus(value, {"record": "event/1"}), Event).at == SEEN.astimezone(beirut)
