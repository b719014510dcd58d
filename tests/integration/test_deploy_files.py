"""The units and manifests under ``deploy/``: as systemd itself checks them, and as they must fit together."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from syncd.cli.main import app
from syncd.config import load_config

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
KUBERNETES = ROOT / "deploy" / "kubernetes" / "syncd.yaml"
PROGRAM = "/opt/syncd/bin/syncd"
OK = 2.0
"""An exposure that `systemd-analyze security` calls OK is below 5; ours is far below, and shall stay so."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def unit(name: str) -> dict[str, list[str]]:
    """All values of each key of a unit file, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is there."""
    program = tmp_path / "syncd"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m syncd "$@"\n')
    program.chmod(0o755)
    for each in UNITS.iterdir():
        (tmp_path / each.name).write_text(each.read_text().replace(PROGRAM, str(program)))
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    files = sorted(str(units / each.name) for each in UNITS.iterdir())
    assert len(files) == 4
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if "syncd" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", ["syncd.service", "syncd-credentials.service", "syncd-app@.service"])
def test_systemd_rates_the_services_well(units: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "offline" in done.stderr:
        pytest.skip("this systemd is too old to look at a file")
    rating = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert rating is not None, done.stdout + done.stderr
    assert float(rating[1]) < OK


def test_the_services_run_commands_that_there_are() -> None:
    (command,) = unit("syncd-credentials.service")["ExecStart"]
    assert command.startswith(f"{PROGRAM} credentials issue --if-expiring ")
    shown = CliRunner().invoke(app, ["credentials", "issue", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert (shown.exit_code, "--if-expiring" in shown.stdout) == (0, True)
    assert unit("syncd.service")["ExecStart"] == [f"{PROGRAM} run"]
    (command,) = unit("syncd-app@.service")["ExecStart"]
    assert command == f"{PROGRAM} app --host 127.0.0.1 --port ${{PORT}} $ARGUMENTS"
    shown = CliRunner().invoke(app, ["app", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert all(each in shown.stdout for each in ("--host", "--port", "--trust-proxy", "--as"))


def test_the_daemon_is_supervised_and_restarted_unless_its_configuration_is_wrong() -> None:
    found = unit("syncd.service")
    assert found["Type"] == ["notify"]
    assert found["WatchdogSec"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["2"], "what the command line ends with when the configuration is wrong"
    assert found["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_both_services_are_hardened_alike() -> None:
    hardening = (
        "Protect",
        "Private",
        "Restrict",
        "SystemCall",
        "Capability",
        "NoNew",
        "Lock",
        "Memory",
        "UMask",
        "User",
    )
    both = [
        {key: value for key, value in unit(name).items() if key.startswith(hardening) and key != "Restart"}
        for name in ("syncd.service", "syncd-credentials.service")
    ]
    assert both[0] == both[1]
    assert both[0]["User"] == ["syncd"]


def test_the_timer_looks_more_often_than_keys_are_left_to_run_out() -> None:
    service, timer = unit("syncd-credentials.service"), unit("syncd-credentials.timer")
    margin = re.search(r"--if-expiring (\d+)m", service["ExecStart"][0])
    pause, jitter = (
        re.fullmatch(r"(\d+)min", timer["OnUnitInactiveSec"][0]),
        re.fullmatch(r"(\d+)min", timer["RandomizedDelaySec"][0]),
    )
    assert margin is not None and pause is not None and jitter is not None
    assert 2 * (int(pause[1]) + int(jitter[1])) < int(margin[1]), "one failure is made good by the next"


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in yaml.safe_load_all(KUBERNETES.read_text())}


def test_the_manifest_has_what_two_pods_need_and_no_secret(manifests: dict[str, dict[str, Any]]) -> None:
    assert set(manifests) == {"ConfigMap", "Job", "Deployment", "PodDisruptionBudget", "Service"}
    assert manifests["Deployment"]["spec"]["replicas"] == 2
    assert manifests["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["Job"]["spec"]["template"]["metadata"]["labels"] != labels, "it is no pod of the service"


def test_the_manifests_configuration_is_valid_and_its_secrets_are_mounted(
    manifests: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    text = manifests["ConfigMap"]["data"]["syncd.yaml"]
    named = set(re.findall(r"\$\{file:/run/secrets/syncd/([\w-]+)\}", text))
    made = set(re.findall(r"--from-literal=([\w-]+)=", KUBERNETES.read_text()))
    assert named == made == {"database-url", "mongodb-uri"}
    (tmp_path / "database-url").write_text("postgresql+psycopg2://syncd:x@db/annotations")
    (tmp_path / "mongodb-uri").write_text("mongodb://mongo:27017")
    file = tmp_path / "syncd.yaml"
    file.write_text(text.replace("/run/secrets/syncd", str(tmp_path)))
    config = load_config(file)
    assert config.daemon.http is not None
    deployment = manifests["Deployment"]["spec"]["template"]["spec"]
    (container,) = deployment["containers"]
    assert [each["containerPort"] for each in container["ports"]] == [config.daemon.http.port]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert (mounts["config"], mounts["secrets"]) == ("/etc/syncd", "/run/secrets/syncd")
    assert set(mounts) == {each["name"] for each in deployment["volumes"]}
    assert {"name": "SYNCD_CONFIG", "value": "/etc/syncd/syncd.yaml"} in container["env"]
    projected = manifests["Job"]["spec"]["template"]["spec"]["volumes"][1]["projected"]["sources"]
    assert {item["path"] for each in projected for item in each["secret"]["items"]} == named


def test_the_pods_are_probed_and_may_do_nothing_else(manifests: dict[str, dict[str, Any]]) -> None:
    for kind in ("Job", "Deployment"):
        pod = manifests[kind]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert str(pod["securityContext"]["runAsUser"]) in (ROOT / "Dockerfile").read_text()
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["automountServiceAccountToken"] is False
        assert container["resources"]["limits"]["memory"]
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = {each: container[each]["httpGet"]["path"] for each in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_compose_checks_and_restarts_the_daemon() -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["syncd"]
    assert service["restart"] == "unless-stopped"
    *program, code = service["healthcheck"]["test"]
    assert program == ["CMD", "python", "-c"]
    failed = subprocess.run(
        [sys.executable, "-c", code.replace("9095", "9")], capture_output=True, text=True, check=False, timeout=60
    )
    assert (failed.returncode, "Connection refused" in failed.stderr) == (1, True)
    assert "http: 0.0.0.0:9095" in (ROOT / "deploy" / "syncd.yaml").read_text()
