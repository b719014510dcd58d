"""syncd's plugin on a real App server, asked as the App asks it: recorded contexts sent to the operators' routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import syncd
from app_server import AppServer, app_server
from syncd.demo.lab import LABEL_FIELD
from worlds import World

NAME = "@syncd/syncd"
SOURCE = Path(syncd.__file__).parent / "app" / "plugin"
JSON = {"Content-Type": "application/json"}

REQUEST: dict[str, Any] = {
    "view": [],
    "view_name": None,
    "filters": {},
    "extended": None,
    "selected": [],
    "selected_samples": [],
    "selected_labels": [],
    "extended_selection": {"selection": None},
    "current_sample": None,
    "group_slice": None,
    "query_performance": False,
    "delegation_target": None,
    "request_delegation": False,
    "active_fields": [],
}
"""What the App sends with every request where nothing is selected."""


@dataclass
class Plugin:
    """The plugin on a server that reads its configuration from a file, which each test writes."""

    server: AppServer
    config: Path
    dataset: str = ""
    asked: list[str] = field(default_factory=list)
    """The App's own operators that the last answer called: notify, reload_dataset, close_sample …"""

    def serve(self, world: World, **overrides: Any) -> Plugin:
        """The server keeps this world from now on."""
        document = world.document(**overrides)
        self.config.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.dataset = world.dataset
        return self

    def call(self, name: str, params: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
        """Executes an operator; what it answered."""
        said = self.send("/operators/execute", name, params, request)
        assert said["error"] is None, said["error_message"]
        self.asked = [each["operator_uri"].rpartition("/")[2] for each in said["executor"]["requests"]]
        result: dict[str, Any] = said["result"]
        assert isinstance(result["message"], str)
        return result

    def form(self, name: str, params: dict[str, Any] | None = None, **request: Any) -> Form:
        """The form of an operator, as it is with what is filled in."""
        return Form(self.send("/operators/resolve-type", name, params, {"target": "inputs", **request}))

    def panel(self, event: str, state: dict[str, Any] | None = None, params: Any = None, name: str = "syncd") -> Drawn:
        """An event of a panel; what is drawn after it."""
        given = {"panel_id": "p1", "panel_state": state or {}, "__method__": event, "state": {}, **(params or {})}
        return Drawn(self.send("/operators/execute", name, given, {}))

    def send(self, path: str, name: str, params: Any, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the App, and the whole answer."""
        body = REQUEST | {"dataset_name": self.dataset, "operator_uri": f"{NAME}/{name}"} | request
        answer = self.server.send("POST", path, body | {"params": params or {}}, JSON)
        text = json.dumps(answer.body)
        assert "Traceback" not in text, text
        assert answer.status == 200, text
        found: dict[str, Any] = answer.body
        return found


@dataclass(frozen=True)
class Form:
    """A form as the App gets it."""

    schema: dict[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = self.schema["type"]["properties"]
        return found

    @property
    def button(self) -> str:
        return str(self.schema["view"]["submit_button_label"])

    @property
    def wrong(self) -> dict[str, str]:
        """What keeps it from being submitted."""
        return {name: str(each["error_message"]) for name, each in self.fields.items() if each["invalid"]}

    def choices(self, name: str) -> list[str]:
        return [each["value"] for each in self.fields[name]["view"]["choices"]]

    def text(self) -> str:
        return json.dumps(self.schema, ensure_ascii=False)


@dataclass(frozen=True)
class Drawn:
    """What an event of a panel asked the App for."""

    answer: dict[str, Any]

    @property
    def requests(self) -> list[tuple[str, Any]]:
        found = self.answer["executor"]["requests"]
        return [(each["operator_uri"].rpartition("/")[2], each["params"]) for each in found]

    @property
    def data(self) -> Any:
        (found,) = [params["data"]["shown"] for name, params in self.requests if name == "patch_panel_data"]
        return found

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, params in self.requests:
            if name == "patch_panel_state":
                found |= params["state"]
        return found

    @property
    def text(self) -> str:
        """Everything that is shown."""
        return json.dumps(self.answer["executor"]["requests"], ensure_ascii=False)

    @property
    def prompts(self) -> list[dict[str, Any]]:
        return [params for name, params in self.requests if name == "prompt_user_for_operation"]

    @property
    def tab(self) -> str:
        """The tab that the App is told to show."""
        (output,) = [params["output"] for name, params in self.requests if name == "show_panel_output"]
        return str(output["type"]["properties"]["tab"]["default"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of its table."""
        return next((each for each in walk(self.data) if isinstance(each, list)), [])

    @property
    def failed(self) -> list[str]:
        """The sentences that it shows as errors."""
        (output,) = [params["output"] for name, params in self.requests if name == "show_panel_output"]
        parts = [each for each in walk(output) if isinstance(each, dict)]
        return [str(each["label"]) for each in parts if each.get("severity") == "error"]

    def buttons(self) -> list[dict[str, Any]]:
        """Its buttons, each with its label and parameters."""
        (output,) = [params["output"] for name, params in self.requests if name == "show_panel_output"]
        return [each for each in walk(output) if isinstance(each, dict) and each.get("name") == "Button"]


def walk(value: Any) -> Iterator[Any]:
    """A document's parts, itself first."""
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(each)


@contextmanager
def plugin_server(mongo_uri: str, folder: Path, **environment: str) -> Iterator[Plugin]:
    """An App server with the plugin and nobody signed in."""
    plugins, config = folder / "plugins", folder / "syncd.yaml"
    plugins.mkdir()
    (plugins / "syncd").symlink_to(SOURCE)
    config.write_text("bindings: []\n", encoding="utf-8")
    more = {
        "HOME": str(folder),
        "FIFTYONE_PLUGINS_DIR": str(plugins),
        "FIFTYONE_PLUGINS_CACHE_ENABLED": "true",
        "SYNCD_CONFIG": str(config),
    }
    with app_server(mongo_uri, folder, **more | environment) as server:
        yield Plugin(server, config)


def clicked(world: World, *annotation_ids: str) -> list[dict[str, Any]]:
    """Labels as the App names those that were clicked."""
    places = [world.place(each) for each in annotation_ids]
    return [{"field": LABEL_FIELD, "label_id": str(label), "sample_id": str(sample)} for sample, label in places]


def label_ids(world: World, *annotation_ids: str) -> list[str]:
    """FiftyOne's own ids."""
    return [str(world.place(each)[1]) for each in annotation_ids]
