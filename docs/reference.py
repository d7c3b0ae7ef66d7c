"""Write docs/configuration.md, docs/commands.md, docs/rules.md and docs/schemas from the program itself: `make docs`.

The keys come from the models that read the files, with the text that stands beside each of them; the commands from the
command line; the rules from the cases that the tests hold the matcher to. A test holds the documents to what this
writes.
"""

from __future__ import annotations

import json
import types
import typing
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

import typer
from pydantic import SecretStr

from monitor import schemas, settings
from monitor.cli import app
from monitor.documents import Strict
from monitor.watchlists import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HERE: Final = Path(__file__).parent
FILES: Final[tuple[tuple[str, str, type[Strict]], ...]] = (
    ("config/monitor.yaml", "Where everything is. `--config FILE` or `MONITOR_CONFIG` says which file.", settings.Main),
    ("config/sources.yaml", "What is polled.", settings.Sources),
    ("config/alerts.yaml", "Who is told, and how.", settings.Alerts),
    ("watchlists.yaml", "What is watched for: [the language](watchlists.md).", schema.File),
)
WORDS: Final[dict[Any, str]] = {
    str: "text",
    int: "number",
    bool: "true or false",
    timedelta: "duration",
    date: "date",
    Path: "path",
    SecretStr: "secret text",
    Any: "expression",
    type(None): "",
}


def configuration() -> str:
    """Write the reference of every key of every file."""
    parts = [
        "# Configuration\n",
        "<!-- Written by `make docs` from the models that read the files. -->\n",
        "Paths are relative to the file that they stand in. `${NAME}`, `${NAME:-default}` and `${file:/path}` are",
        "replaced in any value, after the file is parsed. Durations are spelt `30s`, `5m`, `12h`, `7d`. An unknown",
        "key is an error with its place. `monitor check` tells all that is wrong; a running monitor takes changed",
        "files over when they are whole and right, and tells when they are not. `monitor schema config` prints a",
        "JSON Schema for editors.\n",
    ]
    told: set[type[Strict]] = set()
    for name, about, model in FILES:
        parts += [f"## {name}\n", f"{about}\n"]
        for one in _models(model):
            if one not in told:
                told.add(one)
                parts += _section(one, top=one is model)
    return "\n".join(parts)


def commands() -> str:
    """Write the reference of every command."""
    parts = [
        "# Commands\n",
        "<!-- Written by `make docs` from the command line itself. -->\n",
        "Exit codes: 0 fine, 1 found problems, 2 usage, 3 could not do its work. Results go to stdout, logs to stderr.",
        "`monitor --install-completion` teaches your shell to complete all of this.\n",
    ]
    root = typer.main.get_command(app)
    for path, command in _commands(root, ("monitor",)):
        parts += [f"## {' '.join(path)}\n", "```text", _help(path, command).rstrip(), "```\n"]
    return "\n".join(parts)


RULES: Final = {
    "folding": ("1. Letters", "What readers take for the same letter is one; what tells words apart is kept."),
    "tokens": ("2. Words", "Where a word begins and ends: seams, signs, hashtags, parted particles, compounds."),
    "particles": ("2. Particles", "و ف ب ل ك س and ال may stand before a word, pronouns behind it."),
    "number": (
        "3. Families: number",
        "Duals and plurals, free and construct, both ways; broken plurals by list, then by pattern.",
    ),
    "gender": (
        "3. Families: gender, nisba, peoples",
        "The adjective comes with its noun, not the noun with its adjective.",
    ),
    "verbs": (
        "3. Families: verbs",
        "The verbal noun and the third persons of its verb, forms II to X each for itself.",
    ),
    "article": ("4. ال on a single word", "It is that name, and its family is closed."),
    "names": ("5. Names", "Particles and spelling; letters interchange at a cost, within a limit by length."),
    "spellings": ("5. Names: listed spellings", "What rules of letters do not join; `aliases:` in a file adds more."),
    "acronyms": ("5. Names: acronyms", "They never vary, but their letters may be spelt by their names."),
    "exact": ("6. Exact terms", "As written; orthography is folded, particles are allowed."),
    "latin": (
        "7. Latin words",
        "Case and accents folded, English endings; capitals of two to five letters match case.",
    ),
    "phrases": ("8. Phrases", "In order, within a sentence, with little between."),
}
"""The rules by their names in the cases, in the order of the document: a heading, and what the rule says."""


