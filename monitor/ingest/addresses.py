"""Which addresses may be asked: URLs and IP addresses, both decided by pure functions. Nothing is looked up here.

A URL is taken apart once, and strictly: what was checked is what is connected to, so that no two parsers can differ
about its host (https://www.rfc-editor.org/rfc/rfc3986#appendix-B). An IP address is judged by the registries of special
addresses (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-…), with those that carry another inside.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urljoin

import idna

from monitor.errors import FetchError

MAX_URL: Final = 8_000
PORTS: Final = {"http": 80, "https": 443}

# ASCII: else the long s of "httpſ" would be an s.
_URL: Final = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE | re.ASCII)
_AUTHORITY: Final = re.compile(
    r"(?:([\w.~!$&'()*+,;=:%-]*)@)?(\[[0-9a-f:.]+\]|[^\[\]:@]*)(?::([0-9]{0,5}))?", re.IGNORECASE | re.ASCII
)
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\s\ud800-\udfff]")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_KEPT: Final = "%/:?[]@!$&'()*+,;="
_GLOBAL: Final = ip_network("2000::/3")
_TRANSLATED: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))

_NEVER: Final = tuple(
    (ip_network(network), why)
    for network, why in [
        ("168.63.129.16", "cloud metadata"),
        ("100.100.100.200", "cloud metadata"),
        ("192.0.0.192", "cloud metadata"),
        ("fd00:ec2::254", "cloud metadata"),
        ("fd20:ce::254", "cloud metadata"),
        ("0.0.0.0/8", "unspecified"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    ]
)
_INTERNAL: Final = tuple(
    (ip_network(network), why)
    for network, why in [
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "behind a carrier's translator"),
        ("127.0.0.0/8", "loopback"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("240.0.0.0/4", "reserved"),
        ("::1", "loopback"),
        ("64:ff9b:1::/48", "behind a local translator"),
        ("100::/64", "discarded"),
        ("2001::/32", "tunnelled (Teredo)"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fec0::/10", "site-local"),
    ]
)


class AddressError(FetchError):
    """An address that is none, or that may not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL of the web: ``host`` is in lower case and ASCII, an IPv6 address without its brackets.

    ``target`` is path and query as they are asked for, ``credentials`` what an Authorization header says.
    """

    scheme: str
    host: str
    port: int
    target: str
    credentials: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """To whom secrets belong."""
        return self.scheme, self.host, self.port

    @property
    def is_ip(self) -> bool:
        """Whether its host needs no looking up: no name ends in a digit-only label."""
        return ":" in self.host or bool(_NUMBER.fullmatch(self.host))

    @property
    def netloc(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URL, without user and password."""
        return f"{self.scheme}://{self.netloc}{self.target}"


def parse_url(url: str) -> Address:
    """Take a URL apart. Letters beyond ASCII are usual in the paths of Arabic sites: they are sent as UTF-8.

    Raises:
        AddressError: it is no URL of the web, or one that two parsers could read in two ways. Quotes none of it.
    """
    if len(url) > MAX_URL:
        raise AddressError("it is too long", retryable=False)
    if _FORBIDDEN.search(url):
        raise AddressError("it holds spaces or control characters", retryable=False)
    found = _URL.match(url)
    authority = found and _AUTHORITY.fullmatch(found[2])
    if not found or not authority:
        raise AddressError("it is no URL of the web", retryable=False)
    scheme = found[1].lower()
    return Address(
        scheme=scheme,
        host=_host(authority[2]),
        port=_port(authority[3], scheme),
        target=_target(found[3]),
        credentials=_basic(authority[1]),
    )


def join_url(base: Address, location: str) -> Address:
    """Take apart where a redirect leads.

    Raises:
        AddressError: as of `parse_url`.
    """
    if _FORBIDDEN.search(location):  # which urljoin would remove
        raise AddressError("it holds spaces or control characters", retryable=False)
    try:
        return parse_url(urljoin(str(base), location))
    except ValueError:
        raise AddressError("it is no URL of the web", retryable=False) from None


def _host(written: str) -> str:
    if written.startswith("["):
        return _ipv6(written[1:-1])
    name = _ascii(written).removesuffix(".")
    if _NUMBER.fullmatch(name):
        return _ipv4(name)
    if not _NAME.fullmatch(name):
        raise AddressError("its host is no name", retryable=False)
    return name


def _ascii(name: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise AddressError("its host is no name", retryable=False) from None


def _ipv4(number: str) -> str:
    """Accept the one way to write it. Some read 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 as 127.0.0.1, too."""
    try:
        return str(IPv4Address(number))
    except ValueError:
        raise AddressError("its host is a number in an unusual form", retryable=False) from None


def _ipv6(written: str) -> str:
    try:
        return str(IPv6Address(written))
    except ValueError:
        raise AddressError("its host is no IPv6 address", retryable=False) from None


def _port(written: str | None, scheme: str) -> int:
    port = int(written) if written else PORTS[scheme]
    if not 0 < port < 65_536:  # noqa: PLR2004 - TCP's
        raise AddressError("its port is out of range", retryable=False)
    return port


def _target(path: str) -> str:
    target = quote(path, safe=_KEPT)
    return target if target.startswith("/") else f"/{target}"


def _basic(userinfo: str | None) -> str | None:
    """Write user and password as Basic credentials (RFC 7617)."""
    if not userinfo:
        return None
    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


# --- IP addresses ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def why_refused(ip: str, *, internal: bool) -> str | None:
    """Say why an IP address may not be asked; None where it may. ``internal`` opens private networks, and no more."""
    try:
        address = ip_address(ip)
    except ValueError:
        return "no IP address"
    if "%" in ip:
        return "scoped"
    return _why(address, internal=internal)


def _why(address: IPv4Address | IPv6Address, *, internal: bool) -> str | None:
    refused = _NEVER if internal else (*_NEVER, *_INTERNAL)
    for network, why in refused:
        if address in network:
            return why
    if isinstance(address, IPv4Address):
        return None
    return _why_embedding(address, internal=internal)


def _why_embedding(address: IPv6Address, *, internal: bool) -> str | None:
    """Judge an IPv6 address by the IPv4 address that packets to it reach at last."""
    inner = _embedded(address)
    if inner:
        return _why(inner, internal=internal)
    return None if internal or address in _GLOBAL else "reserved"


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
