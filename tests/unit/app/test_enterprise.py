"""What differs on FiftyOne Enterprise, against recorded requests of it: users, roles, secrets, workers, upload."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from recorded_context import RecordedContext, RecordedUser
from syncd.app.plugin import enterprise
from syncd.app.plugin.asked import NotAllowed, actor_of, check_may_write, config_of, known_actor
from syncd.app.plugin.operator import wants_thread
from syncd.app.plugin.running import Preview, Sync
from syncd.app.plugin_folder import folder
from syncd.errors import SetupError

TEXT = """
database: {url: "${SYNCD_DATABASE_URL}"}
bindings:
  - {name: p, dataset: plankton, label_field: gt, table: a, columns: {id: i, label: l, media: m}}
"""


def test_whoever_is_signed_in_to_enterprise_acts_by_their_address() -> None:
    assert actor_of(RecordedContext(), "somebody else") == "ada@lab.example"
    assert known_actor(RecordedContext(RecordedUser(email=None))) == "Ada"
    assert known_actor(RecordedContext(RecordedUser(email=None, name=None))) == "66f0c0ffee"


def test_a_service_that_has_a_name_of_its_own_acts_under_it() -> None:
    assert actor_of(RecordedContext(vault={"SYNCD_ACTOR": "night shift"})) == "night shift"


@pytest.mark.parametrize(
    ("permission", "may"), [("NO_ACCESS", 0), ("VIEW", 0), ("TAG", 0), ("EDIT", 1), ("MANAGE", 1), (None, 1)]
)
def test_permissions_on_the_dataset_decide_who_may_write(permission: str | None, may: int) -> None:
    ctx = RecordedContext(RecordedUser(dataset_permission=permission))
    if may:
        check_may_write(ctx)
        return
    with pytest.raises(NotAllowed, match=f"ada@lab.example may look and change nothing here .permission {permission}"):
        check_may_write(ctx)


def test_the_configuration_and_its_secrets_come_from_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql://environment/x")
    ctx = RecordedContext(vault={"SYNCD_CONFIG": TEXT, "SYNCD_DATABASE_URL": "postgresql://vault/annotations"})
    config = config_of(ctx)
    assert config.database.url.get_secret_value() == "postgresql://vault/annotations"
    assert config.bindings[0].name == "p"
    assert set(ctx.asked_secrets) <= set(enterprise.DECLARED)


def test_no_secret_is_asked_for_that_is_not_declared() -> None:
    declared = yaml.safe_load((folder() / "fiftyone.yml").read_text(encoding="utf-8"))["secrets"]
    assert tuple(declared) == enterprise.DECLARED
    ctx = RecordedContext()
    with pytest.raises(KeyError):
        enterprise.Secrets(ctx)["AWS_SECRET_ACCESS_KEY_OF_NOBODY"]
    assert ctx.asked_secrets == []


def test_what_takes_long_is_left_to_a_worker_there_and_to_a_thread_here() -> None:
    long, short = {"background": True}, {"background": False}
    there, here = RecordedContext(params=long), RecordedContext(user=None, params=long)
    assert Sync().resolve_delegation(there) is True
    assert Sync().resolve_delegation(here) is None
    assert Sync().resolve_delegation(RecordedContext(params=short)) is None
    assert Preview().resolve_delegation(there) is None, "it is never asked to"
    assert wants_thread(here, long)
    assert not wants_thread(here, short)
    assert not wants_thread(RecordedContext(delegated=True), long), "the worker itself carries it out"


def management(monkeypatch: pytest.MonkeyPatch, refusal: Exception | None = None) -> list[dict[str, Any]]:
    """Enterprise's SDK, as far as it is documented; what it was called with."""
    called: list[dict[str, Any]] = []

    def upload_plugin(plugin_path: str, overwrite: bool = False, optimize: bool = False) -> None: ...

    def remembered(*args: Any, **kwargs: Any) -> None:
        if refusal is not None:
            raise refusal
        called.append(dict(inspect.signature(upload_plugin).bind(*args, **kwargs).arguments))

    module = ModuleType(enterprise.MANAGEMENT)
    module.upload_plugin = remembered  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, enterprise.MANAGEMENT, module)
    return called


def test_the_plugin_is_uploaded_in_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    called = management(monkeypatch)
    enterprise.upload(Path("syncd-plugin.zip"))
    assert called == [{"plugin_path": "syncd-plugin.zip", "overwrite": True}]


def test_what_enterprise_refuses_or_open_source_lacks_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="open-source FiftyOne"):
        enterprise.upload(Path("syncd-plugin.zip"))
    management(monkeypatch, PermissionError("not an admin\nTraceback"))
    with pytest.raises(SetupError, match="does not take the plugin: not an admin\n"):
        enterprise.upload(Path("syncd-plugin.zip"))