def rules() -> str:
    """Write what each rule finds and what it leaves, a table a rule."""
    lines = (HERE.parent / "tests/data/matching/cases.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    parts = [
        "# What a term finds, rule by rule\n",
        "<!-- Written by `make docs` from tests/data/matching/cases.jsonl. -->\n",
        "Every row is a test. `exact`, `inflected`, `derived` and `variant` say how surely the text is the term; the",
        "last column names what makes the case hard, or the trap that the rule avoids. `monitor expand TERM` shows the",
        "forms of any term, `monitor explain` the rule behind each mention. [The language](watchlists.md) says what",
        "terms mean.\n",
    ]
    for rule, (heading, about) in RULES.items():
        rows = [_case(case) for case in cases if case["rule"] == rule]
        parts += [f"## {heading}\n", f"{about}\n", "| term | text | finds | |", "|---|---|---|---|", *rows, ""]
    return "\n".join(parts)


def _case(case: dict[str, str]) -> str:
    kind = "" if case["kind"] == "plain" else f"{case['kind']}: "
    finds = f"**{case['found']}** ({case['how']})" if case["found"] else "nothing"
    cells = (f"{kind}{case['term']}", case["text"], finds, case["trap"])
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ↵ ") for cell in cells) + " |"


def schema(name: str) -> str:
    """Write a JSON Schema, for editors."""
    return json.dumps(schemas.json_schema(name), ensure_ascii=False, indent=1) + "\n"


def _models(model: type[Strict]) -> Iterator[type[Strict]]:
    yield model
    for field in model.model_fields.values():
        for inner in _inner(field.annotation):
            if inner is not model:
                yield from _models(inner)


def _inner(annotation: Any) -> Iterator[type[Strict]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for argument in get_args(annotation):
        yield from _inner(argument)


def _section(model: type[Strict], *, top: bool) -> list[str]:
    about = " ".join((model.__doc__ or "").split())
    heading = [] if top else [f"### {model.__name__}\n", f"{about}\n"]
    rows = [_row(field.alias or name, field) for name, field in model.model_fields.items()]
    return [*heading, "| key | value | default | |", "|---|---|---|---|", *rows, ""]


def _row(name: str, field: FieldInfo) -> str:
    default = "**needed**" if field.is_required() else _default(field)
    about = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{name}` | {_type(field.annotation)} | {default} | {about} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    match value:
        case None | () | Strict() | "":
            return ""
        case dict():
            return ""
        case timedelta():
            seconds = int(value.total_seconds())
            return f"`{seconds}s`" if seconds % 3600 or not seconds else f"`{seconds // 3600}h`"
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`"


def _type(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    """Say in words what a value is."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        words = _type(arguments[0])
    elif origin is Literal:
        words = ", ".join(f"`{one}`" for one in arguments)
    elif origin in {typing.Union, types.UnionType}:
        words = " or ".join(filter(None, map(_type, arguments)))
    elif origin is tuple:
        words = f"list of {_type(arguments[0])}"
    elif origin is dict:
        words = f"mapping of names to {_type(arguments[1])}"
    elif isinstance(annotation, type) and issubclass(annotation, StrEnum):
        words = ", ".join(f"`{one}`" for one in annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Strict):
        words = f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    else:
        words = WORDS[annotation]
    return words


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


def _help(path: tuple[str, ...], command: Any) -> str:  # noqa: ANN401 - typer's
    context = command.make_context(
        " ".join(path), [], resilient_parsing=True, terminal_width=100, max_content_width=100
    )
    text: str = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.splitlines())


if __name__ == "__main__":
    (HERE / "configuration.md").write_text(configuration(), "utf-8")
    (HERE / "commands.md").write_text(commands(), "utf-8")
    (HERE / "rules.md").write_text(rules(), "utf-8")
    for name in schemas.NAMES:
        (HERE / f"schemas/{name}.json").write_text(schema(name), "utf-8")
