"""Which addresses on the network may be asked: the web, and not the house that the server stands in."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from layers.errors import SourceError
from layers.settings import get_settings

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Not for the public, though Python's tables may say otherwise."""


def is_public(address: str) -> bool:
    """Tell whether an IP address, or the IPv4 address that it carries, is one of the public network.

    Private, loopback, link-local, multicast and reserved ones are not (IANA special-purpose address registries,
    RFC 6890).
    """
    ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
    special = ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False)
    return ip.is_global and not special and not any(ip in network for network in _SPECIAL)


def _carried(ip: _IP) -> _IP:
    """Return the IPv4 address behind an IPv4-mapped, 6to4, Teredo or NAT64 address, or the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


class Transport(httpx.HTTPTransport):
    """Speaks HTTP only to addresses that may be asked, and only until a moment.

    A host's name is looked up once a connection, and the connection goes to the very address that was checked.

    Parameters
    ----------
    deadline
        The moment, of ``time.monotonic``, after which nothing is sent or waited for.
    """

    def __init__(self, deadline: float) -> None:
        context = ssl.create_default_context()
        super().__init__(verify=context)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=_Backend(deadline))


class _Backend(httpcore.SyncBackend):
    """Connects to checked addresses."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = _addresses(host, port)
        for address in (*others, last):
            try:
                stream = super().connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address == last:
                    raise
            else:
                break
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A connection on which nothing is waited for beyond the deadline, however slowly the other side talks."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        tls = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Stream(tls, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host that may be asked."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} can't be looked up: {error}") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if get_settings().allow_private_addresses:
        return addresses
    public = [address for address in addresses if is_public(address)]
    if not public:
        raise SourceError(
            f"{host} is at {', '.join(addresses)}, which is no public address. "
            "HORAD_ALLOW_PRIVATE_ADDRESSES=true lets sources be there."
        )
    return public


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left if timeout is None else min(left, timeout)
