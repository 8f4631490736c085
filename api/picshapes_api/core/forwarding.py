"""Who the client is and what it called us, behind proxies: believed only of proxies that are trusted. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


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
        scheme, host = forwarded[0] or scheme, forwarded[1] or host
    return f"{scheme if scheme in ('http', 'https') else 'http'}://{host}"
