"""Records to bytes and back: JSON by msgspec, one version a kind, carried in the header ``record``.

Within a version only optional fields are added, and unknown ones are ignored. A newer version is refused as a whole
(`NewerVersion`), anything that is no record of ours is `Undecodable`. The golden bytes of every version are in
``tests/data/golden``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from monitor.errors import NewerVersion, Undecodable
from monitor.model import Article, DeadLetter, Edition, Event, Match
from monitor.ports import Outgoing

if TYPE_CHECKING:
    from monitor.ports import Record

HEADER: Final = "record"
Published = Article | Match | Edition | Event | DeadLetter
V = TypeVar("V")
_KINDS: Final[dict[type, tuple[str, int]]] = {
    Article: ("article", 1),
    Match: ("match", 1),
    Edition: ("edition", 1),
    Event: ("event", 1),
    DeadLetter: ("dead", 1),
}
_encoder = msgspec.json.Encoder()
_decoders: Final[dict[type, msgspec.json.Decoder[Any]]] = {}


def encode(record: Published) -> Outgoing:
    """Make a record ready to publish. Articles and editions are keyed by article, matches by watchlist."""
    name, version = _KINDS[type(record)]
    return Outgoing(key=_key(record), value=_encoder.encode(record), headers={HEADER: f"{name}/{version}"})


def decode(record: Record, *kinds: type[V]) -> V:
    """Read a record that should be of one of these kinds.

    Raises:
        NewerVersion: it was written by a newer monitor.
        Undecodable: it is no such record.
    """
    label = record.headers.get(HEADER, "")
    name, _, number = label.partition("/")
    place = f"{record.topic}/{record.partition}@{record.offset}"
    kind = next((kind for kind in kinds if _KINDS[kind][0] == name), None)
    if kind is None or not (number.isascii() and number.isdigit()):
        expected = " or ".join("{}/{}".format(*_KINDS[one]) for one in kinds)
        raise Undecodable(f"{place}: header {HEADER!r} is {label!r}, expected {expected}")
    version = _KINDS[kind][1]
    if int(number) > version:
        raise NewerVersion(f"{place} holds {label}, this monitor reads up to {name}/{version}: upgrade monitor")
    try:
        value: V = _decoder(kind).decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"{place}: {error}") from error
    return value


def to_json(value: object) -> bytes:
    """Encode any record or plain value for a column or a line of ``--json``."""
    return _encoder.encode(value)


def from_json(data: bytes | str, kind: type[V]) -> V:
    """Read back what `to_json` wrote of a record or any other dataclass.

    Raises:
        Undecodable: it is something else.
    """
    try:
        value: V = _decoder(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from error
    return value


def _decoder(kind: type[V]) -> msgspec.json.Decoder[V]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def _key(record: Published) -> str:
    match record:
        case Article():
            return record.header.id
        case Match():
            return record.watchlist.id
        case Edition():
            return record.article.header.id
        case Event():
            return record.subject
        case DeadLetter():
            return record.key
