import base64
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest.addresses import MAX_URL, AddressError, join_url, parse_url, why_refused

DATA = Path(__file__).parent / "data" / "addresses"
PICTURED = str.maketrans("␀␉␊␍␠", "\x00\t\n\r\xa0")


def table(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("ip", "who", "why"), table("ips.tsv"))
def test_an_ip_address_may_be_asked_by_everyone_by_internal_requests_or_by_nobody(ip: str, who: str, why: str) -> None:
    allowed = not why_refused(ip, internal=False), not why_refused(ip, internal=True)
    assert allowed == {"public": (True, True), "internal": (False, True), "never": (False, False)}[who], why


@pytest.mark.parametrize(("written", "parts", "why"), table("urls.tsv"))
def test_a_url_is_read_in_one_way_or_refused(written: str, parts: str, why: str) -> None:
    url = written.translate(PICTURED)
    if parts == "-":
        with pytest.raises(AddressError):
            parse_url(url)
    else:
        address = parse_url(url)
        assert f"{address.scheme} {address.host} {address.port} {address.target}" == parts, why


@given(st.text(alphabet="ab.:/@\\[]#?%0127x \t\n\u0661\u3002\uff0f&=-", max_size=30))
def test_what_is_not_refused_is_read_alike_when_it_is_read_again(rest: str) -> None:
    try:
        address = parse_url(f"http://{rest}")
    except AddressError:
        return
    assert parse_url(str(address)).origin == address.origin
    assert urlsplit(str(address)).hostname == address.host
    assert str(address).isascii()


def test_user_and_password_are_sent_as_they_were_meant_and_never_shown() -> None:
    address = parse_url("http://ali:p%40ss%3A%D8%B3@example.org/feed")
    assert address.credentials == "Basic " + base64.b64encode("ali:p@ss:س".encode()).decode()
    assert str(address) == "http://example.org/feed"
    assert "Basic" not in repr(address)


def test_a_refusal_quotes_nothing_of_the_url() -> None:
    for url in ("http://user:canary@exa mple.org/", "http://canary@b@example.org/", "ftp://example.org/?canary"):
        with pytest.raises(AddressError) as refused:
            parse_url(url)
        assert "canary" not in str(refused.value)
        assert not refused.value.retryable


def test_a_url_has_a_length() -> None:
    assert parse_url("http://example.org/" + "a" * (MAX_URL - 19))
    with pytest.raises(AddressError, match="long"):
        parse_url("http://example.org/" + "a" * (MAX_URL - 18))


@pytest.mark.parametrize(
    ("scheme", "host", "port", "netloc"),
    [
        ("http", "example.org", 80, "example.org"),
        ("http", "example.org", 443, "example.org:443"),
        ("https", "example.org", 443, "example.org"),
        ("https", "[2001:db8::1]", 443, "[2001:db8::1]"),
        ("http", "[2001:db8::1]", 8080, "[2001:db8::1]:8080"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_usual(scheme: str, host: str, port: int, netloc: str) -> None:
    assert parse_url(f"{scheme}://{host}:{port}/").netloc == netloc


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "https://example.org/b"),
        ("b?c", "https://example.org/a/b?c"),
        ("?c", "https://example.org/a/?c"),
        ("../b", "https://example.org/b"),
        ("//feeds.example.org/b", "https://feeds.example.org/b"),
        ("http://example.org/أخبار", "http://example.org/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1"),
        ("/\\10.0.0.1/", "https://example.org/%5C10.0.0.1/"),
    ],
)
def test_a_redirect_leads_on_from_where_it_stands(location: str, url: str) -> None:
    assert str(join_url(parse_url("https://user:pass@example.org/a/"), location)) == url


@pytest.mark.parametrize(
    "location", ["file:///etc/hostname", "http://", "//a@b@c/", "/a\tb", "/a b", "http://[/", "//\\a"]
)
def test_a_redirect_is_held_to_what_the_first_url_is(location: str) -> None:
    with pytest.raises(AddressError):
        join_url(parse_url("https://example.org/a/"), location)
