"""What a request of the App is about: the configuration, the binding, and who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syncd.app.identity import Role, current
from syncd.app.plugin.enterprise import Secrets, user_of, why_not_edit
from syncd.config import BindingConfig, Config, find_config, load_config, load_config_text
from syncd.errors import ConfigError

CONFIG, ACTOR = "SYNCD_CONFIG", "SYNCD_ACTOR"
LONGEST_NAME = 100
"""Characters of a person's name, which becomes a tag."""


class NoActor(ConfigError):
    """Nobody is known to ask, and nothing is written without a name."""


class NotAllowed(ConfigError):
    """Whoever asks may look, and change nothing."""


def config_of(ctx: Any) -> Config:
    """The configuration: ``SYNCD_CONFIG`` holds its path or its text, as a secret or in the environment."""
    secrets = Secrets(ctx)
    given = secrets.get(CONFIG)
    if given and "\n" in given.strip():
        return load_config_text(given, secrets, source=f"the text in {CONFIG}")
    return load_config(find_config(Path(given) if given else None, {}), secrets)


def bindings_of(ctx: Any, config: Config) -> list[BindingConfig]:
    """The bindings about the dataset that the App shows."""
    dataset = dataset_of(ctx)
    return [each for each in config.bindings if each.dataset == dataset]


def dataset_of(ctx: Any) -> str | None:
    """The name of the dataset that the App shows, as it is now: the App may know it by an older one."""
    if ctx.dataset_id:
        dataset = ctx.dataset
        return None if dataset is None else str(dataset.name)
    name = ctx.dataset_name
    return None if name is None else str(name)


def binding_of(ctx: Any, config: Config, name: str | None) -> BindingConfig:
    """The binding that is meant; ``ConfigError`` for one that there is not, is of another dataset, or is not named."""
    dataset, found = dataset_of(ctx), bindings_of(ctx, config)
    if name:
        binding = config.binding(name)
        if dataset is not None and binding.dataset != dataset:
            raise ConfigError(
                f"The binding {name!r} is about the dataset {binding.dataset!r}, and the App shows {dataset!r}.",
                remedy=f"Open {binding.dataset!r}, or choose among: {_names(found)}.",
            )
        return binding
    if dataset is None:
        raise ConfigError("No dataset is open in the App.", remedy="Open one.")
    if not found:
        raise ConfigError(
            f"No binding is about the dataset {dataset!r}: syncd does not keep it.",
            remedy=f"Open one of: {', '.join(sorted({each.dataset for each in config.bindings}))}.",
        )
    if len(found) > 1:
        raise ConfigError(
            f"The dataset {dataset!r} has {len(found)} bindings: {_names(found)}.", remedy="Say which one: binding."
        )
    return found[0]


def _names(found: list[BindingConfig]) -> str:
    return ", ".join(each.name for each in found) or "none"


def known_actor(ctx: Any) -> str | None:
    """Who asks, as far as that is known without asking them: the layer in front, ``SYNCD_ACTOR``, Enterprise's user."""
    signed_in = current()
    if signed_in is not None:
        return signed_in.actor
    return _name(Secrets(ctx).get(ACTOR)) or _name(user_of(ctx))


def actor_of(ctx: Any, given: object = None) -> str:
    """Who writes: whoever is known, else the name that is ``given``; ``NoActor``, or ``NotAllowed`` for a viewer."""
    check_may_write(ctx)
    name = known_actor(ctx) or _name(given)
    if name is None:
        raise NoActor(
            "Nobody is known to ask, and nothing is written without a name.",
            remedy="Fill in your name, or start the App with `syncd app --as NAME`.",
        )
    return name


def check_may_write(ctx: Any) -> None:
    """``NotAllowed`` where whoever asks may look only."""
    why = why_not_edit(ctx)
    if why is not None:
        raise NotAllowed(
            f"{known_actor(ctx)} may look and change nothing here ({why}).",
            remedy="Ask whoever manages the dataset for the permission EDIT.",
        )
    signed_in = current()
    if signed_in is not None and signed_in.role is not Role.EDITOR:
        raise NotAllowed(
            f"{signed_in.actor} may look and change nothing here (role {signed_in.role.value}).",
            remedy="Ask whoever runs the App for the role editor.",
        )


def _name(given: object) -> str | None:
    text = " ".join(str(given).split()) if isinstance(given, str) else ""
    return text[:LONGEST_NAME] if text.isprintable() and text else None
