"""Who comes in: the proxy's header counts from the proxy alone, and roles follow header and lists."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from syncd.app.identity import Role, SignedIn
from syncd.app.who import NAMELESS_VIEWER, Door, Proxy, Refusal, Roles, Visitor, is_of_another_site, visitor

LOOPBACK = (ip_network("127.0.0.1"), ip_network("::1"))
PROXY = Proxy("x-forwarded-user", LOOPBACK)
ADA = [(b"x-forwarded-user", b"ada")]


def test_the_proxy_says_who_it_is() -> None:
    found = visitor(Door(proxy=PROXY), "127.0.0.1", [(b"host", b"app.lab"), (b"X-Forwarded-User", b"ada")])
    assert found == Visitor("ada", Role.EDITOR)
    assert found.signed_in == SignedIn("ada", Role.EDITOR)


@pytest.mark.parametrize("client", ["10.0.0.7", "127.0.0.2", "::2", "", None, "unix:"])
def test_a_strangers_header_is_refused(client: str | None) -> None:
    found = visitor(Door(proxy=PROXY), client, ADA)
    assert isinstance(found, Refusal)
    assert found.status == 403
    assert "through its proxy" in found.why


@pytest.mark.parametrize("client", ["::1", "::ffff:127.0.0.1", "127.0.0.1"])
def test_the_proxy_is_known_by_either_kind_of_address(client: str) -> None:
    assert visitor(Door(proxy=PROXY), client, ADA) == Visitor("ada", Role.EDITOR)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 401),
        ([(b"x-forwarded-user", b"")], 401),
        ([(b"x-forwarded-user", b"  ")], 401),
        ([*ADA, (b"X-Forwarded-User", b"ben")], 400),
        ([(b"x-forwarded-user", b"a" * 201)], 400),
        ([(b"x-forwarded-user", b"ada\x1b[31m")], 400),
        ([(b"x-forwarded-user", "a\u2028da".encode())], 400),
    ],
)
def test_a_proxy_that_names_nobody_lets_nobody_in(headers: list[tuple[bytes, bytes]], status: int) -> None:
    found = visitor(Door("somebody", proxy=PROXY), "127.0.0.1", headers)
    assert isinstance(found, Refusal)
    assert found.status == status


@pytest.mark.parametrize(
    ("sent", "name"), [("Zoë".encode(), "Zoë"), (b"Zo\xeb", "Zoë"), (b" ada@lab.org ", "ada@lab.org")]
)
def test_names_come_through_as_they_are(sent: bytes, name: str) -> None:
    assert visitor(Door(proxy=PROXY), "::1", [(b"x-forwarded-user", sent)]) == Visitor(name, Role.EDITOR)


def test_where_others_share_its_address_the_proxy_proves_itself() -> None:
    door = Door(proxy=Proxy("x-forwarded-user", LOOPBACK, secret="0123456789abcdef"))
    proof = (b"x-syncd-proxy-secret", b"0123456789abcdef")
    assert visitor(door, "127.0.0.1", [*ADA, proof]) == Visitor("ada", Role.EDITOR)
    for given in ([], [(b"x-syncd-proxy-secret", b"0123456789abcdeF")], [proof, proof]):
        assert isinstance(visitor(door, "127.0.0.1", [*ADA, *given]), Refusal)
    assert isinstance(visitor(door, "10.0.0.7", [*ADA, proof]), Refusal)


def test_without_a_proxy_everybody_is_who_it_was_started_for_whatever_they_send() -> None:
    assert visitor(Door("ada"), "10.0.0.7", [(b"x-forwarded-user", b"ben")]) == Visitor("ada", Role.EDITOR)


def test_who_only_looks_is_never_taken_for_somebody_unknown() -> None:
    found = visitor(Door(None, Roles(read_only=True)), "127.0.0.1", [])
    assert isinstance(found, Visitor)
    assert found.signed_in == SignedIn(NAMELESS_VIEWER, Role.VIEWER)
    nobody = visitor(Door(None), "127.0.0.1", [])
    assert isinstance(nobody, Visitor)
    assert nobody.signed_in is None


@pytest.mark.parametrize(
    ("roles", "said", "role"),
    [
        (Roles(), None, Role.EDITOR),
        (Roles(editors=frozenset({"ada"})), None, Role.EDITOR),
        (Roles(editors=frozenset({"ben"})), None, Role.VIEWER),
        (Roles(viewers=frozenset({"ada"})), None, Role.VIEWER),
        (Roles(editors=frozenset({"ada"}), viewers=frozenset({"ada"})), None, Role.VIEWER),
        (Roles(read_only=True, editors=frozenset({"ada"})), None, Role.VIEWER),
        (Roles(), "staff, Editor", Role.EDITOR),
        (Roles(), "staff", Role.VIEWER),
        (Roles(), "", Role.VIEWER),
        (Roles(editors=frozenset({"ada"})), "viewer", Role.VIEWER),
        (Roles(viewers=frozenset({"ada"})), "editor", Role.VIEWER),
        (Roles(read_only=True), "editor", Role.VIEWER),
    ],
)
def test_roles_follow_the_header_and_the_lists(roles: Roles, said: str | None, role: Role) -> None:
    door = Door(None, roles, Proxy("x-forwarded-user", LOOPBACK, role_header=None if said is None else "x-role"))
    headers = ADA if said is None else [*ADA, (b"x-role", said.encode())]
    assert visitor(door, "127.0.0.1", headers) == Visitor("ada", role)


@pytest.mark.parametrize(
    ("headers", "other"),
    [
        ([], False),  # no browser sends it so: a program
        ([(b"sec-fetch-site", b"same-origin")], False),
        ([(b"sec-fetch-site", b"none")], False),
        ([(b"sec-fetch-site", b"cross-site")], True),
        ([(b"sec-fetch-site", b"same-site")], True),
        ([(b"origin", b"http://127.0.0.1:5151"), (b"host", b"127.0.0.1:5151")], False),
        ([(b"origin", b"https://app.lab"), (b"host", b"app.lab")], False),
        ([(b"origin", b"http://[::1]:5151"), (b"host", b"[::1]:5151")], False),
        ([(b"origin", b"https://evil.example"), (b"host", b"app.lab")], True),
        ([(b"origin", b"https://app.lab"), (b"host", b"127.0.0.1:5151"), (b"x-forwarded-host", b"app.lab")], False),
        ([(b"origin", b"null"), (b"host", b"app.lab")], True),
    ],
)
def test_a_page_of_another_site_is_told_apart(headers: list[tuple[bytes, bytes]], other: bool) -> None:
    assert is_of_another_site(headers) is other
