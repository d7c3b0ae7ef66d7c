"""YAML with places: every fault is told where it stands, and what is no text of ours is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from monitor import documents
from monitor.documents import Duration, Strict, did_you_mean, load_document, parse_document, parse_duration, validate
from monitor.errors import Problems

FILE = Path("lists.yaml")


class Inner(Strict):
    interval: Duration = timedelta(0)
    count: int = 0


class Outer(Strict):
    version: int
    items: tuple[Inner, ...] = ()


def complaint(text: str) -> str:
    with pytest.raises(Problems) as caught:
        validate(parse_document(FILE, text), Outer)
    return str(caught.value)


def test_scalars_are_the_text_that_is_written() -> None:
    document = parse_document(FILE, "- no\n- 012\n- 2026-01-02\n- 1_000\n- ~\n-\n- 'null'\n")
    assert document.data == ["no", "012", "2026-01-02", "1_000", None, None, "null"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: 1\nitems:\n  - intervall: 5m\n", "3:5: error: unknown key 'intervall'; did you mean 'interval'?"),
        ("version: 1\nitems:\n  - interval: 5 minutes\n", "3:15: error: '5 minutes' is no duration; write it like 30s"),
        ("items: []\n", "1:1: error: key 'version' is missing"),
        ("version: 1\nversion: 2\n", "2:1: error: key 'version' stands here twice (first in line 1)"),
        ("version: &v 1\nitems: *v\n", "2:8: error: alias *v is not allowed"),
        (
            "version: !!python/object/apply:os.system [ls]\n",
            "1:10: error: tag !!python/object/apply:os.system is not allowed; remove it",
        ),
        ("[" * 5000, "1:51: error: nested more than 50 levels deep"),
        ("version: 1\nitems:\n\t- interval: 5m\n", "3:1: error: not valid YAML: a tab as indent"),
        ("version: [1,\n", "not valid YAML"),
        ("version: \x07\n", "1:10: error: a control character (U+0007) that no text holds; delete it"),
        ("? [a]\n: 1\n", "1:3: error: a key must be plain text"),
    ],
)
def test_a_fault_is_told_with_its_place_and_a_remedy(text: str, line: str) -> None:
    assert line in complaint(text)


def test_many_lists_beside_each_other_are_not_nested() -> None:
    assert parse_document(FILE, "- [a]\n- {b: c}\n" * 200).data == [["a"], {"b": "c"}] * 200


def test_bytes_that_are_not_utf_8_are_told_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "lists.yaml"
    file.write_bytes(b"version: 1\nname: \xe7\xe1")
    with pytest.raises(Problems, match=r"lists\.yaml:2:7: error: byte 0xe7 is not UTF-8"):
        load_document(file)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problems, match=r"nowhere\.yaml:1:1: error: no such file$"):
        load_document(tmp_path / "nowhere.yaml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    try:
        parse_document(FILE, text)
    except Problems as problems:
        assert problems.problems  # noqa: PT017 - either outcome is right


PIECES = st.sampled_from(
    [
        "a",
        "ب",
        "$c",
        "- ",
        "-",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        '"',
        "'",
        "#",
        " #",
    ]
)
PECULIAR = st.sampled_from(
    [
        "|\n",
        ">-\n",
        "&x ",
        "*x",
        "!t ",
        "---\n",
        "...",
        "? ",
        "%",
        "@",
        "<<: ",
        "~",
        "null",
        "1",
        "«",
        "،",
        "\\",
        "\r\n",
    ]
)


@pytest.mark.skipif(not documents.HAS_LIBYAML, reason="libyaml is not installed")
@given(st.lists(PIECES | PECULIAR, max_size=25).map("".join))
@settings(max_examples=500)
def test_a_file_is_read_as_the_parser_in_python_reads_it_whichever_does(text: str) -> None:
    """Where libyaml is stricter, or known to be laxer, the other decides."""
    try:
        document = documents.parse_document(FILE, f"k:\n  - {text}\n")
        found: object = (document.data, document.values, document.keys)
    except Problems:
        found = "refused"
    assert found == (outcome(text, pure=True) or "refused")


def outcome(text: str, *, pure: bool) -> object:
    try:
        document = documents.built(FILE, f"k:\n  - {text}\n", pure=pure)
    except Problems:
        return "refused"
    except YAMLError:
        return None
    return document.data, document.values, document.keys


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_durations_are_numbers_with_units(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5m", "1.5h", "٥m", "999999999999d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_the_nearest_word_is_proposed_and_a_far_one_is_not() -> None:
    assert did_you_mean("recievers", ["receivers", "route", "smtp"]) == "; did you mean 'receivers'?"
    assert did_you_mean("zzz", ["receivers", "route"]) == "; known here: receivers, route"
