"""Throw-away certificates for real TLS servers: good ones, expired ones, and those of another name."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

VALID: Final = ("20200101000000Z", "20991231000000Z")
EXPIRED: Final = ("20200101000000Z", "20200201000000Z")
_AUTHORITY: Final = """
[ca]
default_ca = ours
[ours]
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[names]
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Certificate:
    """``serving`` holds it; who trusts the file believes it."""

    file: Path
    serving: ssl.SSLContext


def make_certificate(folder: Path, names: str = "IP:127.0.0.1", span: tuple[str, str] = VALID) -> Certificate:
    """Have openssl make a certificate that signs itself, in a folder of its own."""
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "authority.cnf").write_text(_AUTHORITY.format(names=names))
    _openssl(
        folder,
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        f" -subj /CN={folder.name} -keyout key.pem -out new.pem",
    )
    _openssl(
        folder,
        "ca -batch -selfsign -notext -config authority.cnf -extensions names -keyfile key.pem -in new.pem"
        f" -out certificate.pem -outdir . -startdate {span[0]} -enddate {span[1]}",
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return Certificate(folder / "certificate.pem", serving)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
