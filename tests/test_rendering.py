"""Golden messages in ``data/messages``: a notification and what becomes of it.

``python -m tests.test_rendering`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import resource
import unicodedata
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.model import Alert, Evidence, Header, How, Match, Message, Notification, Severity, WatchlistHeader
from monitor.notify.display import clean, cut, cut_front, direction, isolate, web_link
from monitor.notify.rendering import Renderer
from monitor.notify.smtp import compose
from monitor.notify.templating import NAMES
from monitor.notify.terminal import plain

GOLDEN: Final = Path(__file__).parent / "data" / "messages"
CASES: Final = sorted(folder.name for folder in GOLDEN.iterdir())
NOW: Final = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
RENDERER: Final = Renderer()


def overridden(overrides: Path, given: Notification) -> Message:
    """Render with an operator's templates."""
    with closing(Renderer(overrides)) as renderer:
        return renderer.render(given)


# --- Golden messages -----------------------------------------------------------------------------------------------


def notification(case: str) -> Notification:
    return msgspec.json.decode((GOLDEN / case / "notification.json").read_bytes(), type=Notification)


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
    assert whys["several"] == "4 alerts"
    assert whys["group-of-one"] == "first report"


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
        assert "… and 3 more alerts" in text
        assert text.count("Assad extradition") == 50
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
    message = RENDERER.render(one_alert(title, *found, name=name, url=title, lang=quote, source=quote))
    assert_harmless(message)
    assert_mails_as_written(message)
    assert len(message.subject) < 220
    json.loads(message.data)


OUR_TAGS: Final = frozenset(
    {"html", "head", "meta", "title", "body", "div", "p", "h2", "a", "bdi", "strong", "span", "blockquote", "mark"}
)
OUR_ATTRIBUTES: Final = frozenset({"lang", "charset", "name", "content", "style", "dir", "href", "rel"})
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
            assert line.count("\u2068") == line.count("\u2069")
            assert "\u2068" not in line.replace("\u2068", "", 2), "at most the headline's and the label's"
    for shown in (message.subject, message.text, html.text, plain(message.terminal)):
        for character in set(shown) - set("\n\u2068\u2069"):
            assert unicodedata.category(character) not in ACTIVE, ascii(character)
            assert unicodedata.bidirectional(character) not in ORDERING
            assert character not in "\u200e\u200f\u061c"
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


def evidence(text: str, word: str, number: int, quote: str) -> Evidence:
    start = text.index(quote) + quote.index(word)
    return Evidence(
        clause=f"{word} {number}",
        field="text",
        text=word,
        start=start,
        end=start + len(word),
        how=How.EXACT,
        quote=quote,
        quote_start=text.index(quote),
        mentions=(),
    )


def one_alert(
    title: str,
    *found: Evidence,
    name: str = "Ports",
    url: str | None = None,
    lang: str | None = None,
    source: str = "agency",
) -> Notification:
    article = Header(
        id="a", source=source, title=title, content_hash="v", first_seen=NOW, url=url, lang=lang, published=NOW
    )
    watchlist = WatchlistHeader(id=name, name=name)
    match = Match(watchlist=watchlist, article=article, score=100, evidence=found, matched_at=NOW)
    alert = Alert(
        id="alert",
        kind="watchlist",
        name=name,
        severity=Severity.HIGH,
        state="open",
        created=NOW,
        watchlist=name,
        score=100,
        matches=(match,),
    )
    return Notification(
        id="00c0ffee00c0ffee",
        receiver="desk",
        channel="email",
        destination="desk@example.org",
        cause="first",
        created=NOW,
        alerts=(alert,),
    )


