"""deploy/app as it stands: nginx and Apache sign people in by two issuers, and each works under their own name.

People sit on another host: a network namespace, from which only the proxy can be reached.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from daemons import until, write_config
from oidc_issuer import issuer, metadata
from served_app import ServedApp, served_app
from worlds import World

DEPLOY = Path(__file__).parents[3] / "deploy" / "app"
PLUGINS = Path(__file__).parent / "plugins"
HOST, GUEST = "10.99.57.1", "10.99.57.2"
NAMESPACE = "syncd-test"
SITE = "app.example.org"
MODULES = Path("/usr/lib/apache2/modules")
ISSUERS = {"ada@house.example": "10.99.57.11", "ben@guests.example": "10.99.57.12"}
"""Where each signs in."""


def missing() -> str | None:
    """Why this cannot be tried here."""
    for program in ("nginx", "apache2", "ip", "curl", "openssl"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            return f"there is no {program} here"
    if not (MODULES / "mod_auth_openidc.so").exists():
        return "there is no libapache2-mod-auth-openidc here"
    if os.geteuid() != 0:
        return "only root makes a network namespace"
    made = subprocess.run(["ip", "netns", "add", NAMESPACE], capture_output=True, check=False)
    if made.returncode != 0:
        return "no network namespace can be made here"
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)
    return None


WHY_NOT = missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@dataclass
class Person:
    """Somebody on the other host, with a browser's cookies."""

    folder: Path

    def asks(self, path: str, *options: str, body: Any = None) -> tuple[int, str]:
        """One request to the site, redirections followed: the status, and the body."""
        address = path if path.startswith("http") else f"https://{SITE}{path}"
        sent = [] if body is None else ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        jar = str(self.folder / "cookies")
        done = subprocess.run(
            [
                *("ip", "netns", "exec", NAMESPACE, "curl", "--silent", "--show-error", "--path-as-is", "--location"),
                *("--resolve", f"{SITE}:443:{HOST}", "--cacert", str(self.folder.parent / "site.pem")),
                *("--cookie", jar, "--cookie-jar", jar, "--max-time", "60", "--write-out", "\n%{http_code}"),
                *sent,
                *options,
                address,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        content, _, status = done.stdout.rpartition("\n")
        return int(status), content

    def signs_in(self, by: str) -> str:
        """Opens the App, and chooses an issuer on the page that is shown; the page that this leads to."""
        where = ("--header", "Accept: text/html", "--write-out", "\n%{url_effective}\n%{http_code}")
        status, page = self.asks("/datasets/lab?view=one&workspace=two", *where)
        page, _, address = page.rpartition("\n")
        assert (status, "<h1>Sign in</h1>" in page) == (200, True), page
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        # As the page's script does it.
        told = {"iss": by, "x_csrf": asked["x_csrf"], "target_link_uri": asked["target_link_uri"]}
        return self.asks(f"/signin/callback?{urlencode(told)}", *where)[1]

    def is_known_as(self, dataset: str, *options: str) -> Any:
        """Who an operator takes them for."""
        body = {"operator_uri": "@test/echo/echo", "dataset_name": dataset, "params": {}}
        status, answer = self.asks("/operators/execute", *options, body=body)
        assert status == 200, answer
        return json.loads(answer)["result"]["who"]


@contextmanager
def network() -> Iterator[None]:
    """This host and another one, with a cable between them."""
    run = lambda *words: subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: E731
    run("netns", "add", NAMESPACE)
    try:
        run("link", "add", "syncd-a", "type", "veth", "peer", "name", "syncd-b", "netns", NAMESPACE)
        for each in (HOST, *ISSUERS.values()):
            run("addr", "add", f"{each}/24", "dev", "syncd-a")
        run("link", "set", "syncd-a", "up")
        run("-n", NAMESPACE, "addr", "add", f"{GUEST}/24", "dev", "syncd-b")
        run("-n", NAMESPACE, "link", "set", "syncd-b", "up")
        yield
    finally:
        run("netns", "del", NAMESPACE)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this host under all its names, and its key."""
    addresses = ",".join(f"IP:{each}" for each in ISSUERS.values())
    names = ["-subj", f"/CN={SITE}", "-addext", f"subjectAltName=DNS:{SITE},{addresses}"]
    made, key = folder / "site.pem", folder / "site.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(made), *names], check=True, capture_output=True)
    return made, key


@contextmanager
def nginx(folder: Path, app: int, signin: int) -> Iterator[None]:
    """deploy/app/nginx.conf with the ports and the certificate of the test."""
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        (f"/etc/ssl/certs/{SITE}.pem", str(folder / "site.pem")),
        (f"/etc/ssl/private/{SITE}.key", str(folder / "site.key")),
        ("127.0.0.1:5151", f"127.0.0.1:{app}"),
        ("127.0.0.1:4181", f"127.0.0.1:{signin}"),
        ("listen 80;", f"listen {HOST}:80;"),
        ("listen 443 ", f"listen {HOST}:443 "),
    ):
        assert old in text, old
        text = text.replace(old, new)
    text = re.sub(r"    listen \[::\].*\n", "", text)
    (folder / "site.conf").write_text(text)
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; {temporary} include {folder}/site.conf; }}\n"
    )
    with running(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf")], folder / "nginx.out"):
        until(lambda: _answers(443), (folder / "nginx.out").read_text)
        yield


@contextmanager
def apache(folder: Path, port: int, issuers: dict[str, str]) -> Iterator[None]:
    """deploy/app/apache.conf with the issuers, by name and client."""
    made, pages = folder / "issuers", folder / "pages"
    for each in (made, pages):
        each.mkdir()
    (pages / "check").touch()
    shutil.copy(DEPLOY / "signin.html", pages / "choice.html")
    for name in issuers.values():
        file = quote(name.removeprefix("https://"), safe="")
        (made / f"{file}.provider").write_text(json.dumps(metadata(name)))
        (made / f"{file}.client").write_text(json.dumps({"client_id": "syncd", "client_secret": "secret"}))
    (folder / "secret").write_text("0123456789abcdef0123456789abcdef")
    text = (DEPLOY / "apache.conf").read_text()
    for old, new in (
        ("/var/lib/syncd-signin/issuers", str(made)),
        ("/var/www/syncd-signin", str(pages)),
        ("/etc/apache2/syncd-signin.secret", str(folder / "secret")),
        ("127.0.0.1:4181>", f"127.0.0.1:{port}>"),
        ("</VirtualHost>", f"    OIDCCABundlePath {folder}/site.pem\n</VirtualHost>"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    names = "mpm_event authn_core authz_core authz_user authz_host headers alias auth_openidc dir mime"
    modules = "".join(f"LoadModule {each}_module {MODULES}/mod_{each}.so\n" for each in names.split())
    (folder / "apache.conf").write_text(
        f"ServerRoot {folder}\nServerName {SITE}\nPidFile {folder}/apache.pid\nErrorLog {folder}/apache.log\n"
        f"LogLevel warn\nDefaultRuntimeDir {folder}\n"
        f"Listen 127.0.0.1:{port}\n{modules}TypesConfig /etc/mime.types\n"
        f"User www-data\nGroup www-data\n<Directory {pages}>\nRequire all granted\n</Directory>\n{text}"
    )
    for each in (folder, *folder.parents):
        if each.stat().st_uid == 0 and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
    subprocess.run(["chown", "-R", "www-data", str(made)], check=True)
    with running(["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"], folder / "apache.out"):
        until((folder / "apache.pid").exists, (folder / "apache.out").read_text)
        yield


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class Site:
    """Everything on this host: a folder, the name of the issuer by whom each signs in, and the App."""

    folder: Path
    issuers: dict[str, str]
    app: ServedApp


@pytest.fixture(scope="module")
def site(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The App behind its proxy."""
    folder = tmp_path_factory.mktemp("site")
    config = write_config(folder / "syncd.yaml", shared_world.document())
    with ExitStack() as stack:
        stack.enter_context(network())
        files = certificate(folder)
        issuers = {email: stack.enter_context(issuer(address, email, *files)) for email, address in ISSUERS.items()}
        app = stack.enter_context(served_app(config, folder, "--trust-proxy", "X-Forwarded-User", plugins=PLUGINS))
        signin = _free_port()
        stack.enter_context(apache(folder, signin, issuers))
        stack.enter_context(nginx(folder, app.port, signin))
        yield Site(folder, issuers, app)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def person(site: Site, name: str) -> Person:
    folder = site.folder / name
    folder.mkdir()
    return Person(folder)


def test_two_people_of_two_issuers_work_at_once_under_their_own_names(site: Site, shared_world: World) -> None:
    people = {email: person(site, email) for email in ISSUERS}
    for email, name in site.issuers.items():
        page = people[email].signs_in(name)
        assert f"https://{SITE}/datasets/lab?view=one&workspace=two" in page, "back to where they came from"
        assert "FiftyOne" in page
    with ThreadPoolExecutor(4) as threads:
        order = [*people.items()] * 4
        found = list(threads.map(lambda each: each[1].is_known_as(shared_world.dataset), order))
    assert found == [[email, "editor"] for email, _ in order]
    ben = people["ben@guests.example"]
    forged = ben.is_known_as(shared_world.dataset, "--header", "X-Forwarded-User: ada@house.example")
    assert forged == ["ben@guests.example", "editor"]


def test_who_is_not_signed_in_reaches_nothing(site: Site) -> None:
    stranger = person(site, "stranger")
    forged = ("--header", "X-Forwarded-User: ada@house.example")
    for path, body in (("/graphql", {"query": "{ version }"}), ("/tag", {}), ("/operators/execute", {})):
        assert stranger.asks(path, *forged, body=body)[0] == 401
    status, page = stranger.asks("/", *forged, "--header", "Accept: text/html")
    assert status == 200
    assert "FiftyOne" not in page
    assert "<h1>Sign in</h1>" in page
    ada = person(site, "ada-again")
    ada.signs_in(site.issuers["ada@house.example"])
    back = ("--max-redirs", "0", "--no-location", "--write-out", "\n%{redirect_url}\n%{http_code}")
    assert ada.asks("/signin/in//evil.example/", *back)[1].rpartition("\n")[2] == f"https://{SITE}/evil.example/"
    direct = ["ip", "netns", "exec", NAMESPACE, "curl", "--silent", f"http://{HOST}:{site.app.port}/"]
    assert subprocess.run(direct, check=False).returncode == 7, "nobody listens there"
