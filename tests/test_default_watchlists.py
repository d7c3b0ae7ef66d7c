"""The watchlists and the sample articles that monitor ships: what alerts, on what words, and what must not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.ingest.archives import read_articles
from monitor.matching import compile_watchlists
from monitor.model import Article, Header, Status
from monitor.watchlists.linting import check_watchlists
from monitor.watchlists.loading import load_watchlists
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.model import Match

WATCHLISTS = ROOT / "watchlists.yaml"
SAMPLES = ROOT / "seeds" / "articles"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

EXPECTED = {
    "01-assad-extradition.txt": {"assad-extradition": "تسليم بشار الأسد"},
    "02-assad-verb-form.txt": {"assad-extradition": "تُسلِّم موسكو الأســد"},
    "03-russian-bases.txt": {"russian-bases-in-syria": "القواعد العسكرية الروسية» في سوريا"},
    "04-bases-english.html": {"russian-bases-in-syria": "Hmeimim"},
    "10-quneitra-incursion.json": {"israeli-incursions-in-quneitra": "إسرائيلية تتوغل في ريف القنيطرة"},
    "sample-wire-1": {"threats-to-iran": "strike on Iran"},
    "sample-wire-2": {"energy-infrastructure-in-syria": "إعادة تأهيل محطة الكهرباء"},
    "12-sdf-oil-fields.txt": {"sdf-hands-over-territory": "قسد صباح الثلاثاء تسليم حقول"},
    "13-sharaa-visit-english.txt": {"al-sharaa-and-moscow": "Ahmed al-Sharaa will travel to Moscow"},
}
"""What of the samples alerts, with the first evidence; all others must stay quiet."""


def matches(articles: Iterable[Article]) -> list[Match]:
    matcher = compile_watchlists(load_watchlists(WATCHLISTS).watchlists)
    return [match for article in articles for match in matcher.match(article, NOW)]


def article(text: str) -> Article:
    header = Header(id="a", source="s", title=text[:40], titled=False, content_hash="h", first_seen=NOW)
    return Article(header=header, text=text)


def test_nothing_is_wrong_with_them_and_every_example_does_what_it_says() -> None:
    assert check_watchlists(WATCHLISTS, lambda: NOW) == []


def test_each_shows_what_alerts_and_what_does_not() -> None:
    loaded = load_watchlists(WATCHLISTS)
    shown = {(example.watchlist, example.alerts) for example in loaded.examples}
    assert shown == {(watchlist.header.id, alerts) for watchlist in loaded.watchlists for alerts in (True, False)}


def test_each_has_an_owner_and_a_desk_to_route_by() -> None:
    for watchlist in load_watchlists(WATCHLISTS).watchlists:
        assert watchlist.header.owner
        assert watchlist.header.labels["desk"]


def test_one_is_tried_out_in_the_shadow() -> None:
    statuses = [watchlist.header.status for watchlist in load_watchlists(WATCHLISTS).watchlists]
    assert statuses.count(Status.SHADOW) == 1


def test_the_samples_alert_where_they_should_and_nowhere_else() -> None:
    found: dict[str, dict[str, str]] = {}
    for match in matches(read_articles(SAMPLES, NOW, print)):
        found.setdefault(match.article.id, {})[match.watchlist.id] = match.evidence[0].text
    assert found == EXPECTED


def test_the_samples_are_enough_to_see_the_product_at_work() -> None:
    samples = list(read_articles(SAMPLES, NOW, print))
    assert len(samples) - len(EXPECTED) >= 5
    assert all(sample.header.published and sample.header.published.year == 2026 for sample in samples)
    assert {file.suffix for file in SAMPLES.iterdir()} == {".txt", ".html", ".json", ".jsonl"}


@pytest.mark.parametrize(
    "text",
    [
        "في ذكرى رحيل حافظ الأسد تحدث مؤرخون عن تسليم السلطة ومحاكمة معارضيه.",
        "تبنى تنظيم القاعدة هجوماً في الساحل، وقالت روسيا إنها تتابع الأمر في سوريا.",
        "افتتحت المدينة حديقة الأسود، وتسلمت أسداً من محمية.",
        "جدد البيان التمسك بقرارات الشرعية الدولية خلال مباحثات في موسكو.",
        "حصل الفريق على نصيب الأسد من الجوائز بعد تسليم الكؤوس.",
        "صدر كتاب في قواعد اللغة الروسية في سوريا.",
        "The zoo will hand over two lions to a park in Russia.",
    ],
)
def test_a_lookalike_alerts_nobody(text: str) -> None:
    assert [match.watchlist.id for match in matches([article(text)])] == []


def test_a_real_article_alerts_where_it_says_so(shared: Path) -> None:
    found = {match.watchlist.id: match for match in matches(read_articles(shared / "seed", NOW, print))}
    evidence = {name: [one.text for one in match.evidence] for name, match in found.items()}
    assert evidence["assad-extradition"] == ["تسليم بشار الأسد"]
    assert evidence["russian-bases-in-syria"] == ["القواعد العسكرية الروسية في سوريا"]
    assert set(found) == {
        "assad-extradition",
        "russian-bases-in-syria",
        "al-sharaa-and-moscow",
        "threats-to-iran",
        "israeli-incursions-in-quneitra",
        "energy-infrastructure-in-syria",
    }
