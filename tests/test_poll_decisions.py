from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest.deciding import (
    Answer,
    Copy,
    Failure,
    Habits,
    Known,
    Listing,
    Plan,
    PollStatus,
    Unchanged,
    decide,
    interval,
)
from monitor.ingest.identity import Item, article_of_url, identify
from monitor.model import Article, Event, Header, Reason
from monitor.ports import Sighting, SourceState
from monitor.settings import Source

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def feed_source(**more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "agency", "url": "https://e.org/rss", "lang": "ar", "tier": 1} | more)


def folder_source(folder: Path, **more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "inbox", "folder": folder, "settle": timedelta(seconds=0.2)} | more)


def item(key: str = "1", text: str = "نص الخبر", published: datetime | None = NOW - HOUR, **more: Any) -> Item:  # noqa: ANN401 - the record's own fields
    return Item.of(key=key, title=more.pop("title", f"عنوان {key}"), text=text, published=published, **more)


# --- Deciding: pure, against what the store would answer -------------------------------------------------------------


@dataclass
class History:
    """Polls of one source, one after the other, with the store's part played by a dictionary."""

    source: Source
    state: SourceState
    sightings: dict[str, Sighting] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source) -> Self:
        return cls(source, SourceState(id=source.id))

    def poll(self, *items: Item, now: datetime = NOW, still: Sequence[str] = (), settling: bool = False) -> Plan:
        copy = Copy(etag='"e"', body_hash="b")
        return self.answer(Listing(items=items, still=frozenset(still), settling=settling, copy=copy), now)

    def answer(self, answer: Answer, now: datetime = NOW, draw: float = 0) -> Plan:
        items = answer.items if isinstance(answer, Listing) else ()
        versions: dict[str, list[Sighting]] = {}
        for sighting in self.sightings.values():
            versions.setdefault(sighting.article, []).append(sighting)
        known = Known(
            state=self.state,
            habits=Habits.of(self.state),
            sightings=self.sightings,
            identified=identify(
                self.source.id, items, self.sightings, versions, keys_are_names=self.source.folder is not None
            ),
            versions=versions,
        )
        plan = decide(self.source, answer, known, now, draw)
        self.state = plan.state
        self.sightings |= {sighting.key: sighting for sighting in plan.sightings}
        return plan


@pytest.fixture
def feed() -> History:
    """A feed that was polled before."""
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    return history


def headers(plan: Plan) -> list[Header]:
    return [article.header for article in plan.articles]


def test_a_new_item_becomes_an_article_with_all_that_is_known_of_it(feed: History) -> None:
    plan = feed.poll(item("1", url="https://e.org/1?utm_source=x"))
    assert plan.articles == (
        Article(
            header=Header(
                id=plan.articles[0].header.id,
                source="agency",
                title="عنوان 1",
                content_hash=item("1").content_hash,
                first_seen=NOW,
                url="https://e.org/1?utm_source=x",
                lang="ar",
                tier=1,
                published=NOW - HOUR,
            ),
            text="نص الخبر",
        ),
    )
    assert plan.status is PollStatus.OK
    assert plan.state == replace(
        feed.state, last_new=NOW, last_success=NOW, last_polled=NOW, next_due=NOW + timedelta(minutes=5), articles=2
    )


def test_what_was_published_is_not_published_again(feed: History) -> None:
    feed.poll(item("1"))
    for minute in range(1, 100):
        assert feed.poll(item("1"), item("0"), now=NOW + timedelta(minutes=minute)).articles == ()


def test_changed_words_are_a_new_version_and_changed_vowel_marks_are_none(feed: History) -> None:
    revisions = [headers(feed.poll(item("1", text=text)))[0] for text in ("أول", "ثان")]
    assert [header.revision for header in revisions] == [1, 2]
    assert revisions[0].id == revisions[1].id
    assert feed.poll(item("1", text="ثَانٍ")).articles == ()


