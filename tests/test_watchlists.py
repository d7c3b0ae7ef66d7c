"""Watchlist files: what they may say, what is told when they are wrong, and how a running process follows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.documents import Document
from monitor.errors import Problem, Problems
from monitor.matching import compile_watchlists
from monitor.matching.expressions import AtLeast, Has, Kind, Near, Only, Term, TermSet, Where, Without
from monitor.model import Article, Header, Severity, Status
from monitor.watchlists.backtesting import match_line
from monitor.watchlists.linting import check_watchlists
from monitor.watchlists.loading import load_watchlists
from monitor.watchlists.reading import Place, Reader
from monitor.watchlists.schema import slug

if TYPE_CHECKING:
    from monitor.documents import Tree
    from monitor.matching.expressions import Clause, Watchlist

DATA = Path(__file__).parent / "data" / "watchlists"
BROKEN = sorted((DATA / "broken").glob("*.yaml"))
VALID = sorted((DATA / "valid").iterdir())
EXPECTED = "# expect "
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def write(folder: Path, text: str, name: str = "lists.yaml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def article(text: str) -> Article:
    header = Header(id="a", source="s", title="", content_hash="h", first_seen=NOW, titled=False)
    return Article(header=header, text=text)


def one(folder: Path, text: str) -> Watchlist:
    """Load the only watchlist of a text."""
    (watchlist,) = load_watchlists(write(folder, text)).watchlists
    return watchlist


def clause(folder: Path, expression: str) -> Clause:
    """Load the clause that ``match`` says, given as a flow value."""
    return one(
        folder, f"concepts: {{a: {{any: [x], except: [y x]}}}}\nwatchlists: [{{name: n, match: {expression}}}]"
    ).clause


def complaints(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(Problems) as caught:
        load_watchlists(path)
    return caught.value.problems


# --- What is wrong is told, with its place -------------------------------------------------------------------------


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_file_is_told_with_place_and_remedy(file: Path) -> None:
    expected = [
        line.removeprefix(EXPECTED) for line in file.read_text("utf-8").splitlines() if line.startswith(EXPECTED)
    ]
    told = [str(problem).replace(f"{file}:", "") for problem in complaints(file)]
    assert told == expected


def test_there_are_broken_files_for_every_fault_that_is_known() -> None:
    assert len(BROKEN) > 60


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert [problem.message for problem in complaints(tmp_path / "none.yaml")] == ["no such file"]


def test_a_folder_without_watchlists_is_told(tmp_path: Path) -> None:
    write(tmp_path, "not: yaml", "readme.txt")
    assert [problem.message for problem in complaints(tmp_path)] == ["no *.yaml file stands in this folder"]


def test_a_term_that_repeats_is_a_warning_that_points_to_the_first(tmp_path: Path) -> None:
    file = write(tmp_path, "watchlists:\n- name: n\n  terms:\n  - حميميم\n  - name: حميميم\n  -  حميميم \n")
    (warning,) = load_watchlists(file).warnings
    assert str(warning) == f"{file}:6:6: warning: «حميميم» repeats {file}:4; take one out"


def test_an_exception_that_leaves_nothing_of_a_term_is_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path, "watchlists:\n- name: n\n  terms:\n  - a b\n  - c\n  except:\n  - c\n")
    (warning,) = load_watchlists(file).warnings
    assert (warning.line, warning.column, warning.level) == (7, 5, "warning")


def test_a_none_that_looks_everywhere_is_a_warning_and_a_scoped_one_is_not(tmp_path: Path) -> None:
    text = "watchlists: [{{name: n, match: {{all: [x, {{none: [y]{}}}]}}}}]"
    (warning,) = load_watchlists(write(tmp_path, text.format(""))).warnings
    assert "none: looks at the whole article" in warning.message
    assert not load_watchlists(write(tmp_path, text.format(", in: title"))).warnings


@given(st.text(max_size=40))
def test_any_text_as_a_term_is_kept_as_written_or_told(text: str) -> None:
    reader = Reader({})
    found = reader.read_watchlist(Place(Document(Path("lists.yaml"), {"match": text}, {}, {})))
    if not reader.problems:
        written = " ".join(text.split())
        assert any(letter.isalnum() for letter in written)
        assert found == Has(TermSet(written, (Term(written),)))


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", "$a", "$b", "", None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["any", "all", "near", "none", "at_least", "of", "in", "within", "except", "name", "exact", "zzz"]
            ),
            inner | st.sampled_from(["1", "title", "sentence"]),
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_any_nonsense_is_told_and_never_crashes(expression: Tree) -> None:
    document = Document(Path("lists.yaml"), {"match": expression, "a": {"any": ["x"]}}, {}, {})
    reader = Reader({"a": Place(document, ("a",))})
    found = reader.read_watchlist(Place(document))
    if not [problem for problem in reader.problems if problem.level == "error"]:
        assert well_formed(found)


def well_formed(clause: Clause) -> bool:
    """Tell whether a clause keeps what its engines rely on."""
    match clause:
        case Has(terms=terms):
            return bool(terms.terms or terms.sets)
        case Near(operands=operands):
            return len(operands) > 1 and all(operand.terms or operand.sets for operand in operands)
        case Without(clauses=clauses):
            return all(not isinstance(one_, Without) and well_formed(one_) for one_ in clauses)
        case AtLeast(count=count, clauses=clauses):
            positive = [one_ for one_ in clauses if not isinstance(one_, Without)]
            return bool(positive) and 0 < count <= len(clauses) and all(map(well_formed, clauses))


# --- What a file may say ---------------------------------------------------------------------------------------------


def test_the_short_form_is_a_set_of_terms_under_an_id_made_of_the_name(tmp_path: Path) -> None:
    watchlist = one(
        tmp_path, "version: 1\nwatchlists:\n- name: Russian bases in Syria\n  terms: [حميميم, {name: طرطوس}]"
    )
    assert watchlist.header.id == "russian-bases-in-syria"
    assert (watchlist.header.severity, watchlist.header.status) == (Severity.MEDIUM, Status.LIVE)
    assert watchlist.clause == Has(TermSet("حميميم | طرطوس", (Term("حميميم", Kind.PLAIN), Term("طرطوس", Kind.NAME))))


def test_all_that_a_watchlist_says_of_itself_is_kept(tmp_path: Path) -> None:
    watchlist = one(
        tmp_path,
        """
        watchlists:
        - id: أسد-1
          name: The name
          severity: critical
          owner: levant-desk
          labels: {desk: levant, since: 2026}
          status: shadow
          expires: 2027-06-30
          only: {lang: AR, tier: [1, 2], source: [one, two]}
          terms: [x]
        """,
    )
    header = watchlist.header
    assert (header.id, header.name, header.severity) == ("أسد-1", "The name", Severity.CRITICAL)
    assert (header.owner, header.labels, header.status) == (
        "levant-desk",
        {"desk": "levant", "since": "2026"},
        Status.SHADOW,
    )
    assert watchlist.expires == date(2027, 6, 30)
    assert watchlist.only == Only(frozenset({"one", "two"}), frozenset({"ar"}), frozenset({1, 2}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Assad extradition", "assad-extradition"),
        ("تسليم بشار الأسد", "تسليم-بشار-الأسد"),
        ("مُحَمَّد — الـقواعد", "محمد-القواعد"),
        ("  S-400 / С-400  ", "s-400-с-400"),
        ("snake_case", "snake-case"),
        ("ÉLYSÉE", "élysée"),
        ("…", ""),
    ],
)
def test_a_slug_keeps_the_letters_of_every_script(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_a_slug_is_stable_and_may_be_an_id(name: str) -> None:
    made = slug(name)
    assert slug(made) == made
    assert "--" not in made
    assert all(letter == "-" or letter.isalnum() for letter in made)


X, Y, Z = (TermSet(one_, (Term(one_),)) for one_ in "xyz")
A = TermSet("$a", (Term("x"),), exceptions=(Term("y x"),))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x", Has(X)),
        ("$a", Has(A)),
        ("{exact: [x, y]}", Has(TermSet("x | y", (Term("x", Kind.EXACT), Term("y", Kind.EXACT))))),
        ("{any: [x, y], in: lead}", Has(TermSet("x | y", (Term("x"), Term("y"))), Where.LEAD)),
        ("{any: [x, {any: [y]}, $a]}", Has(TermSet("x | y | $a", (Term("x"), Term("y")), (A,)))),
        (
            "{any: [x, {any: [y], except: [z]}]}",
            Has(TermSet("x | y", (Term("x"),), (TermSet("y", (Term("y"),), exceptions=(Term("z"),)),))),
        ),
        ("{any: [x], except: [{exact: z}]}", Has(replace(X, exceptions=(Term("z", Kind.EXACT),)))),
        ("{all: [x, y]}", AtLeast("all: x + y", 2, (Has(X), Has(Y)))),
        (
            "{all: [x, {none: [y], in: title}]}",
            AtLeast("all: x + none: y", 2, (Has(X), Without("none: y", (Has(Y, Where.TITLE),)))),
        ),
        (
            "{all: [x, {any: [y]}], in: text}",
            AtLeast("all: x + y", 2, (Has(X, Where.TEXT), Has(Y, Where.TEXT))),
        ),
        (
            "{any: [x, {all: [y, z]}]}",
            AtLeast("any: x | all: y + z", 1, (Has(X), AtLeast("all: y + z", 2, (Has(Y), Has(Z))))),
        ),
        (
            "{at_least: 2, of: [x, y, z]}",
            AtLeast("at least 2 of: x + y + z", 2, (Has(X), Has(Y), Has(Z))),
        ),
        ("{near: [$a, y], within: 12}", Near("near: $a + y", (A, Y), 12)),
        ("{near: [x, y], within: sentence, ordered: true}", Near("near: x + y", (X, Y), "sentence", ordered=True)),
        ("{near: [x, {any: [y]}]}", Near("near: x + y", (X, Y), "paragraph")),
        ("{all: [{near: [x, y], within: 3}, z], in: title}", None),
    ],
)
def test_an_expression_means_what_it_says(tmp_path: Path, expression: str, expected: Clause | None) -> None:
    found = clause(tmp_path, expression)
    if expected is None:
        assert isinstance(found, AtLeast)
        assert found.clauses == (Near("near: x + y", (X, Y), 3, where=Where.TITLE), Has(Z, Where.TITLE))
    else:
        assert found == expected


def test_numbers_dates_and_words_of_yaml_stand_for_the_text_that_is_written(tmp_path: Path) -> None:
    found = clause(tmp_path, "{any: [no, 012, 2026-01-02, 1_000, 400]}")
    assert isinstance(found, Has)
    assert [term.text for term in found.terms.terms] == ["no", "012", "2026-01-02", "1_000", "400"]


def test_a_dollar_before_a_number_is_a_term(tmp_path: Path) -> None:
    assert clause(tmp_path, "$5 billion") == Has(TermSet("$5 billion", (Term("$5 billion"),)))


def test_spaces_of_a_term_are_evened(tmp_path: Path) -> None:
    assert clause(tmp_path, '"  قاعدة \\t حميميم "') == Has(TermSet("قاعدة حميميم", (Term("قاعدة حميميم"),)))


# --- Files and folders ------------------------------------------------------------------------------------------------


def test_the_files_of_a_folder_share_their_concepts(tmp_path: Path) -> None:
    write(tmp_path, "concepts: {a: {any: [x]}}", "b-concepts.yml")
    write(tmp_path, "watchlists: [{name: one, terms: [$a]}]", "a-lists.yaml")
    write(tmp_path, "watchlists: [{name: two, terms: [$a]}]", "c-lists.yaml")
    write(tmp_path, "watchlists: [{name: three, terms: [", ".c-lists.yaml")
    loaded = load_watchlists(tmp_path)
    assert [watchlist.header.id for watchlist in loaded.watchlists] == ["one", "two"]
    assert loaded.watchlists[0].clause == loaded.watchlists[1].clause


def test_what_stands_twice_across_files_is_told_with_both_places(tmp_path: Path) -> None:
    first = write(tmp_path, "concepts: {a: {any: [x]}}\nwatchlists:\n- {name: one, terms: [$a]}", "a.yaml")
    second = write(tmp_path, "concepts: {a: {any: [y]}}\nwatchlists:\n- {id: one, terms: [$a]}", "b.yaml")
    assert [str(problem) for problem in complaints(tmp_path)] == [
        f"{second}:1:12: error: concept 'a' stands twice (first in {first}:1); rename one or join them",
        f"{second}:3:8: error: watchlist id 'one' stands twice (first in {first}:3); ids are unique",
    ]


def test_the_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    write(tmp_path, "watchlists: [{name: one, terms: []}]", "a.yaml")
    write(tmp_path, "watchlists: [{name: two, terms: [$nowhere]}]", "b.yaml")
    assert [problem.file.name for problem in complaints(tmp_path)] == ["a.yaml", "b.yaml"]


def test_a_file_that_cannot_be_read_does_not_make_the_concepts_of_others_unknown(tmp_path: Path) -> None:
    write(tmp_path, "concepts: {a: {any: [x]}", "a.yaml")
    write(tmp_path, "watchlists: [{name: two, terms: [$a]}]", "b.yaml")
    assert [problem.file.name for problem in complaints(tmp_path)] == ["a.yaml"]


def test_a_byte_order_mark_and_dos_line_ends_change_nothing(tmp_path: Path) -> None:
    text = "watchlists:\n- name: n\n  terms:\n  - حميميم\n"
    plain = one(tmp_path, text)
    (tmp_path / "lists.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_watchlists(tmp_path).watchlists == (plain,)


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    deep = write(tmp_path, "watchlists: " + "[" * 5000, "deep.yaml")
    assert "nested more than" in str(complaints(deep)[0])
    large = write(tmp_path, "# " + "x" * 5_000_001, "large.yaml")
    assert "larger than 5 MB" in str(complaints(large)[0])


# --- Revisions --------------------------------------------------------------------------------------------------------

SET = """
concepts: {{a: {{any: [{term}]}}}}
watchlists: [{{name: n, severity: {severity}, only: {only}, terms: [$a]}}]
"""
PLAIN = {"term": "x", "severity": "low", "only": "{lang: [ar, en], source: [p, q, r]}"}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"severity": "high"}, True),
        ({"only": "{source: [r, q, p], lang: [en, ar]}"}, True),
        ({"term": "y"}, False),
        ({"only": "{lang: [ar]}"}, False),
    ],
)
def test_a_revision_tells_whether_the_same_articles_match(tmp_path: Path, change: dict[str, str], same: bool) -> None:
    before = one(tmp_path, SET.format(**PLAIN)).header.revision
    after = one(tmp_path, SET.format(**{**PLAIN, **change})).header.revision
    assert (before == after) is same


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_revision_is_the_same_in_every_process(tmp_path: Path, seed: str) -> None:
    here = one(tmp_path, SET.format(**PLAIN)).header.revision
    program = (
        "import sys, pathlib; from monitor.watchlists.loading import load_watchlists as load;"
        "print(load(pathlib.Path(sys.argv[1])).watchlists[0].header.revision)"
    )
    there = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "lists.yaml"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here


# --- Check ------------------------------------------------------------------------------------------------------------

EXAMPLES = """\
watchlists:
  - name: Assad
    expires: 2027-01-31
    only: {lang: ar, tier: 1}
    match:
      near:
        - any: [Assad]
          except: [Hafez Assad]
        - extradition
      within: 3
    examples:
      alert:
        - The extradition of Assad was refused.
        - The extradition was discussed at length before anyone spoke of Assad.
        - The extradition of Hafez Assad
      quiet:
        - Assad spoke.
        - On the extradition of Assad
