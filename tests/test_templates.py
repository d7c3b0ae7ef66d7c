"""Templates of an operator: what they may do, what stops them, and what `monitor check` says of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2.filters
import msgspec
import pytest
from structlog.testing import capture_logs

from monitor.model import Message, Notification, Severity
from monitor.notify import templating
from monitor.notify.digesting import Digest, Entry, Listing, Report, digest_of
from monitor.notify.marking import Line, Part
from monitor.notify.proofing import check_templates, samples
from monitor.notify.rendering import Renderer
from monitor.notify.smtp import compose
from monitor.notify.templating import BUILT_IN, MOST, NAMES, Overrides
from monitor.notify.terminal import STYLES

if TYPE_CHECKING:
    from monitor.errors import Problem

ROOT: Final = Path(__file__).parents[1]
MESSAGES: Final = ROOT / "tests/data/messages"
GUIDE: Final = (ROOT / "docs/templates.md").read_text("utf-8")
SHORT: Final = timedelta(seconds=1)
WAYS: Final = frozenset({"rtl", "ltr"})


def notification(case: str) -> Notification:
    return msgspec.json.decode((MESSAGES / case / "notification.json").read_bytes(), type=Notification)


GIVEN: Final = notification("arabic")
USUAL: Final = Renderer().render(GIVEN)


def rendered(folder: Path, given: Notification = GIVEN) -> Message:
    with closing(Renderer(folder)) as renderer:
        return renderer.render(given)


def write(folder: Path, **templates: str) -> None:
    """Write templates; ``message_txt`` is the file ``message.txt``."""
    for name, text in templates.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")


# --- What works ----------------------------------------------------------------------------------------------------


def test_a_template_replaces_only_its_own_part(tmp_path: Path) -> None:
    write(tmp_path, subject_txt="\nWATCH:\r\n{{ digest.title }}\n\n")
    with capture_logs() as logs:
        message = rendered(tmp_path)
    assert message == replace(USUAL, subject="WATCH: موسكو تنفي بحث تسليم الأسد")
    assert not logs


def test_a_template_may_build_on_the_built_in_one_of_its_own_name(tmp_path: Path) -> None:
    write(tmp_path, message_txt='{% include "built-in/message.txt" %}\n\nLevant desk\n')
    assert rendered(tmp_path).text.rstrip() == f"{USUAL.text.rstrip()}\n\nLevant desk"


def test_the_html_has_a_footer_to_fill(tmp_path: Path) -> None:
    footer = "{% block footer %}Levant desk: {{ digest.why }}{% endblock %}"
    write(tmp_path, message_html='{% extends "built-in/message.html" %}' + footer)
    html = rendered(tmp_path).html
    assert "Levant desk: first report" in html
    assert html.replace("Levant desk: first report", "") == USUAL.html


def test_templates_may_share_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/name.txt").write_text("Levant desk", "utf-8")
    write(tmp_path, message_txt='{% include "parts/name.txt" %}: {{ digest.title }}')
    assert rendered(tmp_path).text == "Levant desk: موسكو تنفي بحث تسليم الأسد"
    assert check_templates(tmp_path) == []


def test_html_of_a_template_is_escaped_by_itself(tmp_path: Path) -> None:
    write(tmp_path, message_html="{{ digest.reports[0].headline }}", message_txt="{{ digest }}")
    message = rendered(tmp_path, notification("hostile"))
    assert "<script>" not in message.html
    assert "&lt;script&gt;" in message.html
    assert not set("\u202e\u2028\x0b\x85\x1b\x9b\0") & set(message.text + message.html)


def test_a_changed_template_is_used_for_the_next_message(tmp_path: Path) -> None:
    with closing(Renderer(tmp_path)) as renderer:
        assert renderer.render(GIVEN).subject == USUAL.subject
        write(tmp_path, subject_txt="one")
        assert renderer.render(GIVEN).subject == "one"
        write(tmp_path, subject_txt="two two")
        assert renderer.render(GIVEN).subject == "two two"


def test_a_folder_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert rendered(tmp_path / "missing") == USUAL
    assert not logs


def test_a_renderer_that_was_closed_still_writes_with_the_built_in_templates(tmp_path: Path) -> None:
    write(tmp_path, subject_txt="own")
    renderer = Renderer(tmp_path)
    renderer.close()
    renderer.close()
    assert renderer.render(GIVEN) == USUAL


# --- What is broken ------------------------------------------------------------------------------------------------

BROKEN: Final = [
    ("{{ digest.why }}\n{{ digest.nothing }}", "UndefinedError", 2),
    ("{{ nothing }}", "UndefinedError", 1),
    ("fine\n\n{% if %}", "TemplateSyntaxError", 3),
    ("{% for report in digest.reports %}", "TemplateSyntaxError", 1),
    ("{{ digest.why | no_such_filter }}", "TemplateAssertionError", 1),
    ("{{ digest.__class__.__mro__ }}", "SecurityError", 1),
    ("{{ ''.__class__ }}", "SecurityError", 1),
    ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError", 1),
    ("{{ cycler.__init__.__globals__.os.system('true') }}", "SecurityError", 1),
    ("{{ '{0.__class__}'.format(digest) }}", "SecurityError", 1),
    ("{{ digest.reports[99].title }}", "UndefinedError", 1),
    ("{% include 'missing.txt' %}", "TemplateNotFound", 1),
    ("{% include '../message.txt' %}", "TemplateNotFound", 1),
    ("{% include '/etc/hostname' %}", "TemplateNotFound", 1),
    ("{% include 'message.html' %}", "RecursionError", 1),
    ("{% extends 'message.html' %}", "RecursionError", 1),
    ("{% macro more() %}{{ more() }}{% endmacro %}\n{{ more() }}", "RecursionError", 1),
    ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "RecursionError", None),
    ("\n{{ 1 // 0 }}", "ZeroDivisionError", 2),
    ("{{ digest.why + 1 }}", "TypeError", 1),
    ("{% set x = styles.update({'bold': ''}) %}", "SecurityError", 1),
    ("{{ range(999999999) | list }}", "OverflowError", 1),
    ("{{ '\\ud800' }}", "UnicodeEncodeError", None),
    (b"\xff\xfe no utf-8", "UnicodeDecodeError", None),
    ("", "it writes nothing", None),
    ("\n {% if false %}{% endif %}", "it writes nothing", None),
]


@pytest.mark.parametrize(("template", "error", "line"), BROKEN, ids=[str(one[0])[:40] for one in BROKEN])
def test_a_broken_template_is_told_with_its_line_and_the_built_in_one_speaks(
    tmp_path: Path, template: str | bytes, error: str, line: int | None
) -> None:
    name = "message.html"
    (tmp_path / name).write_bytes(template if isinstance(template, bytes) else template.encode())
    with capture_logs() as logs:
        assert rendered(tmp_path) == USUAL
    (told,) = logs
    assert (told["event"], told["log_level"]) == ("template failed, built-in text used", "warning")
    assert (told["template"], told["line"]) == (name, line)
    assert told["error"].startswith(error)


def test_a_fault_in_a_shared_file_is_told_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/name.txt").write_text("\n\n{{ digest.nobody }}", "utf-8")
    write(tmp_path, message_txt='{% include "parts/name.txt" %}')
    with capture_logs() as logs:
        assert rendered(tmp_path) == USUAL
    assert [(told["template"], told["line"]) for told in logs] == [("parts/name.txt", 3)]


def test_each_template_fails_by_itself(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("{{ nothing }}", "utf-8")
    with capture_logs() as logs:
        assert rendered(tmp_path) == USUAL
    assert sorted(told["template"] for told in logs) == list(NAMES)


def test_a_fault_is_told_once_not_with_every_message(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ digest.nothing }}")
    with capture_logs() as logs, closing(Renderer(tmp_path)) as renderer:
        assert [renderer.render(GIVEN) for _ in range(3)] == [USUAL] * 3
    assert len(logs) == 1


def test_a_template_that_fails_with_one_message_still_writes_the_next(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ digest.reports[1].title }}")
    with capture_logs() as logs, closing(Renderer(tmp_path)) as renderer:
        assert renderer.render(GIVEN) == USUAL
        assert renderer.render(notification("several")).text.startswith("source agency failed")
    assert len(logs) == 1


def test_no_header_can_be_written_into_a_subject(tmp_path: Path) -> None:
    write(tmp_path, subject_txt="{{ 'alert\\r\\nBcc: all@example.org\\u2028X: y\\x0b\\x00' }}")
    message = rendered(tmp_path)
    assert message.subject == "alert Bcc: all@example.org X: y"
    mail = compose(message, "desk@example.org", "monitor@example.org")
    assert "Bcc" not in mail
    assert mail["Subject"] == message.subject


# --- What is hostile -----------------------------------------------------------------------------------------------

HOSTILE: Final = {
    "a gigabyte at once": "{{ 'A' * 10**9 }}",
    "a wide column": "{{ 'x'.center(900000000) }}",
    "a wide number": "{{ '%999999999d' % 1 }}",
    "two hundred megabytes, piece by piece": "{% for a in range(99999) %}{{ 'x' * 2100 }}{% endfor %}",
    "two hundred megabytes, kept": "{% set x %}{% for a in range(99999) %}{{ 'x' * 2100 }}{% endfor %}{% endset %}",
    "loops that write": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "loops that write nothing": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "doubling": "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling in a macro": "{% macro more(x) %}{{ more(x ~ x) }}{% endmacro %}{{ more('xxxxxxxx') }}",
    "a great power": "{{ 10 ** (10 ** 9) }}",
    "a long text of nonsense": "{{ lipsum(n=10000000) }}",
}

STOPPING: Final = """
import json, resource, sys, time
from datetime import timedelta
from pathlib import Path