def test_an_article_that_another_source_published_is_seen_here_and_not_published(feed: History) -> None:
    one = item("x", url="https://e.org/1")
    article = article_of_url(one.url) or ""
    theirs = Sighting(
        source="other",
        key="y",
        article=article,
        content_hash=one.content_hash,
        revision=4,
        first_seen=NOW,
        listed=NOW,
    )
    known = Known(
        state=feed.state,
        sightings=feed.sightings,
        identified=identify("agency", [one], feed.sightings, {article}),
        versions={article: [theirs]},
    )
    plan = decide(feed.source, Listing(items=(one,)), known, NOW, 0)
    assert plan.articles == ()
    assert [(seen.source, seen.key, seen.article, seen.revision) for seen in plan.sightings] == [
        ("agency", "x", article, 4)
    ]


def test_a_feed_that_makes_new_ids_at_each_fetch_is_published_once(feed: History) -> None:
    published = [feed.poll(item(f"guid-{number}", title="واحد")).articles for number in range(100)]
    assert sum(map(len, published)) == 1
    published = [feed.poll(item(f"g-{number}", title="آخر", url="https://e.org/7")).articles for number in range(100)]
    assert sum(map(len, published)) == 1


def test_an_id_used_again_for_other_news_is_published_again(feed: History) -> None:
    first = feed.poll(item("reused", title="افتتاح المعرض الزراعي", url="https://e.org/1"))
    second = feed.poll(item("reused", title="إغلاق معبر حدودي", text="خبر آخر", url="https://e.org/2"))
    assert headers(first)[0].id != headers(second)[0].id


def test_an_article_without_title_has_its_first_sentence_for_a_headline(feed: History) -> None:
    header = headers(feed.poll(item("1", title="", text="جملة أولى. وجملة ثانية.")))[0]
    assert (header.title, header.titled) == ("جملة أولى.", False)


# --- What may alert ---


def test_the_back_issues_of_a_new_feed_are_published_and_held_back() -> None:
    history = History.of(feed_source())
    plan = history.poll(*(item(str(number), text=f"نص {number}") for number in range(500)))
    assert len(plan.articles) == plan.held == 500
    assert {header.held for header in headers(plan)} == {Reason.BASELINE}
    assert headers(history.poll(item("new", text="جديد")))[0].held is None


@pytest.mark.parametrize(
    ("backfill", "age", "held"),
    [
        ("none", HOUR, Reason.BASELINE),
        ("all", HOUR, None),
        ("all", 49 * HOUR, Reason.OLD),
        ("24h", 23 * HOUR, None),
        ("24h", 25 * HOUR, Reason.BASELINE),
        ("24h", None, Reason.BASELINE),
        ("all", None, None),
        (None, None, Reason.BASELINE),
    ],
)
def test_backfill_says_what_of_a_new_feed_may_alert(
    backfill: str | None, age: timedelta | None, held: Reason | None
) -> None:
    history = History.of(feed_source(backfill=backfill))
    plan = history.poll(item(published=NOW - age if age is not None else None))
    assert headers(plan)[0].held is held


@pytest.mark.parametrize(
    ("max_age", "age", "held"),
    [
        (None, 47 * HOUR, None),
        (None, 49 * HOUR, Reason.OLD),
        ("12h", 13 * HOUR, Reason.OLD),
        ("30d", 49 * HOUR, None),
        (None, None, None),
        (None, -HOUR, None),
    ],
)
def test_an_old_article_is_held_back(max_age: str | None, age: timedelta | None, held: Reason | None) -> None:
    history = History.of(feed_source(max_age=max_age))
    history.poll(item("0"), now=NOW - DAY)
    plan = history.poll(item(published=NOW - age if age is not None else None))
    assert headers(plan)[0].held is held


