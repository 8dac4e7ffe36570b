"""Whether a request passes a proxy: by default, none to this machine or a private network does.

Proxies come from the environment, as everywhere (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY). By default they serve hosts
outside alone, whatever NO_PROXY lists: prompts that are promised to a server of one's own are not shown to a third.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from esi.settings.cqa import Proxied

_NAMES = ("http_proxy", "https_proxy", "all_proxy")
_PRIVATE_SUFFIXES = ("localhost", "local", "internal", "lan", "home.arpa", "localdomain")


def proxy_of(url: str, proxied: Proxied) -> str | None:
    """The proxy that requests to `url` pass; None where they go straight.

    Args:
        proxied: "outside": the environment's, but not to this machine and private networks; "always": the environment's,
            also there; "never": none. NO_PROXY narrows both.
    """
    proxies = getproxies_environment()
    try:
        place = urlsplit(url)
        port = f":{place.port}" if place.port else ""
    except ValueError:
        return None  # no address: whoever asks will say so
    host = place.hostname or ""
    proxy = proxies.get(place.scheme) or proxies.get("all")
    if not proxy or proxied == "never" or (proxied == "outside" and is_private(host)) or proxy_bypass(f"{host}{port}"):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_private(host: str) -> bool:
    """Whether a host is this machine or in a private network: by its address, or the addresses that its name has here."""
    try:
        return _private(host)
    except ValueError:
        pass
    name = host.lower().rstrip(".")
    if "." not in name or name.rpartition(".")[2] in _PRIVATE_SUFFIXES or name.endswith(".home.arpa"):
        return True  # a name without a dot is of this network: a container's, a neighbour's
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)}
    except (OSError, UnicodeError):
        return False  # a name that only the proxy knows is outside
    return bool(addresses) and all(_private(address) for address in addresses)


def _private(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_private or ip.is_loopback or ip.is_link_local


def without_password(url: str) -> str:
    """A proxy's address for people, without the name and password that it may hold."""
    head, _, rest = url.partition("://")
    return f"{head}://{rest.rpartition('@')[2]}"


def route(section: str, url: str, proxied: Proxied) -> str | None:
    """A line for people where requests to `url` pass a proxy."""
    if proxy := proxy_of(url, proxied):
        where = f"{urlsplit(url).scheme}://{urlsplit(url).hostname}"
        return f"{section}: requests to {where} pass the proxy {without_password(proxy)} of the environment"
    return None


@contextmanager
def straight(url: str, proxied: Proxied = "outside") -> Iterator[None]:
    """Hide the environment's proxies while the block makes a client that reads them itself, where `url` needs none."""
    names = [name for name in os.environ if name.lower() in _NAMES] if proxy_of(url, proxied) is None else []
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