"""


def check(path: Path, now: datetime = NOW) -> list[Problem]:
    return check_watchlists(path, lambda: now)


def test_an_example_that_does_not_do_what_it_says_is_an_error_with_its_reason(tmp_path: Path) -> None:
    file = write(tmp_path, EXAMPLES)
    should, should_not = (
        "this example should alert 'assad' and does not: it has",
        "this example should not alert 'assad'",
    )
    assert [str(problem).removeprefix(f"{file}:") for problem in check(file)] == [
        (
            f"14:11: error: {should} «Assad», «extradition»: they stand too far apart: "
            "8 words between; asked is at most 3 words between"
        ),
        (
            f"15:11: error: {should} «extradition», but no Assad "
            "(nearest is «Assad»: stands in the exception «Hafez Assad»)"
        ),
        f"18:11: error: {should_not} and does, by «extradition of Assad» (near: Assad + extradition)",
    ]


def test_the_first_sentence_of_an_example_is_its_title(tmp_path: Path) -> None:
    text = "watchlists: [{{name: n, match: {{any: [Assad], in: title}}, examples: {{{}: [Rain on Assad. Then sun.]}}}}]"
    assert check(write(tmp_path, text.format("alert"))) == []
    assert len(check(write(tmp_path, text.format("quiet")))) == 1


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_nothing_is_wrong_with_a_valid_file_or_folder(path: Path) -> None:
    assert check(path) == []


def test_an_expired_watchlist_is_a_warning_from_the_day_after(tmp_path: Path) -> None:
    file = write(tmp_path, "watchlists:\n- name: n\n  expires: 2027-01-31\n  terms: [x]\n  examples: {alert: [x]}\n")
    assert check(file, datetime(2027, 1, 31, 23, 59, tzinfo=UTC)) == []
    (warning,) = check(file, datetime(2027, 2, 1, tzinfo=UTC))
    assert (warning.line, warning.column, warning.level) == (3, 12, "warning")


def test_a_concept_that_nobody_uses_is_a_warning(tmp_path: Path) -> None:
    used = "concepts:\n  a: {any: [x]}\n  b: {any: [$a]}\nwatchlists: [{name: n, terms: ["
    (warning,) = check(write(tmp_path, used + "y]}]"))
    assert (warning.line, warning.column, warning.level) == (3, 3, "warning")
    assert "concept 'b' is used nowhere" in warning.message
    assert check(write(tmp_path, used + "$b]}]")) == []


def test_a_term_that_could_not_find_itself_is_a_warning(tmp_path: Path) -> None:
    (warning,) = check(write(tmp_path, f"watchlists:\n- name: n\n  terms:\n  - باب\n  - {'ب' * 50}\n"))
    assert (warning.line, warning.column, warning.level) == (5, 5, "warning")
    assert "is not found even where just that is written" in warning.message


NAMES = """\
concepts:
  putin:
    any:
      - بوتين
      - name: بوتين
      - الرئيس
    except:
      - فلاديمير بوتين جونيور
