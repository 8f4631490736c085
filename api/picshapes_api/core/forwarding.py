"""Who the client is and what it called us, behind proxies: believed only of proxies that are trusted. Pure."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

Network = IPv4Network | IPv6Network

_AUTHORITY: Final = re.compile(r"([A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
"""RFC 3986, section 3.2.2, without user information."""


def is_authority(host: str) -> bool:
    """Say whether a host, with a port or without, can stand in a URL."""
    return _AUTHORITY.fullmatch(host) is not None


def authority_of(socket_name: tuple[Any, ...]) -> str:
    """Return the address and port of a socket as they stand in a URL."""
    address, port = str(socket_name[0]), socket_name[1]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Say whether this is a proxy of ours; what is no address is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """Return the last address in the chain that no trusted proxy vouches for as another proxy.

    Entries further left are the client's own words.
    """
    chain = [one.strip() for one in (forwarded_for or "").split(",") if one.strip()]
    address = peer
    while chain and is_trusted(address, trusted):
        address = chain.pop()
    return address


def external_url(
    peer: str, direct: tuple[str, str], forwarded: tuple[str, str], trusted: Sequence[Network]
) -> str:
    """Return the URL under which the client reaches us; pairs are (scheme, host), empty where not given."""
    scheme, host = direct
    if trusted and is_trusted(peer, trusted):
        scheme, host = forwarded[0] or scheme, forwarded[1] if is_authority(forwarded[1]) else host
    return f"{scheme if scheme in ('http', 'https') else 'http'}://{host}"
