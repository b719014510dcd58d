"""Who asks, and about what: told from a request, the environment and the layer in front, in that order of trust."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.app.identity import SIGNED_IN, Role, SignedIn
from syncd.app.plugin.answers import refused, reply_of
from syncd.app.plugin.asked import NoActor, NotAllowed, actor_of, binding_of, config_of, known_actor
from syncd.errors import ConfigError

URL = "postgresql+psycopg2://lab:hush@nowhere.invalid/lab"
TEXT = """
database:
  url: ${SYNCD_DATABASE_URL}
bindings:
  - name: one
    dataset: a
    label_field: ground_truth
    table: public.annotation
    columns: {id: annotation_id, label: label, media: media_uri}
"""


class Ctx(SimpleNamespace):
    """A request, as far as it is asked."""

    def __init__(self, secrets: dict[str, str] | None = None, **given: Any) -> None:
        super().__init__(**{"dataset_name": "a", "dataset_id": None, "user": None} | given)
        self._secrets = secrets or {}

    def secret(self, name: str) -> str | None:
        return self._secrets.get(name)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SYNCD_ACTOR", "SYNCD_CONFIG", "SYNCD_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    token = SIGNED_IN.set(None)
    yield
    SIGNED_IN.reset(token)


def test_the_layer_is_trusted_before_the_environment_before_enterprise_before_a_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = SimpleNamespace(email="eve@lab", name="Eve", id="1")
    assert actor_of(Ctx(), "fay") == "fay"
    assert actor_of(Ctx(user=user), "fay") == "eve@lab"
    monkeypatch.setenv("SYNCD_ACTOR", "dan")
    assert actor_of(Ctx(user=user), "fay") == "dan"
    assert actor_of(Ctx({"SYNCD_ACTOR": "cleo"}, user=user), "fay") == "cleo"
    SIGNED_IN.set(SignedIn("ada", Role.EDITOR))
    assert actor_of(Ctx(user=user), "fay") == "ada"


@pytest.mark.parametrize("given", [None, "", "   ", 7, ["ada"], "a\x1b[31mda"])
def test_what_is_no_name_is_nobody_and_nobody_writes(given: Any) -> None:
    assert known_actor(Ctx()) is None
    with pytest.raises(NoActor, match="without a name"):
        actor_of(Ctx(), given)


def test_a_viewer_is_refused_by_name_whatever_the_form_says() -> None:
    SIGNED_IN.set(SignedIn("vera", Role.VIEWER))
    with pytest.raises(NotAllowed, match="vera may look"):
        actor_of(Ctx({"SYNCD_ACTOR": "ada"}), "ada")


def test_a_configuration_comes_as_a_path_or_as_text_and_its_secrets_with_the_request(tmp_path: Any) -> None:
    secrets = {"SYNCD_CONFIG": TEXT, "SYNCD_DATABASE_URL": URL}
    assert config_of(Ctx(secrets)).database.url.get_secret_value() == URL
    file = tmp_path / "lab.yaml"
    file.write_text(TEXT, encoding="utf-8")
    config = config_of(Ctx(secrets | {"SYNCD_CONFIG": str(file)}))
    assert binding_of(Ctx(), config, None).name == "one"
    reply = reply_of(lambda: pytest.fail(str(config_of(Ctx(secrets | {"SYNCD_CONFIG": TEXT + "  nonsense: 1\n"})))))
    assert "hush" not in str(reply)
    with pytest.raises(ConfigError, match="SYNCD_DATABASE_URL"):
        config_of(Ctx({"SYNCD_CONFIG": TEXT}))


def test_a_dataset_that_no_binding_is_about_is_said_with_those_that_there_are() -> None:
    config = config_of(Ctx({"SYNCD_CONFIG": TEXT, "SYNCD_DATABASE_URL": URL}))
    with pytest.raises(ConfigError, match="No binding is about the dataset 'b'") as caught:
        binding_of(Ctx(dataset_name="b"), config, None)
    assert "Open one of: a" in str(caught.value)
    with pytest.raises(ConfigError, match="the App shows 'b'"):
        binding_of(Ctx(dataset_name="b"), config, "one")
    with pytest.raises(ConfigError, match="No dataset is open"):
        binding_of(Ctx(dataset_name=None), config, None)


def test_an_error_nobody_foresaw_is_a_sentence_and_the_log_has_it_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails() -> Any:
        raise ValueError(f"cannot open {URL}")

    reply = reply_of(fails)
    assert (reply.variant, "nobody foresaw (ValueError)" in reply.message) == ("error", True)
    assert "hush" not in reply.message + caplog.text
    assert "Traceback" in caplog.text
    assert refused(ConfigError(f"bad {URL}")).message == "bad postgresql+psycopg2://lab:***@nowhere.invalid/lab"