def test_all_of_a_folder_may_alert_however_old(tmp_path: Path) -> None:
    plan = History.of(folder_source(tmp_path)).poll(item(published=NOW - 3650 * DAY))
    assert headers(plan)[0].held is None


def test_a_date_far_in_the_future_is_no_date(feed: History) -> None:
    assert headers(feed.poll(item(published=NOW.replace(year=2099))))[0].published is None
    assert headers(feed.poll(item("2", text="x", published=NOW + HOUR)))[0].published == NOW + HOUR


def test_a_failed_or_empty_first_poll_is_no_first_poll() -> None:
    history = History.of(feed_source())
    history.answer(Failure(reason="too slow"))
    history.poll()
    assert headers(history.poll(item()))[0].held is Reason.BASELINE


def test_the_first_poll_of_a_folder_lasts_until_something_settled(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path, backfill="none"))
    history.poll(settling=True)
    assert headers(history.poll(item()))[0].held is Reason.BASELINE
    empty = History.of(folder_source(tmp_path, backfill="none"))
    empty.poll()
    assert headers(empty.poll(item()))[0].held is None


# --- Failing, recovering, and when to look again ---


def test_failures_back_off_to_a_day_and_never_for_ever(feed: History) -> None:
    waits = []
    for _ in range(40):
        due = feed.answer(Failure(reason="too slow")).state.next_due
        assert due
        waits.append(due - NOW)
    assert waits[:5] == [5 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert waits[-1] == DAY
    assert feed.state.errors == 40
    assert (feed.state.state, feed.state.error) == ("failing", "too slow")


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.integers(1, 10**6))
def test_a_back_off_is_spread_and_bounded(errors: int, draw: float, seconds: int) -> None:
    history = History.of(feed_source(interval=timedelta(seconds=seconds)))
    history.state = replace(history.state, errors=errors)
    due = history.answer(Failure(reason="x"), draw=draw).state.next_due
    assert due
    longest = max(DAY, timedelta(seconds=seconds))
    assert min(longest, timedelta(seconds=seconds)) * 0.75 <= due - NOW <= longest


def test_a_server_that_asks_to_wait_is_left_alone_as_long(feed: History) -> None:
    for asked, wait in ((3 * HOUR, 3 * HOUR), (timedelta(0), timedelta(minutes=5)), (DAY, DAY)):
        plan = feed.answer(Failure(reason="asked to wait", retry_after=asked), draw=0.5)
        assert plan.state.next_due == NOW + wait


def test_what_is_gone_is_looked_at_once_a_day(feed: History) -> None:
    gone = Failure(reason="410 Gone", status=PollStatus.GONE)
    assert [feed.answer(gone).state.next_due for _ in range(4)] == [NOW + 5 * MINUTE] * 2 + [NOW + DAY] * 2
    assert feed.state.state == "gone"


def test_a_folder_that_fails_is_looked_at_every_minute(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path))
    for _ in range(30):
        plan = history.answer(Failure(reason="no such folder"))
    assert plan.state.next_due == NOW + timedelta(minutes=1)


def test_a_folder_with_a_file_in_writing_is_looked_at_again_when_it_may_have_settled(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path, interval="5m"))
    assert history.poll(item("a.txt"), settling=True).state.next_due == NOW + timedelta(seconds=0.2)
    assert history.poll(still=["a.txt"]).state.next_due == NOW + timedelta(minutes=5)


def test_the_third_failure_in_a_row_raises_an_event_and_recovery_clears_it(feed: History) -> None:
    raised = [feed.answer(Failure(reason="too slow")).events for _ in range(6)]
    assert raised[2] == (
        Event(
            rule="source failing",
            subject="agency",
            state="raised",
            at=NOW,
            summary="agency fails, 3 polls in a row: too slow",
        ),
    )
    assert [len(events) for events in raised] == [0, 0, 1, 0, 0, 0]
    plan = feed.poll(item("9"))
    assert [(event.rule, event.subject, event.state) for event in plan.events] == [
        ("source failing", "agency", "cleared")
    ]
    assert (plan.state.state, plan.state.errors, plan.state.error) == ("ok", 0, None)


