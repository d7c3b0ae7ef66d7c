"""JSON Schemas of the files that people write, for their editors: completion, hover texts, faults while typing.

Made from the models that read the files; the grammar of expressions, which no model holds, stands here and is held to
the reader by tests. `monitor check` knows more than a schema can say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.settings import Alerts, Main, Sources
from monitor.watchlists.schema import File

if TYPE_CHECKING:
    from pydantic import BaseModel

NAMES: Final = ("watchlists", "config", "sources", "alerts")

_MODELS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "watchlists": (File, "monitor: watchlists"),
    "config": (Main, "monitor: where everything is"),
    "sources": (Sources, "monitor: what is polled"),
    "alerts": (Alerts, "monitor: who is told"),
}

_PLACES: Final = {"enum": ["title", "lead", "text"], "description": "Only there; lead is the first paragraph."}
_TERMS: Final = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/expression"}}
_WORDS: Final = {
    "anyOf": [{"$ref": "#/$defs/term"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/term"}}]
}
_EXCEPT: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"$ref": "#/$defs/exception"},
    "description": "A mention that overlaps one of these does not count.",
}


def _mapping(description: str, needed: str, **properties: object) -> dict[str, Any]:
    required = [needed, "of"] if needed == "at_least" else [needed]
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_COUNT: Final = {"type": "integer", "minimum": 0}
_WITHIN: Final = {
    "anyOf": [_COUNT, {"enum": ["sentence", "paragraph"]}],
    "description": "Words in the gaps, or the unit.",
}
_EXPRESSIONS: Final[dict[str, dict[str, Any]]] = {
    "term": {
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}, {"type": "boolean"}],
        "description": "A word or phrase in its whole family, or a $concept.",
    },
    "name": _mapping("Particles and spelling variants only.", "name", name=_WORDS),
    "exact": _mapping("As written; particles may stand before it.", "exact", exact=_WORDS),
    "exception": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("term", "name", "exact")]},
    "any": _mapping("One of these.", "any", **{"any": _TERMS, "except": _EXCEPT, "in": _PLACES}),
    "all": _mapping("Every one of these.", "all", **{"all": _TERMS, "in": _PLACES}),
    "near": _mapping(
        "One mention of each, close together in one paragraph.",
        "near",
        **{
            "near": {**_TERMS, "minItems": 2},
            "within": _WITHIN,
            "ordered": {"type": "boolean", "description": "In this order."},
            "in": _PLACES,
        },
    ),
    "none": _mapping("Holds back; stands in all: only.", "none", **{"none": _TERMS, "in": _PLACES, "within": _WITHIN}),
    "at_least": _mapping(
        "So many different ones of these.",
        "at_least",
        **{"at_least": {"type": "integer", "minimum": 1}, "of": _TERMS, "in": _PLACES},
    ),
    "expression": {
        "anyOf": [
            {"$ref": f"#/$defs/{name}"} for name in ("term", "name", "exact", "any", "all", "near", "none", "at_least")
        ]
    },
    "concept": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("any", "name", "exact")]},
}


def json_schema(name: str) -> dict[str, Any]:
    """Make the schema of one kind of file, by its name in `NAMES` (JSON Schema 2020-12)."""
    model, title = _MODELS[name]
    schema = model.model_json_schema(mode="validation")
    definitions = schema.setdefault("$defs", {})
    for part in (schema, *definitions.values()):
        _tell_strictly(part)
    if name == "watchlists":
        _put_expressions(schema, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _tell_strictly(part: dict[str, Any]) -> None:
    """Refuse unknown keys as the models do, and allow one for a list of one as they do."""
    if "properties" in part:
        part["additionalProperties"] = False
        for key, value in part["properties"].items():
            part["properties"][key] = _loosened(value)


def _loosened(value: dict[str, Any]) -> dict[str, Any]:
    value = {key: inner for key, inner in value.items() if key not in {"format", "title", "default"}}
    if "anyOf" in value:
        return {**value, "anyOf": [_loosened(each) for each in value["anyOf"]]}
    items = value.get("items", {})
    simple = items.get("type") in {"string", "integer"} or items.get("$ref", "").endswith(("Severity", "QuietHours"))
    if isinstance(value.get("additionalProperties"), dict):
        return {**value, "additionalProperties": _loosened(value["additionalProperties"])}
    if value.get("type") == "array" and simple:
        kept = {key: inner for key, inner in value.items() if key == "description"}
        return {**kept, "anyOf": [value, items]}
    if value.get("type") == "string" and "enum" not in value and "const" not in value:
        return {**value, "type": ["string", "number"]}
    return value


def _put_expressions(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    definitions.update(_EXPRESSIONS)
    entry = definitions["Entry"]
    entry["properties"] |= {"match": {"$ref": "#/$defs/expression"}, "terms": _TERMS, "except": _EXCEPT}
    entry["oneOf"] = [{"required": ["match"]}, {"required": ["terms"]}]
    entry["anyOf"] = [{"required": ["id"]}, {"required": ["name"]}]
    schema["properties"]["concepts"] = {
        "type": "object",
        "description": "Named sets of terms, used as $name.",
        "additionalProperties": {"$ref": "#/$defs/concept"},
    }
