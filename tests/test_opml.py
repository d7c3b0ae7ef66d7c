import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import ParseError
from monitor.ingest.opml import MAX_NAME, Outline, read_opml, write_opml
from monitor.ingest.pages import web_address

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LIST = """<?xml version="1.0" encoding="utf-8"?>
<opml version="1.0"><head><title>قائمة</title></head><body>
<outline text="أخبار">
  <outline title="سوريا"><outline text="أ &amp; ب" title="x" type="rss" xmlUrl="https://a.example.org/feed?x=1&y=2"/></outline>
  <outline text="نوع" type="RSS" url="https://b.example.org/rss"/>
  <outline><outline title="&#1582;&#1576;&#1585; 3 < 5" xmlurl=" https://c.example.org/ "/></outline>
</outline>
<outline text="مكرر" xmlUrl="https://a.example.org/feed?x=1&amp;y=2"><outline text="داخل" xmlUrl="https://d.example.org/"/></outline>
<outline text="رابط" type="link" url="https://e.example.org/"/>
<outline text="ليس على الشبكة" xmlUrl="javascript:x()"/>
</body></opml>"""


def test_a_list_is_read_with_its_folders_in_its_order() -> None:
    assert read_opml(LIST.encode()) == (
        Outline("أ & ب", "https://a.example.org/feed?x=1&y=2", ("أخبار", "سوريا")),
        Outline("نوع", "https://b.example.org/rss", ("أخبار",)),
        Outline("خبر 3 < 5", "https://c.example.org/", ("أخبار",)),
        Outline("مكرر", "https://a.example.org/feed?x=1&y=2"),
        Outline("داخل", "https://d.example.org/"),
    )


def test_a_list_that_is_cut_off_gives_what_stands_before() -> None:
    assert len(read_opml(LIST.encode().partition("مكرر".encode())[0])) == 3


def test_an_old_arabic_list_is_read() -> None:
    text = LIST.replace("utf-8", "windows-1256")
    assert read_opml(text.encode("windows-1256")) == read_opml(LIST.encode())


@pytest.mark.parametrize("body", [b"", b"no list", b"<html></html>", b"<rss/>", b"\x89PNG\x00\xff\xfe"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_opml(body)


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE opml [<!ENTITY a "laugh"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    body = f'{bomb}<opml><body><outline text="&b;&f;" xmlUrl="https://a.example.org/"/></body></opml>'
    assert read_opml(body.encode()) == (Outline("&b;&f;", "https://a.example.org/"),)


def test_a_list_is_written_as_other_readers_take_it() -> None:
    outlines = [
        Outline("أ", "https://a.example.org/", ("أخبار",)),
        Outline("ب", "https://b.example.org/"),
        Outline("", "https://c.example.org/?a=1&b=2", ("أخبار", "سوريا")),
    ]
    assert write_opml(outlines, "مراقب", NOW.astimezone(timezone(timedelta(hours=3)))).decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<opml version="2.0">\n'
        "  <head>\n"
        "    <title>مراقب</title>\n"
        "    <dateCreated>Tue, 24 Nov 2026 09:30:00 GMT</dateCreated>\n"
        "  </head>\n"
        "  <body>\n"
        '    <outline text="أخبار" title="أخبار">\n'
        '      <outline text="أ" title="أ" type="rss" xmlUrl="https://a.example.org/"/>\n'
        '      <outline text="سوريا" title="سوريا">\n'
        '        <outline text="https://c.example.org/?a=1&amp;b=2" title="https://c.example.org/?a=1&amp;b=2"'
        ' type="rss" xmlUrl="https://c.example.org/?a=1&amp;b=2"/>\n'
        "      </outline>\n"
        "    </outline>\n"
        '    <outline text="ب" title="ب" type="rss" xmlUrl="https://b.example.org/"/>\n'
        "  </body>\n"
        "</opml>\n"
    )


NAMES = st.text(min_size=1, max_size=30).map(lambda text: " ".join(text.split())).filter(bool)
PRINTABLE = NAMES.filter(lambda name: name.isprintable() or "\u200f" in name)
OUTLINES = st.builds(
    Outline,
    PRINTABLE,
    st.from_regex(r"https?://[a-z]{1,9}\.example\.org/[a-z0-9%&?=_/-]{0,20}", fullmatch=True).filter(
        lambda url: web_address(url, "") == url
    ),
    st.lists(PRINTABLE, max_size=4).map(tuple),
)


@given(st.lists(OUTLINES, max_size=20))
def test_what_is_written_is_read_again(outlines: list[Outline]) -> None:
    read = read_opml(write_opml(outlines, "x", NOW))
    assert sorted(read, key=repr) == sorted(outlines, key=repr)
    assert read_opml(write_opml(read, "x", NOW)) == read


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_names_can_be_written(title: str, name: str, folders: list[str]) -> None:
    outline = Outline(name * 50, "https://a.example.org/", tuple(folders))
    (read,) = read_opml(write_opml([outline], title, NOW))
    assert 0 < len(read.title) <= MAX_NAME


def test_damaged_lists_give_outlines_or_a_parse_error_and_nothing_else() -> None:
    whole = LIST.encode()
    chance = random.Random(20_261_125)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 3)] = bytes(chance.randrange(256) for _ in range(2))
        try:
            found = read_opml(bytes(damaged[: chance.randint(1, len(damaged))]))
        except ParseError:
            continue
        for outline in found:
            assert outline.url.startswith(("http://", "https://"))
            "".join((outline.title, outline.url, *outline.folders)).encode()