def test_two_failures_tell_nobody(feed: History) -> None:
    feed.answer(Failure(reason="x"))
    feed.answer(Failure(reason="x"))
    assert feed.poll(item()).events == ()


def test_an_empty_feed_and_an_unchanged_one_are_no_recovery(feed: History) -> None:
    for _ in range(4):
        feed.answer(Failure(reason="too slow"))
    for answer in (Listing(items=()), Unchanged()):
        plan = feed.answer(answer)
        assert (plan.status, plan.events) == (PollStatus.FAILING, ())
        assert (plan.state.errors, plan.state.error) == (4, "too slow")
        assert plan.state.next_due == NOW + timedelta(minutes=5)


def test_an_empty_feed_and_an_unchanged_one_are_told_apart_from_a_good_one(feed: History) -> None:
    assert feed.answer(Unchanged()).state.state == "unchanged"
    assert feed.answer(Unchanged()).state.last_success == NOW
    before = feed.state
    after = feed.answer(Listing(items=())).state
    assert after == replace(before, state="empty", last_polled=NOW, next_due=NOW + timedelta(minutes=5))


def test_validators_are_kept_of_what_could_be_read_only(feed: History) -> None:
    feed.answer(Listing(items=(item("1"),), copy=Copy(etag='"2"', last_modified="m", body_hash="h")))
    for answer in (Failure(reason="cannot be parsed"), Listing(items=(), copy=Copy(etag='"3"', body_hash="i"))):
        feed.answer(answer)
        assert (feed.state.etag, feed.state.last_modified, feed.state.body_hash) == ('"2"', "m", "h")


# --- How long sightings live ---


def test_a_listed_item_is_noted_once_a_day_so_that_it_is_never_forgotten(feed: History) -> None:
    feed.poll(item("1"))
    assert feed.poll(item("1"), now=NOW + HOUR).sightings == ()
    assert [seen.listed for seen in feed.poll(item("1"), now=NOW + DAY).sightings] == [NOW + DAY]


def test_a_feed_that_stays_unchanged_for_months_keeps_its_items(feed: History) -> None:
    feed.poll(item("1"), item("2", text="x"))
    for day in range(1, 90):
        feed.answer(Unchanged(), NOW + day * DAY)
    assert {feed.sightings[key].listed for key in "12"} == {NOW + 89 * DAY}


def test_what_a_feed_listed_once_is_not_kept_alive_by_unchanged_polls(feed: History) -> None:
    for day in range(5):
        feed.poll(item("2", text="x"), now=NOW + day * DAY)
    for day in range(5, 40):
        feed.answer(Unchanged(), NOW + day * DAY)
    assert feed.sightings["0"].listed == NOW - DAY


def test_files_that_were_not_read_again_are_still_listed(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path))
    history.poll(item("a.txt"), now=NOW - DAY)
    plan = history.poll(item("b.txt", text="x"), still=["a.txt"])
    assert {seen.key for seen in plan.sightings} == {"a.txt", "b.txt"}
    assert plan.status is PollStatus.OK


# --- Identity that publishers get wrong ---

NEWS = [
    f"{what} {where}"
    for what in ("افتتاح معرض الكتاب الدولي في مدينة", "انقطاع الكهرباء عن أحياء واسعة من مدينة")
    for where in ("الساحل", "الوادي", "الجبل", "النهر", "السهل")
]


def listed(number: int, key: str | None = None, at: str = "https://e.org/{}", **more: Any) -> Item:  # noqa: ANN401 - the record's own fields
    title = more.pop("title", NEWS[number])
    text = more.pop("text", f"قال مسؤول محلي إن العمل في الموقع رقم {number} يستمر حتى نهاية الشهر الحالي.")
    return item(key or f"guid-{number}", text=text, title=title, url=at.format(number), **more)


