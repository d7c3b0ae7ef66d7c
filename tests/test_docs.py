"""What the documents say is true: commands exist, examples work, every room has its line."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.installation import MONITOR, Installation

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")


GUIDE = (ROOT / "docs/watchlists.md").read_text("utf-8")


def blocks(language: str, document: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)


def commands_of(*arguments: str) -> set[str]:
    done = subprocess.run([*MONITOR, *arguments, "--help"], capture_output=True, text=True, check=True, timeout=60)
    return set(re.findall(r"^  (\w+)  ", done.stdout.split("Commands:")[1], re.MULTILINE))


def test_the_readme_opens_with_the_two_commands() -> None:
    first = blocks("sh")[0]
    assert README.index("make run") < 40
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make run", "make test"]


def test_every_command_stands_in_the_readme_and_every_one_there_exists() -> None:
    table = README.split("## Commands")[1].split("\n\n")[1]
    named = set(re.findall(r"`(?:monitor )?(\w+)", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])))
    groups = {"alerts", "dead", "archive", "receivers", "silence", "sources"}
    assert named == commands_of() | {name for group in groups for name in commands_of(group)}


@pytest.mark.parametrize("name", ["configuration", "commands", "rules"])
def test_the_references_are_what_the_program_says_of_itself(name: str) -> None:
    written = (ROOT / f"docs/{name}.md").read_text("utf-8")
    assert written == getattr(reference(), name)(), "run `make docs`"


@pytest.mark.parametrize("name", ["watchlists", "config", "sources", "alerts"])
def test_the_schemas_for_editors_are_what_the_program_prints(name: str) -> None:
    assert (ROOT / f"docs/schemas/{name}.json").read_text("utf-8") == reference().schema(name), "run `make docs`"


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", [README, GUIDE], ids=["readme", "guide"])
def test_the_watchlists_of_the_documents_pass_their_own_examples(tmp_path: Path, document: str) -> None:
    (lists,) = blocks("yaml", document)
    done = Installation(tmp_path / "desk", watchlists=lists)("check")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("sources", blocks("yaml", (ROOT / "docs/sources.md").read_text("utf-8")))
def test_the_sources_of_the_documents_can_be_used(tmp_path: Path, sources: str) -> None:
    monitor = Installation(tmp_path / "desk", sources=sources)
    done = monitor("check", str(monitor.folder / "sources.yaml"))
    assert (done.returncode, "error" in done.stdout) == (0, False)


@pytest.mark.parametrize("number", [0, 1])
def test_the_settings_of_the_guide_to_alerting_are_without_fault(tmp_path: Path, number: int) -> None:
    alerts = blocks("yaml", (ROOT / "docs/alerting.md").read_text("utf-8"))
    assert len(alerts) == 2
    done = Installation(tmp_path / "desk", alerts=alerts[number])("check")
    said = [line for line in done.stdout.splitlines() if "so nothing comes here for it" not in line]  # not its names
    assert (done.returncode, said) == (0, [])


def test_what_is_shipped_has_no_problem() -> None:
    done = subprocess.run(
        [*MONITOR, "check", "--config", str(ROOT / "config/monitor.yaml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_room_has_a_line_in_the_architecture_and_every_line_a_room() -> None:
    rooms = {path.stem for path in (ROOT / "monitor").iterdir() if not path.name.startswith("_")}
    house, ingest = ARCHITECTURE.split("The rooms of `ingest`")
    assert set(re.findall(r"^\| `(\w+)` \|", house, re.MULTILINE)) == rooms
    named = {
        name for line in re.findall(r"^\| (`.*?) \| ", ingest, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)
    }
    assert named == {path.stem for path in (ROOT / "monitor/ingest").glob("[a-z]*.py")}


@pytest.mark.parametrize(
    "document", ["README.md", "NOTICE", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / document).parent / target).exists(), target


def test_every_make_target_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert all(re.search(rf"^{target}:.* ## ", makefile, re.MULTILINE) for target in phony)