# --- Templates of the operator -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "error", "line"),
    [
        ("{{ digest.why }}\n{{ digest.nothing }}", "UndefinedError", 2),
        ("{{ nothing }}", "UndefinedError", 1),
        ("fine\n\n{% if %}", "TemplateSyntaxError", 3),
        ("{% for report in digest.reports %}", "TemplateSyntaxError", 1),
        ("{{ digest.why | no_such_filter }}", "TemplateAssertionError", 1),
        ("{{ digest.__class__.__mro__ }}", "SecurityError", 1),
        ("{{ ''.__class__ }}", "SecurityError", 1),
        ("{{ digest.reports[99].title }}", "UndefinedError", 1),
        ("{% include 'missing.txt' %}", "TemplateNotFound", 1),
        ("\n{{ 1 // 0 }}", "ZeroDivisionError", 2),
        ("{{ digest.why + 1 }}", "TypeError", 1),
        ("{% set x = styles.update({'bold': ''}) %}", "SecurityError", 1),
        ("{{ range(999999999) | list }}", "OverflowError", 1),
        (b"\xff\xfe no utf-8", "UnicodeDecodeError", None),
    ],
)
def test_a_broken_template_is_told_and_the_built_in_one_speaks(
    tmp_path: Path, template: str | bytes, error: str, line: int | None
) -> None:
    name = "message.html"
    (tmp_path / name).write_bytes(template if isinstance(template, bytes) else template.encode())
    given = notification("several")
    with capture_logs() as logs:
        message = overridden(tmp_path, given)
    assert message == RENDERER.render(given)
    (told,) = logs
    assert told["event"] == "template failed, built-in text used"
    assert told["log_level"] == "warning"
    assert told["template"] == name
    assert told["error"].startswith(f"{error}: ")
    assert told["line"] == line


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'A' * 10**9 }}",
        "{{ 'x'.center(900000000) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'x' * 999 }}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro more(x) %}{{ more(x ~ x) }}{% endmacro %}{{ more('xxxxxxxx') }}",
        "{% include 'message.txt' %}",
        "{% set ns = namespace(x='x' * 99999) %}{% for a in range(99999) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ 10 ** (10 ** 9) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ '{0.__class__}'.format(digest) }}",
    ],
)
def test_a_hostile_template_is_stopped_and_the_built_in_text_is_sent(tmp_path: Path, template: str) -> None:
    (tmp_path / "message.txt").write_text(template, "utf-8")
    given = notification("arabic")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with capture_logs() as logs:
        assert overridden(tmp_path, given) == RENDERER.render(given)
    assert [told["event"] for told in logs] == ["template failed, built-in text used"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kilobytes in the service itself"


def test_a_template_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "message.txt").open("wb") as file:
        file.truncate(1 << 30)
    given = notification("arabic")
    with capture_logs() as logs:
        assert overridden(tmp_path, given) == RENDERER.render(given)
    assert "memory" in logs[0]["error"]


def test_each_kind_of_template_can_fail_by_itself(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("{{ nothing }}", "utf-8")
    given = notification("arabic")
    with capture_logs() as logs:
        assert overridden(tmp_path, given) == RENDERER.render(given)
    assert sorted(told["template"] for told in logs) == list(NAMES)


def test_a_working_template_replaces_only_its_own_part(tmp_path: Path) -> None:
    (tmp_path / "subject.txt").write_text("\nWATCH:\r\n{{ digest.title }}\n\n", "utf-8")
    given = notification("arabic")
    with capture_logs() as logs:
        message = overridden(tmp_path, given)
    assert message == replace(RENDERER.render(given), subject="WATCH: موسكو تنفي بحث تسليم الأسد")
    assert not logs


def test_a_template_sees_only_cleaned_text(tmp_path: Path) -> None:
    (tmp_path / "message.txt").write_text("{{ digest }}", "utf-8")
    (tmp_path / "message.html").write_text("{{ digest.title }}{{ digest.reports[0].label }}", "utf-8")
    message = overridden(tmp_path, notification("hostile"))
    assert not set("\u202e\u2028\x0b\x85\x1b\x9b\0") & set(message.text + message.html)
    assert not Tags(message.html).tags


def test_a_folder_of_templates_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    given = notification("arabic")
    with capture_logs() as logs:
        assert overridden(tmp_path / "missing", given) == RENDERER.render(given)
    assert not logs


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
        ("طرطوس and more", "rtl"),
        ("NATO في طرطوس", "ltr"),
        ("12 «طرطوس»", "rtl"),
        ("", "ltr"),
        ("2026!", "ltr"),
        ("שלום", "rtl"),
    ],
)
def test_a_paragraph_runs_as_its_first_strong_character(text: str, expected: str) -> None:
    assert direction(text) == expected


def test_only_text_with_right_to_left_letters_is_isolated() -> None:
    assert isolate("Tartus, 2026") == "Tartus, 2026"
    assert isolate("Tartus طرطوس") == "\u2068Tartus طرطوس\u2069"


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
