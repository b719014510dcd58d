"""Who sent a request, by what its headers and its sender's address say; pure.

Behind a proxy it is the proxy that knows: it signs people in, and names them in a header. That header counts from the
proxy alone, because anybody can write one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from syncd.app.identity import Role, SignedIn

SECRET_HEADER = "x-syncd-proxy-secret"  # noqa: S105 - its name
LONGEST_NAME = 200
NAMELESS_VIEWER = "a viewer"

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Roles:
    """Who may change things. Where a list of editors is given, everybody else looks on; ``read_only``: all do."""

    editors: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()
    read_only: bool = False

    def of(self, actor: str | None, said: Sequence[str] | None = None) -> Role:
        """The role of a person; ``said`` are the roles that the proxy gives them, where it does."""
        if self.read_only or (actor is not None and actor in self.viewers):
            return Role.VIEWER
        if said is not None:
            return Role.EDITOR if Role.EDITOR.value in said else Role.VIEWER
        return Role.VIEWER if self.editors and actor not in self.editors else Role.EDITOR


@dataclass(frozen=True)
class Proxy:
    """The proxy in front: from where it connects, and in which headers it names people (in lower case).

    ``secret`` is what it says in :data:`SECRET_HEADER`, where others can connect from the same address.
    """

    user_header: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    role_header: str | None = None
    secret: str | None = None


@dataclass(frozen=True)
class Door:
    """How people come in: by themselves, all under the name ``actor``; or through a ``proxy``, each under their own."""

    actor: str | None = None
    roles: Roles = Roles()
    proxy: Proxy | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further: an HTTP status, and a sentence."""

    status: int
    why: str


@dataclass(frozen=True)
class Visitor:
    """Whose request may go on; ``actor`` is ``None`` where nobody said who it is."""

    actor: str | None
    role: Role

    @property
    def signed_in(self) -> SignedIn | None:
        """The person. Who only looks needs no name, and must not be taken for somebody of whom nothing is known."""
        if self.actor is None:
            return None if self.role is Role.EDITOR else SignedIn(NAMELESS_VIEWER, Role.VIEWER)
        return SignedIn(self.actor, self.role)


def visitor(door: Door, client: str | None, headers: Headers) -> Visitor | Refusal:
    """Who comes in from this address with these headers."""
    proxy = door.proxy
    if proxy is None:
        return Visitor(door.actor, door.roles.of(door.actor))
    said = list(headers)
    if not _is_the_proxy(proxy, client, said):
        return Refusal(403, "This App is reached through its proxy, where people sign in; open its address instead.")
    names = _values(said, proxy.user_header)
    if len(names) > 1:
        return Refusal(400, f"The proxy sent the header {proxy.user_header} more than once; it has to replace it.")
    if not names or not names[0]:
        return Refusal(401, f"Nobody is signed in: the proxy sent no {proxy.user_header}.")
    name = names[0]
    if len(name) > LONGEST_NAME or not name.isprintable():
        return Refusal(400, f"What the proxy sent as {proxy.user_header} is no name.")
    return Visitor(name, door.roles.of(name, _roles(proxy, said)))


def _is_the_proxy(proxy: Proxy, client: str | None, headers: Headers) -> bool:
    if proxy.secret is not None:
        given = _values(headers, SECRET_HEADER)
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), proxy.secret.encode()):
            return False
    try:
        address = ip_address(client or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in each for each in proxy.networks)


def _roles(proxy: Proxy, headers: Headers) -> list[str] | None:
    if proxy.role_header is None:
        return None
    return [role.strip().lower() for each in _values(headers, proxy.role_header) for role in each.split(",")]


def _values(headers: Headers, name: str) -> list[str]:
    return [_text(value).strip() for key, value in headers if key.lower() == name.encode()]


def _text(value: bytes) -> str:
    """Proxies pass names on as UTF-8; Latin-1 is what the standard of HTTP says."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def is_of_another_site(headers: Headers) -> bool:
    """Whether a page of another site had the browser send this, with the cookies that the person has for ours."""
    said = list(headers)
    if site := _values(said, "sec-fetch-site"):
        return site[0] in ("cross-site", "same-site")
    origin = _values(said, "origin")
    if not origin:
        return False
    hosts = {_host(each) for name in ("host", "x-forwarded-host") for each in _values(said, name)}
    return _host(origin[0].partition("://")[2]) not in hosts


def _host(address: str) -> str:
    """A host without its port: proxies drop or change that."""
    return address.rpartition("]")[0] if address.startswith("[") else address.partition(":")[0]
