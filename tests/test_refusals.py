from pathlib import Path

import pytest

from monitor.ingest.pages import Page
from monitor.ingest.refusals import MAX_BYTES, error_of, refusal_of

DATA = Path(__file__).parent / "data" / "pages"
WALLS = dict(line.split("\t") for line in (DATA / "walls.tsv").read_text("utf-8").splitlines())
ERRORS = (DATA / "errors.txt").read_text("utf-8").splitlines()
HEADLINES = (DATA / "headlines.txt").read_text("utf-8").splitlines()


def answer(file: Path) -> tuple[int, dict[str, str], bytes]:
    """Read an answer as it is written down: status, headers, an empty line, body."""
    head, _, body = file.read_bytes().partition(b"\n\n")
    status, *headers = head.decode().splitlines()
    return int(status), dict(header.split(": ", 1) for header in headers), body


@pytest.mark.parametrize("name", WALLS)
def test_a_wall_is_known_for_what_it_is(name: str) -> None:
    assert refusal_of(*answer(DATA / "refused" / f"{name}.http")) == f"a wall instead of the page: {WALLS[name]}"


def test_every_wall_has_its_name() -> None:
    assert sorted(path.stem for path in (DATA / "refused").glob("*.http")) == sorted(WALLS)


@pytest.mark.parametrize("name", sorted(path.stem for path in (DATA / "articles").glob("*.http")))
def test_an_article_is_no_wall_whatever_it_is_about_and_whoever_serves_it(name: str) -> None:
    assert refusal_of(*answer(DATA / "articles" / f"{name}.http")) is None


@pytest.mark.parametrize("name", WALLS)
def test_a_wall_in_a_page_with_many_words_or_an_article_is_none(name: str) -> None:
    _, headers, body = answer(DATA / "refused" / f"{name}.http")
    ordinary = {"content-type": headers["content-type"]}
    assert refusal_of(200, ordinary, body + b"<p>" + b"word " * 401) is None
    assert refusal_of(200, ordinary, body + b"<article><h1>News</h1></article>") is None
    assert refusal_of(200, ordinary, body + b" " * MAX_BYTES) is None


def test_a_feed_is_no_wall() -> None:
    item = b"<item><title>Just a moment...</title><description>_cf_chl_opt gokuProps</description></item>"
    assert refusal_of(200, {}, b'<?xml version="1.0"?><rss version="2.0"><channel>' + item) is None


@pytest.mark.parametrize("title", ERRORS)
def test_a_short_page_with_such_a_title_is_an_error(title: str) -> None:
    assert error_of(Page(title=title, text="ابحث في الموقع أو عد إلى الصفحة الرئيسية."))
    assert error_of(Page(title=f"{title} | صحيفة المثال", text=""))
    assert error_of(Page(title=title, text="كلمة " * 60)) is None


@pytest.mark.parametrize("line", [line for line in ERRORS if " " in line and not any(map(str.isdecimal, line))])
def test_so_is_a_short_page_that_begins_with_such_a_line(line: str) -> None:
    assert error_of(Page(title="صحيفة المثال", text=f"{line}\n\nابحث في الموقع."))


@pytest.mark.parametrize("title", HEADLINES)
def test_a_headline_about_errors_is_none(title: str) -> None:
    assert error_of(Page(title=title, text="قالت الوكالة إن الخدمة عادت بعد ساعة.")) is None
    assert error_of(Page(title="صحيفة المثال", text=f"{title}\n\nقالت الوكالة إن الخدمة عادت بعد ساعة.")) is None