@pytest.fixture
def site() -> History:
    """A feed of ten articles that was polled before."""
    history = History.of(feed_source())
    history.poll(*(listed(number) for number in range(10)), now=NOW - HOUR)
    return history


@pytest.mark.parametrize(
    "republished",
    [
        lambda n: listed(n, key=f"new-{n}"),
        lambda n: listed(n, key=f"new-{n}", at="https://elsewhere.org/archive/{}.html"),
        lambda n: listed(n, at="https://elsewhere.org/{}?session=77"),
        lambda n: listed(n, key=f"new-{n}", at="https://elsewhere.org/{}", text="نص جديد كله لا يشبه ما كان."),
        lambda n: listed(n, published=NOW),
        lambda n: listed(n, published=None),
        lambda n: listed(n, at="https://m.e.org/{}/amp?utm_source=x"),
        lambda n: listed(n, title=f"{NEWS[n]} (محدث)"),
    ],
    ids=["ids", "ids and site", "site", "ids, site and texts", "dates", "no dates", "mobile", "headlines"],
)
def test_a_publisher_that_changes_all_of_its_list_at_once_alerts_nobody(
    site: History, republished: Callable[[int], Item]
) -> None:
    plan = site.poll(*(republished(number) for number in range(10)))
    assert [header for header in headers(plan) if header.held is None] == []
    assert site.poll(*(republished(number) for number in range(10))).articles == ()


def test_a_headline_and_the_address_made_of_it_are_corrected_and_it_stays_the_article(site: History) -> None:
    corrected = replace(listed(3, title=NEWS[3].replace("الدولي", "العربي")), url="https://e.org/corrected")
    (header,) = headers(site.poll(corrected))
    assert (header.id, header.revision) == (site.sightings["guid-3"].article, 2)
    assert header.id == article_of_url("https://e.org/3")


def test_an_id_that_comes_with_another_article_is_not_believed_with_or_without_an_address(site: History) -> None:
    for url, title in (("https://e.org/99", "زلزال خفيف يضرب جزيرة بعيدة"), (None, "سباق الهجن يبدأ غدا")):
        reused = replace(listed(3, title=title, text=f"{url}"), url=url)
        (header,) = headers(site.poll(reused))
        assert header.revision == 1
        assert header.id != article_of_url("https://e.org/3")


def test_entries_that_share_an_address_are_articles_of_their_own() -> None:
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    plan = history.poll(*(listed(number, at="https://e.org/live") for number in range(4)))
    assert len({header.id for header in headers(plan)}) == 4
    assert history.poll(*(listed(number, at="https://e.org/live") for number in range(2))).articles == ()


def test_two_versions_in_one_list_are_published_once_each_and_do_not_alternate() -> None:
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    twice = (listed(1, key="a"), listed(1, key="b", text="نص آخر للخبر نفسه."))
    assert [header.revision for header in headers(history.poll(*twice))] == [1, 2]
    for _ in range(3):
        assert history.poll(*twice).articles == ()
        assert history.poll(*reversed(twice)).articles == ()


def test_an_id_is_not_believed_when_what_it_stood_for_is_still_listed(site: History) -> None:
    similar = replace(listed(0), url="https://e.org/another", title=NEWS[0].replace("الساحل", "الرمل"), entry="another")
    moved = replace(listed(0), key="guid-10")
    (header,) = headers(site.poll(similar, moved))
    assert (header.id, header.revision) == (article_of_url("https://e.org/another"), 1)


def test_ids_that_are_places_in_the_list_make_no_article_another_s_with_or_without_addresses() -> None:
    for at in ("https://e.org/{}", ""):
        history = History.of(feed_source())
        history.poll(*(listed(number, key=f"item-{number}", at=at) for number in range(1, 10)), now=NOW - HOUR)
        (header,) = headers(history.poll(*(listed(number, key=f"item-{number + 1}", at=at) for number in range(9))))
        assert (header.title, header.revision, header.held) == (NEWS[0], 1, None)