watchlists:
  - name: n
    match:
      near:
        - any:
            - دمشق
            - قاعدة حميميم
            - الأسد
        - $putin
"""


def test_what_is_read_otherwise_than_as_a_family_is_one_note_for_each_watchlist_and_concept(tmp_path: Path) -> None:
    file = write(tmp_path, NAMES)
    notes = check_watchlists(file, lambda: NOW, with_notes=True)
    otherwise = "; write name: or exact: to say otherwise"
    assert [str(note).removeprefix(f"{file}:").removesuffix(otherwise) for note in notes] == [
        "4:9: note: read as names: «بوتين»; with ال, as that name only: «الرئيس»",
        "14:15: note: read as names: «دمشق», «قاعدة حميميم»; with ال, as that name only: «الأسد»",
    ]
    assert check(file) == []


def test_check_returns_what_keeps_a_file_from_loading(tmp_path: Path) -> None:
    file = write(tmp_path, "watchlists: [")
    assert check(file) == list(complaints(file))


# --- Lines of a backtest ----------------------------------------------------------------------------------------------


def test_a_match_is_one_line_of_json_whose_offsets_fit_the_text(tmp_path: Path) -> None:
    watchlist = one(tmp_path, "watchlists: [{name: Assad, match: {near: [Assad, extradition], within: 3}}]")
    text = "It rained. The extradition of Assad was refused."
    header = Header(id="a-1", source="s", title="", titled=False, content_hash="h", first_seen=NOW)
    (found,) = compile_watchlists([watchlist]).match(Article(header=header, text=text), NOW)
    written = match_line(found, "a-1", {"title": "", "text": text})
    line = json.loads(written)
    (evidence,) = line.pop("evidence")
    assert line == {"watchlist": "assad", "article": "a-1", "score": 100}
    assert list(evidence) == ["clause", "field", "text", "start", "end", "how", "quote", "mentions"]
    assert text[evidence["start"] : evidence["end"]] == evidence["text"] == "extradition of Assad"
    assert evidence["quote"] == "The extradition of Assad was refused."
    assert [text[mention["start"] : mention["end"]] for mention in evidence["mentions"]] == ["extradition", "Assad"]
    assert "\n" not in written


# --- Aliases -------------------------------------------------------------------------------------------------------

ALIASES = """
aliases:
  stoere:
    - الغريماني
    - خريماني
