"""Sources written into a file by a program: nothing else in it changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.documents import parse_document
from monitor.writing import Entry, entry_lines, with_sources

FILE = Path("sources.yaml")
NEW = {"id": "port", "url": "https://example.org/rss"}


def written(text: str, *entries: Entry) -> str:
    done = with_sources(FILE, text, entries or [NEW])
    assert done
    assert done.text.split("\n")[done.number - 1].rstrip("\r") == done.lines[0]
    return done.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sources:\n  - id: a\n    folder: x\n", "sources:\n  - id: a\n    folder: x\n{  }"),
        ("sources:\n- {id: a, folder: x}\n", "sources:\n- {id: a, folder: x}\n{}"),
        ("sources:\n    -   id: a\n        folder: x\n", "sources:\n    -   id: a\n        folder: x\n{    }"),
        ("sources:\n  -\n    id: a\n    folder: x\n", "sources:\n  -\n    id: a\n    folder: x\n{  }"),
        ("sources:\n  - {id: a, folder: x} # y\n\n# z\n", "sources:\n  - {id: a, folder: x} # y\n{  }\n# z\n"),
        (
            "sources:\n  - id: a\n    folder: x\n    # y\n# z\n",
            "sources:\n  - id: a\n    folder: x\n    # y\n{  }# z\n",
        ),
        ("sources: []\n", "sources:\n{  }"),
        ("sources: []  # none yet\n# end\n", "sources:  # none yet\n{  }# end\n"),
        ("sources: null\n", "sources:\n{  }"),
        ("sources:\n", "sources:\n{  }"),
        ("sources:\n  # - {id: a, folder: x}\n", "sources:\n{  }  # - {id: a, folder: x}\n"),
        ("", "sources:\n{  }"),
        ("# What is polled.\n", "# What is polled.\nsources:\n{  }"),
        ("---\nsources:\n  - {id: a, folder: x}\n...\n", "---\nsources:\n  - {id: a, folder: x}\n{  }...\n"),
        ("\ufeffsources: []\n", "\ufeffsources:\n{  }"),
    ],
)
def test_an_entry_stands_behind_the_last_and_all_else_stays(before: str, after: str) -> None:
    entry = r"\1- id: port\n\1  url: https://example.org/rss\n"
    assert written(before) == re.sub(r"\{( *)\}", entry, after)


def test_line_ends_of_windows_stay_and_are_kept_to() -> None:
    assert written("# a\r\nsources:\r\n  - {id: a, folder: x}\r\n") == (
        "# a\r\nsources:\r\n  - {id: a, folder: x}\r\n  - id: port\r\n    url: https://example.org/rss\r\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_without_a_last_line_end_gets_none(end: str) -> None:
    assert written(f"sources:{end}  - {{id: a, folder: x}}") == (
        f"sources:{end}  - {{id: a, folder: x}}{end}  - id: port{end}    url: https://example.org/rss"
    )


@pytest.mark.parametrize(
    "text",
    [
        "sources: [{id: a, folder: x}]\n",
        "sources: [\n]\n",
        "{sources: []}\n",
        "sources:\n  [{id: a, folder: x},\n   {id: b, folder: y}]\n",
        "- a\n",
    ],
)
def test_a_file_that_cannot_be_written_into_is_left_alone(text: str) -> None:
    assert with_sources(FILE, text, [NEW]) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://example.org/rss?a=1&b=2", "https://example.org/rss?a=1&b=2"),
        ("https://example.org/#x", "https://example.org/#x"),
        ("وكالة-الشرق", "وكالة-الشرق"),
        ("#main a", "'#main a'"),
        ("a[href*='/news/']", "a[href*='/news/']"),
        ("[lang='ar'] a", "'[lang=''ar''] a'"),
        ("a #b", "'a #b'"),
        ("2024", "'2024'"),
        ("null", "'null'"),
        ("true", "true"),
    ],
)
def test_values_are_quoted_only_where_yaml_needs_it(value: str, shown: str) -> None:
    assert entry_lines({"id": value}) == (f"  - id: {shown}",)


# --- Any file --------------------------------------------------------------------------------------------------------

VALUES = st.text("aY1 :#'\"[]{}&*!|>%@`-?,~=\\وكالة", min_size=1, max_size=12).map(str.strip).filter(bool)
REMARKS = st.sampled_from(["", "\n", "# remark\n", "  # deeper remark\n", "      # deepest: [x\n", "\n# two\n\n"])
KINDS = st.sampled_from(["block", "flow", "folded", "dash alone"])


@st.composite
def entries(draw: st.DrawFn) -> str:
    kind, remark = draw(KINDS), draw(REMARKS)
    name = draw(st.from_regex(r"[a-z]{1,8}", fullmatch=True))
    indent = " " * draw(st.shared(st.sampled_from([0, 2, 4]), key="indent"))
    texts = {
        "block": f"{indent}- id: {name}\n{indent}  folder: x # why\n",
        "flow": f"{indent}- {{id: {name}, folder: x}}\n",
        "folded": f"{indent}- id: {name}\n{indent}  folder: >-\n{indent}    a\n{indent}    # no remark\n",
        "dash alone": f"{indent}-\n{indent}    id: '{name}'\n{indent}    folder: \"x\n\n{indent}      y\"\n",
    }
    return texts[kind] + remark


@st.composite
def files(draw: st.DrawFn) -> str:
    listed = draw(st.lists(entries(), max_size=4))
    key = "sources:\n" if listed else draw(st.sampled_from(["sources:\n", "sources: []\n", "sources: ~ # none\n", ""]))
    text = draw(REMARKS) + key + "".join(listed) + draw(REMARKS)
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(files(), st.lists(st.fixed_dictionaries({"id": VALUES, "url": VALUES}), min_size=1, max_size=3))
def test_whatever_stands_in_a_file_stays_and_what_is_new_stands_behind_it(text: str, new: list[Entry]) -> None:
    done = with_sources(FILE, text, new)
    assert done
    before, after = parse_document(FILE, text).data, parse_document(FILE, done.text).data
    listed = (before.get("sources") if isinstance(before, dict) else None) or []
    assert isinstance(after, dict)
    assert after["sources"] == [*listed, *new]
    if listed:
        end = "\r\n" if "\r\n" in text else "\n"
        block = end.join(done.lines)
        assert text in {done.text.replace(block + end, "", 1), done.text.replace(end + block, "", 1)}