import structlog

from monitor.notify.digesting import digest_of
from monitor.notify.proofing import samples
from monitor.notify.templating import Overrides

structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
folder, hostile, digest = Path(sys.argv[1]), json.load(sys.stdin), digest_of(samples()[0])

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

overrides = Overrides(folder, within=timedelta(seconds=1))
(folder / "message.txt").write_text("{{ digest.why }}")
assert overrides.write("message.txt", digest) == digest.why
before, faults, slowest = peak(), {}, 0
for name, template in hostile.items():
    (folder / "message.txt").write_text(template)
    begun = time.monotonic()
    fault = overrides.attempt("message.txt", digest)
    slowest = max(slowest, time.monotonic() - begun)
    faults[name] = getattr(fault, "reason", None)
grown = peak() - before
(folder / "message.txt").write_text("{{ digest.why }}")
assert overrides.write("message.txt", digest) == digest.why, "the next template works"
overrides.close()
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([faults, grown, children, slowest]))
"""


def test_hostile_templates_are_stopped_in_time_and_the_service_itself_does_not_grow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPING, str(tmp_path)],
        cwd=ROOT,
        input=json.dumps(HOSTILE),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    faults, grown, children, slowest = json.loads(done.stdout)
    assert {name: fault for name, fault in faults.items() if not fault} == {}
    assert all(re.search("memory|took longer than 1 s|writes more than|recursion", fault) for fault in faults.values())
    assert grown < 8_000, "kilobytes, of the service"
    assert children < templating.MEMORY / 1024, "kilobytes, of the process that templates run in"
    assert slowest < 5, "seconds; the deadline is one"


def test_after_a_hostile_template_the_built_in_text_is_sent_and_messages_do_not_wait_for_it(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ 'A' * 10**9 }}", subject_txt="{{ 'A' * 10**9 }}", message_html="own")
    with capture_logs() as logs, closing(Renderer(tmp_path)) as renderer:
        assert [renderer.render(GIVEN) for _ in range(3)] == [replace(USUAL, html="own")] * 3
    assert [told["template"] for told in logs] == ["subject.txt", "message.txt"]
    assert all("memory" in told["error"] for told in logs)


def test_a_template_that_ran_into_its_limit_is_not_run_again(tmp_path: Path) -> None:
    write(tmp_path, message_txt=HOSTILE["loops that write nothing"])
    with capture_logs() as logs, closing(Overrides(tmp_path, within=SHORT)) as overrides:
        begun = time.monotonic()
        assert [overrides.write("message.txt", digest_of(samples()[0])) for _ in range(20)] == [None] * 20
    assert time.monotonic() - begun < 10
    assert [told["error"] for told in logs] == ["it was stopped: took longer than 1 s"]


def test_a_template_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "message.txt").open("wb") as file:
        file.truncate(1 << 30)
    with capture_logs() as logs:
        assert rendered(tmp_path) == USUAL
    assert "memory" in logs[0]["error"]


def test_an_endless_subject_is_not_sent(tmp_path: Path) -> None:
    write(tmp_path, subject_txt="{{ 'x' * 501 }}")
    with capture_logs() as logs:
        assert rendered(tmp_path) == USUAL
    assert logs[0]["error"] == "it writes more than 500 characters"


def test_a_message_with_templates_of_ones_own_takes_milliseconds(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes((BUILT_IN / name).read_bytes())
    with closing(Renderer(tmp_path)) as renderer:
        assert renderer.render(GIVEN) == USUAL
        begun = time.perf_counter()
        for _ in range(20):
            renderer.render(GIVEN)
        assert (time.perf_counter() - begun) / 20 < 0.1


# --- What `monitor check` says -------------------------------------------------------------------------------------


def told(folder: Path) -> list[tuple[str, int, str]]:
    def line(problem: Problem) -> tuple[str, int, str]:
        assert problem.level == "error"
        return str(problem.file.relative_to(folder)), problem.line, problem.message

    return [line(problem) for problem in check_templates(folder)]


def test_copies_of_the_built_in_templates_have_no_problem(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes((BUILT_IN / name).read_bytes())
    assert check_templates(tmp_path) == []


def test_no_folder_and_an_empty_one_have_no_problem(tmp_path: Path) -> None:
    assert check_templates(tmp_path) == []
    assert check_templates(tmp_path / "missing") == []


def test_a_syntax_error_is_named_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, subject_txt="{{ digest.title }}\n{% endif %}")
    ((file, line, message),) = told(tmp_path)
    assert (file, line) == ("subject.txt", 2)
    assert message.startswith("TemplateSyntaxError: Encountered unknown tag 'endif'")
    assert message.endswith("; the built-in text is sent")


def test_a_variable_that_nobody_gives_is_named_even_where_it_is_not_reached(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ digest.why }}\n{% if digest.unshown > 10**6 %}\n{{ alert }}\n{% endif %}")
    assert told(tmp_path) == [("message.txt", 3, "templates are given no 'alert'; the built-in text is sent")]


def test_a_name_that_only_a_digest_of_many_needs_is_found_by_the_samples(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ digest.why }}\n{% if digest.unshown %}\n{{ digest.hidden }}\n{% endif %}")
    ((file, line, message),) = told(tmp_path)
    assert (file, line) == ("message.txt", 3)
    assert "has no attribute 'hidden'" in message


def test_a_template_that_exceeds_its_limits_is_named(tmp_path: Path) -> None:
    write(tmp_path, message_txt="{{ 'A' * 10**9 }}")
    assert told(tmp_path) == [
        ("message.txt", 1, "it was stopped: needs too much memory; the built-in text is sent"),
    ]


def test_a_misspelt_file_is_named_with_what_was_meant(tmp_path: Path) -> None:
    write(tmp_path, mesage_html="x")
    assert told(tmp_path) == [
        ("mesage.html", 1, "no message is written with a template 'mesage.html'; did you mean 'message.html'?")
    ]


def test_a_file_that_is_like_no_template_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, notes_md="x")
    (problem,) = check_templates(tmp_path)
    assert problem.level == "warning"
    assert problem.message == (
        "no message is written with a template 'notes.md'; "
        "known here: message.html, message.txt, subject.txt, terminal.txt"
    )


def test_hidden_files_and_what_editors_leave_behind_are_no_templates(tmp_path: Path) -> None:
    for name in (".message.txt.swp", "message.txt~", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")
    assert check_templates(tmp_path) == []


def test_the_samples_are_of_every_kind_of_message() -> None:
    digests = [digest_of(sample) for sample in samples()]
    reports = [report for digest in digests for report in digest.reports]
    for name in ("link", "lang", "word", "gone", "quotes", "unquoted", "likely", "listings"):
        assert {bool(getattr(report, name)) for report in reports} == {True, False}, name
    assert {bool(digest.unshown) for digest in digests} == {True, False}
    assert {bool(digest.reports) for digest in digests} == {True, False}
    assert {report.headline.direction for report in reports} == {"ltr", "rtl"}


# --- What the guide says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Digest, Report, Listing, Entry, Line, Part])
def test_the_guide_names_everything_that_a_template_sees(kind: type) -> None:
    section = GUIDE.split(f"### {kind.__name__}\n")[1].split("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [field.name for field in fields(kind)]


def test_the_guide_names_every_filter_and_style() -> None:
    section = GUIDE.split("### Filters and styles\n")[1].split("\n#")[0]
    environment = templating._environment(str(BUILT_IN))  # noqa: SLF001 - what the guide is held to
    own = environment.filters.keys() - jinja2.filters.FILTERS.keys()
    named = set(re.findall(r"`(\w+)`", section)) - {"styles", "dir", "reasons", *WAYS}
    assert own | (STYLES.keys() - set(Severity)) == named


def test_the_guide_names_every_template_and_its_limit() -> None:
    table = re.findall(r"^\| `([\w.]+)` \| .* \| ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert {name: int(most.replace(",", "")) for name, most in table} == MOST
    assert f"{templating.WITHIN.total_seconds():g} seconds" in GUIDE
    assert f"{templating.MEMORY >> 20} MB" in GUIDE


def test_the_examples_of_the_guide_work(tmp_path: Path) -> None:
    examples = re.findall(r"^`config/templates/([\w./]+)`:\n\n```\w+\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    assert {name for name, _ in examples} == {"subject.txt", "message.txt", "message.html"}
    for name, text in examples:
        (tmp_path / name).write_text(text, "utf-8")
    assert check_templates(tmp_path) == []
    message = rendered(tmp_path)
    assert message.subject == "[high] \u2068موسكو تنفي بحث تسليم الأسد\u2069 · Assad extradition"
    assert "Levant desk" in message.text
    assert "Levant desk" in message.html


def test_links_of_the_guide_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