def test_an_article_whose_id_was_used_again_is_known_when_it_comes_back() -> None:
    history = History.of(feed_source())
    window = [[listed(number, key=f"item-{number - top}") for number in range(top, top + 3)] for top in (5, 4, 3, 2)]
    for number, entries in enumerate(window):
        history.poll(*entries, now=NOW + number * HOUR)
    assert history.poll(*window[0], now=NOW + 5 * HOUR).articles == ()


def test_a_headline_that_comes_every_day_is_an_article_every_day() -> None:
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    for title in ("موجز الأخبار", "موجز لأهم الأخبار المحلية والاقتصادية والرياضية لهذا اليوم"):
        for day in range(4):
            one = item(f"{title}-{day}", title=title, text=f"{title} {day}", url=f"https://e.org/{len(title)}/{day}")
            one = replace(one, published=None)
            (header,) = headers(history.poll(one, now=NOW + day * DAY))
            assert (header.revision, header.held) == (1, None)


def test_several_entries_with_the_headline_of_one_that_has_gone_are_articles_of_their_own() -> None:
    history = History.of(feed_source())
    history.poll(*(item(f"{number}", title=NEWS[number], text="أمس") for number in range(5)), now=NOW - DAY)
    new = [
        item(f"n{number}", title=NEWS[0], text=f"يوم {number}", url=f"https://e.org/n{number}") for number in range(6)
    ]
    assert len({header.id for header in headers(history.poll(*new))}) == 6


def test_short_headlines_without_texts_move_with_their_site() -> None:
    history = History.of(feed_source())
    short = [
        replace(listed(number), title=f"خبر عن {NEWS[number].split()[-1]} {number}", text="") for number in range(10)
    ]
    history.poll(*(replace(one, key=one.url or "") for one in short), now=NOW - HOUR)
    moved = [(one.url or "").replace("e.org", "elsewhere.org") for one in short]
    assert history.poll(*(replace(one, key=url, url=url) for one, url in zip(short, moved, strict=True))).articles == ()


def test_an_entry_that_is_nothing_but_words_is_known_by_its_long_headline_when_they_are_edited() -> None:
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    title = "افتتاح معرض الكتاب الدولي في مدينة الساحل"
    first, second = (headers(history.poll(Item.of(key=None, title=title, text=text)))[0] for text in ("أول", "ثان"))
    assert (second.id, second.revision) == (first.id, 2)