watchlists:
  - name: talks
    terms:
      - محادثات {term}
"""


@pytest.mark.parametrize("term", ["غريماني", "الغريماني", "خريماني"])
@pytest.mark.parametrize("written", ["غريماني", "خريماني", "الخريماني", "لخريماني"])
def test_a_term_finds_all_spellings_of_an_alias(tmp_path: Path, term: str, written: str) -> None:
    watchlist = one(tmp_path, ALIASES.format(term=term))
    assert compile_watchlists([watchlist]).match(article(f"فشلت محادثات {written} أمس"), NOW)


def test_an_alias_is_part_of_the_revision_of_those_that_use_it(tmp_path: Path) -> None:
    text = ALIASES + "  - name: other\n    terms:\n      - طرطوس\n"
    before = load_watchlists(write(tmp_path, text.format(term="خريماني"))).watchlists
    after = load_watchlists(write(tmp_path, text.format(term="خريماني").replace("الغريماني", "هريماني"))).watchlists
    changed = [one.header.revision != other.header.revision for one, other in zip(before, after, strict=True)]
    assert changed == [True, False]


def test_files_of_a_folder_share_their_aliases(tmp_path: Path) -> None:
    lists, names = ALIASES.format(term="خريماني").split("watchlists:")
    write(tmp_path, lists, "aliases.yaml")
    write(tmp_path, f"watchlists:{names}")
    (watchlist,) = load_watchlists(tmp_path).watchlists
    assert compile_watchlists([watchlist]).match(article("فشلت محادثات غريماني أمس"), NOW)
