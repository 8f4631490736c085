from ipaddress import ip_network

import pytest

from picshapes_api.core.forwarding import authority_of, client_address, external_url, is_authority

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
        ("10.0.0.1", ("https", 'x"<script>'), "https://inner:8080"),
    ],
)
def test_the_url_of_a_result_is_what_the_client_called(peer: str, forwarded: tuple[str, str], url: str) -> None:
    assert external_url(peer, ("http", "inner:8080"), forwarded, TRUSTED) == url


@pytest.mark.parametrize(
    ("host", "can_be"),
    [
        ("api.example.com", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("", False),
        ("api.example.com:port", False),
        ("user@api.example.com", False),
        ("a/b", False),
        ('ev"il<>', False),
    ],
)
def test_a_host_that_can_not_stand_in_a_url_is_none(host: str, *, can_be: bool) -> None:
    assert is_authority(host) is can_be


def test_a_sockets_name_is_written_as_urls_have_it() -> None:
    assert authority_of(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert authority_of(("::1", 80, 0, 0)) == "[::1]:80"
