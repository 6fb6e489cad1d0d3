"""Where messages may go: to public addresses only, lest we knock at inner doors.

A name is resolved when a message is sent, all its addresses are looked at, and the
connection is made to one of those: a name that changes its address in between gains
nothing.
"""

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from service.errors import WebhookRefused

_LEADING_ELSEWHERE = tuple(
    map(
        ipaddress.ip_network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "192.88.99.0/24"),
    )
)
"""Public in name, but translated or relayed to addresses of IPv4, which may be any."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Unresolved(Exception):
    """The name has no address."""


def check_url(url: str, *, private: bool) -> None:
    """Makes sure that messages may go to a URL, as far as can be told now.

    Args:
        url: As it was sent.
        private: Whether HTTP and private addresses are allowed.

    Raises:
        WebhookRefused: If they may not.
    """
    parsed(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WebhookRefused("The URL is malformed") from None
    if (
        not url.isascii()
        or not url.isprintable()
        or " " in url
        or not host
        or port == 0
    ):
        raise WebhookRefused("The URL is malformed")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise WebhookRefused("The URL must begin with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise WebhookRefused("The URL must have no user, password or fragment")
    # It may have an address only when there is something to send.
    with contextlib.suppress(Unresolved):
        resolve(host, port or 443, private=private)


def parsed(url: str) -> httpx.URL:
    """Returns a URL as it is connected to.

    Raises:
        WebhookRefused: If it is malformed.
    """
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        raise WebhookRefused("The URL is malformed") from None


def resolve(host: str, port: int, *, private: bool) -> str:
    """Returns an address of a host to connect to.

    Args:
        host: Name or address.
        port: Port.
        private: Whether private addresses are allowed.

    Raises:
        WebhookRefused: If one of its addresses is not public.
        Unresolved: If there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unresolved(host) from None
    addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
    if not private and not all(map(is_public, addresses)):
        raise WebhookRefused("The URL leads to an address that is not public")
    return str(addresses[0])


def is_public(address: _Address) -> bool:
    """Whether an address is one of the public network, also behind what wraps it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    if any(address in network for network in _LEADING_ELSEWHERE):
        return False
    return address.is_global and not address.is_multicast
