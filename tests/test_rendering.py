"""Golden messages in ``data/messages``: a notification and what becomes of it.

``python -m tests.test_rendering`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Evidence, How, Message, Severity
from monitor.notify.display import clean, cut, cut_front, direction, enclose, isolate, paragraph, web_link
from monitor.notify.smtp import compose
from monitor.notify.terminal import plain
from tests import browser
from tests.messages import GOLDEN, RENDERER, a_report, an_edit, evidence, notification, one_alert, told

CASES: Final = sorted(folder.name for folder in GOLDEN.iterdir())


# --- Golden messages -----------------------------------------------------------------------------------------------


def written(message: Message) -> dict[str, bytes]:
    return {
        "subject.txt": message.subject.encode(),
        "text.txt": message.text.encode(),
        "terminal.txt": message.terminal.encode(),
        "message.html": message.html.encode(),
        "message.json": message.data,
    }


@pytest.mark.parametrize("case", CASES)
def test_a_notification_reads_as_its_golden_message(case: str) -> None:
    for name, content in written(RENDERER.render(notification(case))).items():
        assert content.decode() == (GOLDEN / case / name).read_bytes().decode(), name


@pytest.mark.parametrize("case", CASES)
def test_a_golden_message_is_safe_to_show_and_to_send(case: str) -> None:
    message = RENDERER.render(notification(case))
    assert_harmless(message)
    assert_mails_as_written(message)


def test_the_subject_begins_with_the_headline_in_its_own_isolate() -> None:
    subject = RENDERER.render(notification("arabic")).subject
    assert subject == "\u2068موسكو تنفي بحث تسليم الأسد\u2069 · Assad extradition"


def test_the_second_line_tells_why_it_came() -> None:
    whys = {case: RENDERER.render(notification(case)).text.splitlines()[0] for case in CASES}
    assert whys["arabic"] == "first report"
    assert whys["english-likely"] == "first report · likely: spelling"
    assert whys["several"] == "4 alerts · 1 critical, 2 high, 1 medium"
    assert whys["group-of-one"] == "first report"
    assert whys["term"] == "\u2066new term: حميميم\u2069"
    assert whys["growth"] == "+4 sources"
    assert whys["withdrawn"] == "withdrawn"
    assert whys["changed"] == "changed since it was told"
    assert whys["recovery"] == "monitor itself · recovered"
    assert whys["morning"] == "3 alerts · 1 critical, 2 high · held back in quiet hours: 3"


def test_several_alerts_stand_gravest_first() -> None:
    message = RENDERER.render(notification("several"))
    headlines = [line for line in plain(message.terminal).splitlines()[1:] if line and not line.startswith(" ")]
    assert headlines[0] == "Convoys leave the Syrian coast"
    assert len(headlines) == 4
    assert message.severity is Severity.CRITICAL
    assert message.about == "several"


def test_the_record_for_programs_gives_text_as_published() -> None:
    given = notification("hostile")
    (alert,) = json.loads(RENDERER.render(given).data)["alerts"]
    (match,) = given.alerts[0].matches
    assert alert["articles"][0]["title"] == match.article.title
    assert alert["articles"][0]["url"] == match.article.url
    assert alert["evidence"][0]["quote"] == match.evidence[0].quote
    assert alert["watchlist"] == given.alerts[0].watchlist


def test_more_alerts_than_can_be_read_are_counted() -> None:
    one = notification("arabic")
    many = replace(one, cause="group:1", alerts=one.alerts * 53)
    message = RENDERER.render(many)
    for text in (message.text, message.html, plain(message.terminal)):
        assert "53 alerts" in text
        assert "… and 13 more alerts" in text
        assert text.count("Assad extradition") == 40
    assert len(json.loads(message.data)["alerts"]) == 53


def test_more_passages_than_can_be_read_are_counted() -> None:
    passages = [f"Passage {number} of Tartus." for number in range(8)]
    text = " ".join(passages)
    found = [evidence(text, "Tartus", number, passage) for number, passage in enumerate(passages)]
    message = RENDERER.render(one_alert("Ports", *found))
    for shown in (message.text, message.html, plain(message.terminal)):
        assert "Passage 5" in shown
        assert "Passage 6" not in shown
        assert "… and 2 more" in shown


def test_words_in_the_midst_of_endless_text_are_shown_with_what_stands_around_them() -> None:
    quote = "before " * 2000 + "the port of Tartus today" + " after" * 2000
    message = RENDERER.render(one_alert("Ports", evidence(quote, "Tartus", 0, quote)))
    line = next(line for line in message.text.splitlines() if "*Tartus*" in line).strip()
    assert line.startswith("…before ")
    assert line.endswith(" after…")
    assert "the port of *Tartus* today" in line
    assert len(line) < 340


# --- The HTML part -------------------------------------------------------------------------------------------------


class Texts(HTMLParser):
    """Collects each text of the body with the attributes of what it stands in, and every style."""

    VOID = frozenset({"meta"})
    INLINE = frozenset({"a", "bdi", "del", "mark", "span"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, dict[str, str | None]]] = []
        self.marked: list[str] = []
        self.styles = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.styles += f"{given.get('style', '')};"
        if tag not in self.VOID:
            self._open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if tags[-1:] == ["style"]:
            self.styles += data
        elif "body" in tags and data.strip():
            self.texts.append((data, next(given for tag, given in reversed(self._open) if tag not in self.INLINE)))
            if tags[-1] == "mark":
                self.marked.append(data)


@pytest.mark.parametrize("case", CASES)
def test_every_text_of_a_mail_says_which_way_it_runs(case: str) -> None:
    texts = Texts(RENDERER.render(notification(case)).html).texts
    assert texts
    for text, around in texts:
        assert around.get("dir") in {"ltr", "rtl"}, text


def test_an_arabic_line_says_its_language_and_stands_at_the_right() -> None:
    texts = dict(Texts(RENDERER.render(notification("acronym-first")).html).texts)
    around = texts["BBC: موسكو ترفض التعليق على طلب "]
    assert (around["dir"], around["lang"]) == ("rtl", "ar")
    assert "text-align:right" in (around["style"] or "")


@pytest.mark.parametrize("case", CASES)
def test_the_words_that_were_found_are_marked_in_both_parts(case: str) -> None:
    message = RENDERER.render(notification(case))
    marked = Texts(message.html).marked
    assert sorted(marked) == sorted(re.findall(r"(?<!\w)\*([^*\n]+)\*", message.text)) or case == "hostile"
    assert all(f"*{words}*" in message.text for words in marked)


@pytest.mark.parametrize("case", CASES)
def test_a_mail_fetches_nothing(case: str) -> None:
    message = RENDERER.render(notification(case))
    styles = Texts(message.html).styles.lower()
    assert not re.search(r"url\(|@import|expression|src", styles)
    assert Tags(message.html).attributes.isdisjoint({"src", "srcset", "background", "poster", "data"})


def test_however_much_is_found_a_mail_is_not_cut_and_says_how_much_it_leaves_out() -> None:
    words = "'الأسد' & <b> " * 400
    found = [evidence(words, "الأسد", 0, words)] * 30
    quotes = [replace(one, quote_start=number, start=number + 1, end=number + 9) for number, one in enumerate(found)]
    (alert,) = one_alert(words, *quotes, name="<" * 80, source=">" * 80, url="https://e.org/" + "a" * 1900).alerts
    given = replace(one_alert(""), alerts=(alert,) * 60, cause="group:1")
    message = RENDERER.render(given)
    assert_harmless(message)
    left = re.search(r"… and (\d+) more alerts", message.text)
    assert left
    assert len(Texts(message.html).marked) > 0
    assert message.html.count("<h2 ") + int(left[1]) == 60


def test_however_long_all_of_one_story_is_its_mail_is_not_cut() -> None:
    words = "'الأسد' & <b> " * 400
    found = [evidence(words, "الأسد", 0, words)] * 30
    quotes = [replace(one, quote_start=number, start=number + 1, end=number + 9) for number, one in enumerate(found)]
    (alert,) = one_alert(words, *quotes, name="<" * 80, source=">" * 80, url="https://e.org/" + "a" * 1900).alerts
    others = [a_report("&" * 80, words, article=str(one), url="https://e.org/" + "a" * 480) for one in range(30)]
    given = told(
        *alert.matches,
        *others,
        stories=("one",) * 16 + tuple(map(str, range(15))),
        edits=(replace(an_edit("changed", words), gone="v"), *(replace(an_edit("withdrawn", words), article="1"),)),
    )
    message = RENDERER.render(given)
    assert_harmless(message)
    assert message.html.count("<del>") == 2
    assert message.text.count("… and ") == 2


# --- In a browser --------------------------------------------------------------------------------------------------

UNSTYLED: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
WIDE: Final = "return [page.documentElement.scrollWidth, page.documentElement.clientWidth]"
FAINT: Final = """
const light = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
    .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const colour = window.getComputedStyle(element).backgroundColor;
  return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
};
return [...page.body.querySelectorAll("*")]
  .filter((element) => element.getClientRects().length
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((element) => {
    const lights = [light(window.getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    return [(lights[0] + 0.05) / (lights[1] + 0.05), element.textContent];
  })
  .filter(([contrast]) => contrast < 4.5)
"""
PLACES: Final = """
const places = {};
for (const word of ["BBC", "ترفض", "طلب"]) {
  const texts = page.createTreeWalker(page.querySelector("h2"), 4);
  while (texts.nextNode()) {
    const at = texts.currentNode.data.indexOf(word);
    if (at < 0) continue;
    const range = page.createRange();
    range.setStart(texts.currentNode, at);
    range.setEnd(texts.currentNode, at + word.length);
    places[word] = range.getBoundingClientRect().left;
  }
}
return places
"""


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """Every golden mail; skips without a browser, but not in CI."""
    if not browser.find():
        reason = "needs Chromium (Debian: apt-get install chromium fonts-noto-core)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return [RENDERER.render(notification(case)).html for case in CASES]


def test_no_mail_is_wider_than_a_small_phone_with_style_sheet_and_without(pages: list[str]) -> None:
    for wide, room in browser.ask([*pages, *(UNSTYLED.sub("", page) for page in pages)], WIDE, width=320):
        assert wide <= room <= 320


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_of_a_mail_stands_out_from_what_is_behind_it(pages: list[str], dark: bool) -> None:
    assert browser.ask(pages, FAINT, width=390, dark=dark) == [[]] * len(pages)


def test_an_arabic_headline_that_begins_with_an_acronym_reads_from_the_right(pages: list[str]) -> None:
    (places,) = browser.ask([pages[CASES.index("acronym-first")]], PLACES, width=600)
    assert places["BBC"] > places["ترفض"] > places["طلب"]


# --- Anything that a publisher may write ---------------------------------------------------------------------------

TRICKS: Final = (
    "\r\nBcc: all@example.org",
    "=?utf-8?q?free=0d=0aBcc:_all@example.org?=",
    "\u202e",
    "\u2066",
    "\u2068",
    "\u2069",
    "\u2028",
    "\x0b",
    "\x85",
    "\x00",
    "\ud800",
    "\x1b[2J",
    "\x9b31m",
    "</title><script>alert(1)</script>",
    '" onload="alert(1)',
    "{{ digest }}",
    "{% raw %}",
    "<!channel>",
    "\nFrom ",
    "\n.\n",
    "=?",
    "?=",
    "طرطوس",
    "بشار الأسد ",
    "Tartus ",
    "نصّ طويل " * 200,
    "a" * 1200,
)
HOSTILE: Final = st.lists(
    st.sampled_from(TRICKS) | st.text(st.characters(exclude_categories=()), max_size=20), max_size=8
).map("".join)


@given(title=HOSTILE, quote=HOSTILE, name=HOSTILE, spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_whatever_is_written_gives_a_harmless_message_and_a_valid_mail(
    title: str, quote: str, name: str, spans: list[tuple[int, int]]
) -> None:
    found = [
        Evidence(
            clause=name,
            field="title" if start % 2 else "text",
            text=quote[start:end],
            start=start,
            end=end,
            how=How.EXACT,
            quote=quote,
            quote_start=0,
            mentions=(),
        )
        for start, end in spans
    ]
    given = one_alert(title, *found, name=name, url=title, lang=quote, source=quote)
    edited = told(
        *given.alerts[0].matches,
        a_report(quote, title, url=name),
        a_report(name, quote, url=title),
        cause=f"term:{name}",
        stories=("one", "one", "two"),
        edits=(replace(an_edit("withdrawn", quote), gone="v"),),
    )
    for message in map(RENDERER.render, (given, edited)):
        assert_harmless(message)
        assert_mails_as_written(message)
        assert len(message.subject) < 240
        json.loads(message.data)


OUR_TAGS: Final = frozenset(
    "html head meta title style body div table tr td p h2 a bdi del span mark".split()  # noqa: SIM905 - easier to read
)
OUR_ATTRIBUTES: Final = frozenset(
    "lang charset name content style dir href rel class role align width cellpadding cellspacing".split()  # noqa: SIM905
)
GMAIL_CUTS_AT: Final = 102_400
ACTIVE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
ORDERING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value or "" for name, value in attrs if name in {"href", "src"})

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(message: Message) -> None:
    html = Tags(message.html)
    assert html.tags <= OUR_TAGS
    assert html.attributes <= OUR_ATTRIBUTES
    assert all(link.startswith(("http://", "https://")) for link in html.links)
    for shown in (message.subject, message.text, plain(message.terminal)):
        for line in shown.split("\n"):
            isolates = sum(map(line.count, "\u2066\u2067\u2068"))
            assert isolates == line.count("\u2069")
            assert isolates <= 2, "at most the headline's and the label's"
            assert "\u200f" not in line.lstrip(" ")[1:], "a mark stands at the beginning only"
    for shown in (message.subject, message.text, html.text, plain(message.terminal)):
        for character in set(shown) - set("\n\u2066\u2067\u2068\u2069\u200f"):
            assert unicodedata.category(character) not in ACTIVE, ascii(character)
            assert unicodedata.bidirectional(character) not in ORDERING
            assert character not in "\u200e\u061c"
    assert not set(html.text) & set("\u2066\u2067\u2068\u2069\u200f")
    assert len(message.html.encode()) < GMAIL_CUTS_AT
    assert "\n" not in message.subject
    assert all(ord(byte) >= 32 or byte == "\n" for byte in message.data.decode())


def assert_mails_as_written(message: Message) -> None:
    data = compose(message, "desk@example.org", "Monitor <monitor@example.org>").as_bytes()
    mail = message_from_bytes(data, policy=default)
    assert isinstance(mail, EmailMessage)
    assert mail.keys() == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        *(["In-Reply-To", "References"] if message.thread else []),
        "List-Id",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert mail["Subject"] == message.subject
    assert mail["To"] == "desk@example.org"
    assert not mail.defects
    for kind, text in (("plain", message.text), ("html", message.html)):
        part = mail.get_body((kind,))
        assert part is not None
        assert str(part.get_content()).replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998


# --- Text made safe ------------------------------------------------------------------------------------------------


def test_of_all_characters_only_harmless_ones_stay() -> None:
    shown = set(clean("".join(map(chr, range(0x110000)))))
    assert not {character for character in shown if unicodedata.category(character) in ACTIVE}
    assert not {character for character in shown if unicodedata.bidirectional(character) in ORDERING}
    assert not shown & set("\u200e\u200f\u061c\u200b\ufeff\xad")
    assert {"\u200c", "\u200d", "\u0600", "\u06dd", "ـ", "\u064b", "ی"} <= shown


@given(HOSTILE)
def test_cleaned_text_is_clean_and_never_longer(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert len(clean(text)) <= len(text)


@given(st.text(), st.integers(2, 50))
def test_cut_text_is_never_longer_than_asked(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert len(cut_front(text, limit)) <= limit
    if len(text) <= limit:
        assert cut(text, limit) == cut_front(text, limit) == text


def test_text_is_cut_at_a_word_where_one_ends_in_reach() -> None:
    assert cut("one two three four", 10) == "one two…"
    assert cut("one twothreefour", 12) == "one twothre…"
    assert cut_front("one two three four", 12) == "…three four"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("غادرت السفينة Tartus", "rtl"),
        ("BBC: عاجل من دمشق", "rtl"),
        ("NATO في طرطوس", "rtl"),
        ("Sparta-IV تغادر طرطوس بعد إعلان NATO", "rtl"),
        ("الأسد has left the building", "ltr"),
        ("Protesters shout «الشعب يريد» in Damascus", "ltr"),
        ("12 «طرطوس»", "rtl"),
        ("طرطوس https://news.example/a https://news.example/b", "rtl"),
        ("", "ltr"),
        ("2026!", "ltr"),
        ("שלום", "rtl"),
    ],
)
def test_a_line_runs_as_its_words_do_whatever_it_begins_with(text: str, expected: str) -> None:
    assert direction(text) == expected


def test_only_text_with_right_to_left_letters_is_isolated() -> None:
    assert isolate("Tartus, 2026") == "Tartus, 2026"
    assert isolate("سفينة تغادر Tartus") == "\u2068سفينة تغادر Tartus\u2069"


def test_an_isolate_says_which_way_it_runs_where_its_first_letter_would_mislead() -> None:
    assert enclose("BBC: عاجل من دمشق") == "\u2067BBC: عاجل من دمشق\u2069"
    assert enclose("الأسد has left the building") == "\u2066الأسد has left the building\u2069"


def test_a_line_by_itself_begins_on_its_own_side_wherever_it_is_shown() -> None:
    assert paragraph("BBC: عاجل من دمشق") == "\u200f\u2067BBC: عاجل من دمشق\u2069"
    assert paragraph("سفينة تغادر") == "\u200f\u2068سفينة تغادر\u2069"
    assert paragraph("A ship leaves") == "A ship leaves"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://news.example/a?b=c#d", "https://news.example/a?b=c#d"),
        ("HTTP://News.Example:8080/a b", "http://news.example:8080/a%20b"),
        ("https://أخبار.example/سوريا", "https://xn--igbicxr.example/%D8%B3%D9%88%D8%B1%D9%8A%D8%A7"),
        ("https://news.example/%D8%B3", "https://news.example/%D8%B3"),
        ('https://news.example/"><script>', "https://news.example/%22%3E%3Cscript%3E"),
        ("https://bank.example@evil.example/", "https://evil.example/"),
        ("http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/"),
        (f"https://news.example/{'a' * 2000}", None),
        ("javascript:alert(1)", None),
        ("javascript://news.example/%0aalert(1)", None),
        ("ftp://news.example/", None),
        ("data:text/html,x", None),
        ("//news.example/", None),
        ("http://", None),
        ("http://[", None),
        ("http://a..b/", None),
        ("http://news.example:99999/", None),
        ("http://a b/", None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_links_are_shown_and_in_ascii(url: str | None, link: str | None) -> None:
    assert web_link(url) == link


if __name__ == "__main__":
    for case in CASES:
        for name, content in written(RENDERER.render(notification(case))).items():
            (GOLDEN / case / name).write_bytes(content)
