"""The mistakes that YAML makes easy: named with their place, mended without touching anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.documents import load_document, parse_document
from monitor.errors import Problems
from monitor.watchlists.traps import find_traps, mend
from tests.installation import Installation

ROOT: Final = Path(__file__).parents[1]
HEAD = "watchlists:\n  - name: x\n    terms:\n"


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("      - #قوات سوريا  # them", '      - "#قوات سوريا"  # them'),
        ("      - name: #قسد", '      - name: "#قسد"'),
        ("      -\tقسد", "      -  قسد"),
        ("      - !عاجل", '      - "!عاجل"'),
        ("      - *قسد*", '      - "*قسد*"'),
        ("      - ‘قسد’", '      - "قسد"'),
        ("      – قسد", "      - قسد"),
        ("      •قسد", "      - قسد"),
        ("      - name:\u00a0طرطوس", "      - name: طرطوس"),
        ("    severity\u200f: high", "    severity: high"),
        ("      - #قسد", '      - "#قسد"'),
        ("      -قسد", "      - قسد"),
        ("\t- قسد", "  - قسد"),
        ("\u200f      - قسد", "      - قسد"),
        ("    \u00a0 - قسد", "      - قسد"),
        ("      -\u00a0قسد", "      - قسد"),
        ("      - @handle", '      - "@handle"'),
        ("      - @handle  # theirs", '      - "@handle"  # theirs'),
        ("      - name: @handle", '      - name: "@handle"'),
        ("      - «قسد»  # them", "      - قسد  # them"),
        ("      - “قسد”", '      - "قسد"'),
        ("      - name:طرطوس", "      - name: طرطوس"),
        ("    within: ١٢", "    within: 12"),
        ("      - any: [قسد، داعش]", "      - any:\n          - قسد\n          - داعش"),
        ("    terms: [قسد, داعش]  # both", "    terms:  # both\n      - قسد\n      - داعش"),
    ],
)
def test_a_mistake_is_mended_and_nothing_beside_it(line: str, mended: str) -> None:
    text = f"# begin\n{HEAD}\n{line}\n\n      # end\n"
    fixed, done = mend(text)
    assert fixed == f"# begin\n{HEAD}\n{mended}\n\n      # end\n"
    assert [trap.line for trap in done] == [6]
    assert mend(fixed) == (fixed, [])


def test_windows_line_ends_stay() -> None:
    text = (HEAD + "      -قسد\n    tags: x\n").replace("\n", "\r\n")
    assert mend(text)[0] == text.replace("-قسد", "- قسد")


@pytest.mark.parametrize(
    "line",
    [
        "      - قسد",
        "      - # a remark of several words",
        '      - "#قسد"',
        "      - قسد  # @remark",
        "      - -5",
        "      - 24/7",
        "      - https://example.org",
        "    only: {lang: [ar, en]}",
        "      - «قسد» تنفي",
        "      # - #قسد",
        "      - قال الوزير: نعم",
        "      - #first of several\n        name: x",
        "      - any: #these\n          - x",
        "    terms: #these\n    - x",
        '      - "قال\n        -قسد\n        – @x"',
        "      - الجزيرة 2",
        "      - *alias",
    ],
)
def test_what_is_right_is_left_alone(line: str) -> None:
    assert find_traps(f"{HEAD}{line}\n") == []


def test_examples_may_hold_what_texts_hold() -> None:
    text = f"{HEAD}      - x\n    examples:\n      alert:\n        - «قسد»\n        - “قسد”\n      quiet: [خبر, آخر]\n"
    assert find_traps(text) == []


def test_a_block_of_text_is_not_looked_into() -> None:
    assert (
        find_traps(f"{HEAD}      - x\n    examples:\n      alert:\n        - |\n          -قسد\n          @x\n") == []
    )


@pytest.mark.parametrize("file", ["watchlists.yaml", "monitor/cli/start/watchlists.yaml"])
def test_the_files_that_we_ship_are_left_alone(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert mend(text) == (text, [])


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "      - #قسد",
                "\t- x",
                "      -قسد",
                "    terms: [ا، ب]",
                "      - @a",
                "<<<<<<< HEAD",
                "    any:",
                '      - "',
                "      • ب",
                "      - ! ب",
                "    name\u200f:\u00a0x",
                "      - ‘ب’ # x",
                "      - | ب",
                "      - #ا ب # ج",
                "    examples:",
            ]
        ),
        st.text(alphabet=' -:#[]{}"«»،@\tابx\u200f\u00a0|>\r', max_size=20),
    ),
    max_size=8,
)


@given(LINES)
def test_mending_twice_is_mending_once(lines: list[str]) -> None:
    fixed, _ = mend("\n".join(lines))
    assert mend(fixed)[0] == fixed


RIGHT = st.lists(
    st.sampled_from(
        [
            "      - قسد",
            "      - «قسد»",
            "      - “قسد”  # them",
            "      - name: [قسد, داعش]",
            '      - "-قسد"',
            '      - "سطر\n        -قسد\n        @x"',
            "      - 'سطر\n        - #قسد'",
            "      - |\n        -قسد\n        #x",
            "      - #first\n        name: x",
            "      - name:\n        - قسد",
            "      - name: #one\n        - قسد",
            "      - سطر\n        آخر",
            "      - [قسد, داعش]",
            "      - {name: [قسد,\n        داعش]}",
            "      # - #قسد",
            "      - $x",
            "      - 24/7",
            "      - any: [قسد, a b, 1]  # all",
            "",
            '    examples: {alert: [قسد, "x، y"]}',
            "    labels: {a: قسد}",
            "    examples:\n      quiet:\n        - «قسد»\n        - قال، ثم",
            "    except: [قسد]",
        ]
    ),
    max_size=6,
)


def bare(value: object) -> object:
    """Leave out the quotes that mending takes away."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    return value.strip("«»“”") if isinstance(value, str) else value


