from ipaddress import ip_network

import pytest

from picshapes_api.core.forwarding import client_address, external_url

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("203.0.113.7", "1.1.1.1", "203.0.113.7"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded_for: str | None, address: str) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "url"),
    [
        ("10.0.0.1", ("https", "api.example.com"), "https://api.example.com"),
        ("10.0.0.1", ("", ""), "http://inner:8080"),
        ("203.0.113.7", ("https", "evil.example"), "http://inner:8080"),
        ("10.0.0.1", ("javascript", "x"), "http://x"),
    ],
)
def test_the_url_of_a_result_is_what_the_client_called(peer: str, forwarded: tuple[str, str], url: str) -> None:
    assert external_url(peer, ("http", "inner:8080"), forwarded, TRUSTED) == url