@pytest.mark.parametrize("order", [1, -1], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("published", [None, NOW - 30 * HOUR], ids=["undated", "dated before the first poll"])
def test_back_issues_that_come_into_a_list_at_its_old_end_alert_nobody(order: int, published: datetime | None) -> None:
    history = History.of(feed_source())
    old = [listed(number, published=published) for number in range(4, 10)]
    history.poll(*[listed(2, published=None), listed(3, published=None)][::order], now=NOW - DAY)
    history.poll(*[listed(number, published=None) for number in (1, 2, 3)][::order], now=NOW - HOUR)
    plan = history.poll(
        *[listed(0, published=None), listed(1, published=None), listed(2, published=None), *old][::order]
    )
    assert {header.title: header.held for header in headers(plan)} == {
        NEWS[0]: None,
        **dict.fromkeys(NEWS[4:], Reason.BASELINE),
    }


def test_a_few_new_entries_at_the_end_of_a_list_may_be_news(site: History) -> None:
    site.poll(item("new", text="جديد"), *(listed(number) for number in range(10)), now=NOW - timedelta(minutes=30))
    end = [item(f"end-{number}", title=f"آخر {number}", text=f"نص {number}", published=None) for number in range(4)]
    assert [header.held for header in headers(site.poll(*(listed(number) for number in range(10)), *end))] == [None] * 4


def test_a_date_that_nearly_all_entries_share_is_the_list_s_own(site: History) -> None:
    site.state = replace(site.state, last_success=NOW - 9 * DAY)
    dated = [item(f"n{number}", title=f"خبر {number}", text=f"نص {number}", published=NOW) for number in range(6)]
    assert {header.held for header in headers(site.poll(*dated))} == {Reason.BASELINE}


def test_a_live_report_under_one_address_is_told_with_each_change(site: History) -> None:
    texts = [f"تحديث رقم {number}: كلمات أخرى كل مرة {'و' * number}" for number in range(5)]
    told = [headers(site.poll(item("live", text=text, url="https://e.org/live")))[0] for text in texts]
    assert [header.revision for header in told] == [1, 2, 3, 4, 5]
    assert len({header.id for header in told}) == 1


def test_one_article_among_many_is_told_whatever_else_happened(site: History) -> None:
    plan = site.poll(*(listed(number, published=NOW) for number in range(9)), listed(9, key="x", title="خبر"), now=NOW)
    fresh = item("now", title="زلزال خفيف يضرب جزيرة بعيدة", text="لا أضرار.", url="https://e.org/now")
    assert plan.held == 0
    assert [header.held for header in headers(site.poll(fresh))] == [None]


def test_what_went_out_of_the_list_and_comes_back_is_known(site: History) -> None:
    site.poll(*(listed(number) for number in range(5)))
    assert site.poll(*(listed(number) for number in range(10)), now=NOW + 20 * DAY).articles == ()


def test_a_source_that_returns_after_days_holds_back_what_has_no_date_or_an_old_one(site: History) -> None:
    site.state = replace(site.state, last_success=NOW - 9 * DAY)
    undated = replace(listed(0, key="u", title="بلا تاريخ في هذه القائمة"), url="https://e.org/u", published=None)
    old = replace(undated, key="o", url="https://e.org/o", title="قديم جدا", entry="o", published=NOW - 8 * DAY)
    new = replace(undated, key="n", url="https://e.org/n", title="جديد الآن", entry="n", published=NOW - HOUR)
    undated, old, new = (replace(one, text=one.key) for one in (undated, old, new))
    assert [header.held for header in headers(site.poll(undated, old, new))] == [Reason.BASELINE, Reason.OLD, None]


# --- What of a list is published ---


def test_what_is_passed_over_is_remembered_and_not_published(site: History) -> None:
    plan = site.answer(Listing(items=(listed(7, key="p", at="https://e.org/p{}"),), passed=frozenset({"p"})))
    assert plan.articles == ()
    assert "p" in site.sightings
    assert site.poll(listed(7, key="p", at="https://e.org/p{}")).articles == ()


def test_a_list_of_which_all_is_new_says_that_some_may_have_gone_by(site: History) -> None:
    def others(start: int) -> list[Item]:
        return [
            item(f"n{n}", title=f"خبر رقم {n}", text=f"نص {n}", url=f"https://e.org/n{n}")
            for n in range(start, start + 6)
        ]

    assert "gone by unseen" in (site.poll(*others(0)).state.error or "")
    assert site.state.next_due == NOW + 5 * MINUTE / 4
    assert site.poll(*others(0)[:1], *others(20)).state.error is None


# --- Rhythm ---


def hourly(history: History, until: datetime, start: datetime = NOW - 10 * DAY) -> None:
    """Publish an article every hour, and poll every ten minutes."""
    now = start
    while now <= until:
        number = int((now - start) / HOUR)
        one = item(f"h{number}", title=f"ساعة {number}", text=f"نص {number}", url=f"https://e.org/h{number}")
        history.poll(replace(one, published=start + number * HOUR), now=now)
        now += 10 * MINUTE


def test_a_source_that_falls_silent_is_told_and_cleared_when_it_speaks() -> None:
    history = History.of(feed_source())
    hourly(history, NOW)
    now, last = NOW, history.state.last_new
    assert last is not None
    while not (plan := history.answer(Unchanged(), now)).events:
        now += 10 * MINUTE
        assert now - last < 3 * HOUR + 10 * MINUTE
    (event,) = plan.events
    assert (event.rule, event.state) == ("source silent", "raised")
    assert "brings 24 a day" in event.summary
    assert plan.state.silent_since == last
    assert history.answer(Unchanged(), now + 10 * MINUTE).events == ()
    (event,) = history.poll(item("back", text="عاد"), now=now + HOUR).events
    assert (event.rule, event.state) == ("source silent", "cleared")
    assert history.state.silent_since is None


def test_a_source_that_is_dead_when_it_is_met_is_told_by_the_dates_of_its_list() -> None:
    history = History.of(feed_source())
    dated = [listed(n % 10, key=f"{n}", title=f"{n}", published=NOW - 3 * DAY - n * HOUR) for n in range(40)]
    plan = history.poll(*(replace(one, url=f"https://e.org/{one.key}", text=one.key) for one in dated))
    assert [event.rule for event in plan.events] == ["source silent"]


def test_a_source_that_never_brings_anything_is_told_after_a_week() -> None:
    history = History.of(feed_source())
    assert history.answer(Listing(items=())).events == ()
    assert history.answer(Listing(items=()), NOW + 6 * DAY).events == ()
    (event,) = history.answer(Listing(items=()), NOW + 8 * DAY).events
    assert event.summary == "agency has brought nothing new for 8 days; its rhythm is not known yet"


def test_a_folder_may_be_silent_for_ever(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path))
    history.poll(item("a.txt"))
    assert history.poll(still=["a.txt"], now=NOW + 900 * DAY).events == ()