@given(RIGHT)
def test_mending_changes_no_meaning_of_a_file_that_is_right(lines: list[str]) -> None:
    text = "\n".join([HEAD, *lines, ""])
    try:
        before = parse_document(Path("x.yaml"), text)
    except Problems:
        return
    assert [trap for trap in find_traps(text) if trap.level == "error"] == []
    fixed, _ = mend(text)
    assert bare(parse_document(Path("x.yaml"), fixed).data) == bare(before.data)
    assert mend(fixed) == (fixed, [])


# --- What a parser says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('a:\n  - "x\n', (2, 5), "a quote is opened here and never closed"),
        ("a: [x\n", (1, 4), "a bracket is opened here and not closed"),
        ("a: {x: 1\n", (1, 4), "a brace is opened here and not closed"),
        ("a: b: c\n", (1, 5), "a ':' too many"),
        ("a: 1\n---\nb: 1\n", (2, 1), "a second document begins here"),
        ("a:\n  - x\n - y\n", (3, 2), "the indent fits no line above"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(text: str, place: tuple[int, int], says: str) -> None:
    with pytest.raises(Problems) as caught:
        parse_document(Path("x.yaml"), text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == place
    assert problem.message.removeprefix("not valid YAML: ").startswith(says)


# --- The command -----------------------------------------------------------------------------------------------------


def test_check_fix_mends_the_file_and_tells_what_is_left(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists=f"{HEAD}      -قسد  # them\n      - #داعش\n    severty: high\n")
    file = desk.folder / "watchlists.yaml"
    file.chmod(0o640)
    done = desk("check", "--fix")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        f"{file}:4:7: fixed: a dash without its space, so this is text and no item; write '- ' before it",
        f"{file}:5:9: fixed: '#' begins a comment here, so the item is empty; write it in quotes",
    ]
    assert "did you mean 'severity'" in done.stdout
    assert file.read_text("utf-8") == f'{HEAD}      - قسد  # them\n      - "#داعش"\n    severty: high\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert load_document(file)