@pytest.mark.parametrize(
    ("gap", "pause"),
    [(20 * MINUTE, 75), (HOUR, 75), (4 * HOUR, 300), (8 * HOUR, 600), (DAY, 1800)],
    ids=str,
)
def test_busy_sources_are_polled_more_often_and_quiet_ones_less(gap: timedelta, pause: int) -> None:
    history = History.of(feed_source())
    for number in range(40):
        history.poll(item(f"{number}", text=f"{number}", published=None), now=NOW + number * gap)
    due, polled = history.state.next_due, history.state.last_polled
    assert due is not None
    assert polled is not None
    assert (due - polled).total_seconds() == pytest.approx(pause, rel=0.1)


def test_a_source_that_was_silent_for_weeks_is_polled_once_a_day_and_one_that_insists_at_its_interval() -> None:
    for more, pause in (({}, DAY), ({"adaptive": False}, 5 * MINUTE)):
        history = History.of(feed_source(**more))
        hourly(history, NOW - 8 * DAY)
        assert history.answer(Unchanged(), NOW + 90 * DAY).state.next_due == NOW + 90 * DAY + pause


@pytest.mark.parametrize(
    ("given", "hint", "pause"),
    [
        ({}, None, 5 * MINUTE),
        ({}, 20 * MINUTE, 20 * MINUTE),
        ({}, 9 * HOUR, HOUR),
        ({"interval": "2m"}, 20 * MINUTE, 2 * MINUTE),
        ({"interval": "30m"}, 20 * MINUTE, 30 * MINUTE),
        ({"adaptive": False}, 20 * MINUTE, 5 * MINUTE),
    ],
)
def test_a_server_s_wish_is_honoured_up_to_what_was_written(
    given: dict[str, Any], hint: timedelta | None, pause: timedelta
) -> None:
    assert interval(feed_source(**given), None, NOW, hint) == pause
    for listing in (Listing(items=(item(),), fresh_for=hint), Listing(items=(item(),), ttl=hint)):
        assert History.of(feed_source(**given)).answer(listing).state.next_due == NOW + pause
