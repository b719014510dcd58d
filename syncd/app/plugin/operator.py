"""What all operators share: their form, how they are carried out, and where their buttons are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import fiftyone.operators as foo
from fiftyone.operators import types

from syncd.api.binding import Binding
from syncd.app.plugin.answers import Reply, answer, log, unforeseen
from syncd.app.plugin.asked import actor_of, binding_of, bindings_of, check_may_write, config_of, known_actor
from syncd.app.plugin.enterprise import has_workers, is_worker
from syncd.app.plugin.labels import Chosen, labels_of
from syncd.app.plugin.selection import Scope, selected
from syncd.app.plugin.terms import Kept
from syncd.config import BindingConfig, Config
from syncd.errors import ConfigError, SyncdError

CHOSEN: Kept[Chosen] = Kept(5.0)
"""The labels that a form counts while somebody types in it."""


class Act(foo.Operator):
    """An operator. ``word`` is its name, ``title`` its label; subclasses say what is done (:meth:`act`) and asked."""

    word: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str] = ""
    icon: ClassVar[str] = "sync"
    place: ClassVar[Any] = None
    delegable: ClassVar[bool] = False

    @property
    def config(self) -> Any:
        """How FiftyOne lists it."""
        return foo.OperatorConfig(
            name=self.word,
            label=f"syncd: {self.title}",
            description=self.about or None,
            icon=self.icon,
            dynamic=True,
            resolve_execution_options_on_change=False,
            allow_delegated_execution=self.delegable,
            view_target=False,
        )

    def resolve_placement(self, ctx: Any) -> Any:
        """Where its button is: asked at every change of the App's state, so that nothing is looked up for it."""
        del ctx
        if self.place is None:
            return None
        return types.Placement(self.place, types.Button(label=f"syncd: {self.title}", icon=self.icon, prompt=True))

    def resolve_delegation(self, ctx: Any) -> bool | None:
        """Whether a worker is to carry it out; ``None`` leaves it to whoever asks."""
        return True if self.delegable and has_workers(ctx) and is_set(ctx.params, "background") else None

    def resolve_input(self, ctx: Any) -> Any:
        """The form. A request to execute is checked by the act itself, which says what is wrong in a sentence."""
        if ctx.executor is not None:
            return None
        form = Form(ctx)
        try:
            self.ask(form)
        except SyncdError as error:
            form.problem(error)
        except Exception as error:  # noqa: BLE001 - the App would show its traceback
            form.problem(unforeseen(error))
        return form.property(f"syncd: {self.title}", self.title.capitalize())

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Carries it out, and answers with the command's document and a message."""
        return answer(ctx, lambda: self.act(ctx, dict(ctx.params)))

    def ask(self, form: Form) -> None:
        """Fills the form."""

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """What is done with these parameters."""
        raise NotImplementedError


class Form:
    """A form that is being made; ``params`` are what is filled in so far."""

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx
        self.inputs = types.Object()
        self.submit: str | None = None

    @property
    def params(self) -> Mapping[str, Any]:
        """What is filled in so far."""
        found: Mapping[str, Any] = self.ctx.params
        return found

    def property(self, title: str, submit: str) -> Any:
        """The form as FiftyOne takes it."""
        view = types.PromptView(label=title, submit_button_label=self.submit or submit)
        return types.Property(self.inputs, view=view)

    def problem(self, error: SyncdError, name: str = "problem") -> None:
        """A sentence in place of what cannot be asked; the form cannot be submitted."""
        log.debug("a form says: %s", error.message)
        shown = self.inputs.view(name, types.Error(label=error.message, description=error.remedy or ""))
        shown.invalid, shown.error_message = True, error.message

    def notice(self, name: str, text: str, *, warning: bool = False) -> None:
        """A sentence between the fields."""
        self.inputs.view(name, types.Warning(label=text) if warning else types.Notice(label=text))

    def binding(self) -> tuple[Config, BindingConfig] | None:
        """The binding that is meant, asked for where the dataset has several; ``None`` until it is chosen."""
        config = config_of(self.ctx)
        found = bindings_of(self.ctx, config)
        name = self.params.get("binding")
        if len(found) > 1:
            choices = types.Dropdown()
            for each in found:
                choices.add_choice(each.name, label=f"{each.name} ({each.label_field})")
            asked = self.inputs.enum("binding", choices.values(), label="Binding", view=choices, required=True)
            if not name:
                asked.invalid, asked.error_message = True, "This dataset has several: choose one."
                return None
        return config, binding_of(self.ctx, config, name)

    def actor(self) -> None:
        """Asks for a name where nobody knows who asks; ``NotAllowed`` for a viewer."""
        check_may_write(self.ctx)
        if known_actor(self.ctx) is not None:
            return
        asked = self.inputs.str(
            "actor", label="Your name", description="The log names you; this server does not know you.", required=True
        )
        if not self.params.get("actor"):
            asked.invalid, asked.error_message = True, "Nothing is written without a name."

    def note(self, label: str = "Note") -> None:
        """Asks for a person's own words, which the log keeps."""
        self.inputs.str("note", label=label, description="Optional; stands in the log and in reports.")

    def scope(self) -> None:
        """Lets the whole view be chosen; the selection is meant otherwise."""
        if self.params.get("label_ids"):
            return
        choices = types.RadioGroup()
        choices.add_choice(Scope.SELECTION.value, label="What is selected")
        choices.add_choice(Scope.VIEW.value, label="Everything in the view, with its filters")
        self.inputs.enum("scope", choices.values(), default=Scope.SELECTION.value, label="Which labels", view=choices)

    def chosen(self, binding: BindingConfig) -> Chosen | None:
        """The labels that are meant; where there is none the form says so, and cannot be submitted."""
        try:
            return chosen(self.ctx, self.params, binding, kept=True)
        except ConfigError as error:
            self.problem(error, "selection")
            return None


def chosen(ctx: Any, params: Mapping[str, Any], binding: BindingConfig, *, kept: bool = False) -> Chosen:
    """The labels that a request means; ``kept`` may be some seconds old."""
    request = ctx.request_params
    scope = scope_of(params)
    given = params.get("label_ids")
    if given is not None and (isinstance(given, str) or not isinstance(given, (list, tuple))):
        given = [given] if isinstance(given, str) else []
    selection = selected(request, binding.label_field, label_ids=given, scope=scope)
    if selection.is_exact:
        return labels_of(selection, request, None, binding.label_field)
    if not kept:
        return labels_of(selection, request, ctx.dataset, binding.label_field)
    parts = (request.get("view"), request.get("filters"), request.get("view_name"), binding.name, ctx.dataset_name)
    return CHOSEN.get((selection, repr(parts)), lambda: labels_of(selection, request, ctx.dataset, binding.label_field))


def scope_of(params: Mapping[str, Any]) -> Scope:
    """What an operator is asked to work on; ``ConfigError`` for what is no scope."""
    given = params.get("scope") or Scope.SELECTION.value
    try:
        return Scope(given)
    except ValueError:
        raise ConfigError(f"scope {given!r} is none.", remedy="Give selection or view.") from None


@dataclass(frozen=True)
class Work:
    """A binding that is opened for a request, and who acts in it; ``actor`` is ``None`` where that does not matter."""

    config: Config
    binding: BindingConfig
    actor: str | None

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from other bindings, for what is kept of it."""
        return (self.binding.name, self.binding.dataset, self.config.state_url.get_secret_value())

    def opened(self) -> Binding:
        """The binding."""
        return Binding(self.config, self.binding.name)

    def acting(self, b: Binding) -> AbstractContextManager[None]:
        """Within it, the actor decides."""
        return nullcontext() if self.actor is None else b.actor(self.actor)


def reading(ctx: Any, params: Mapping[str, Any]) -> Work:
    """A request that changes nothing."""
    config = config_of(ctx)
    return Work(config, binding_of(ctx, config, text_of(params, "binding")), known_actor(ctx))


def writing(ctx: Any, params: Mapping[str, Any], *, named: bool = True) -> Work:
    """A request that writes: with an actor, but where it carries only what others did (``named=False``)."""
    check_may_write(ctx)
    config = config_of(ctx)
    binding = binding_of(ctx, config, text_of(params, "binding"))
    return Work(config, binding, actor_of(ctx, params.get("actor")) if named else known_actor(ctx))


def text_of(params: Mapping[str, Any], name: str) -> str | None:
    """A text among the parameters; ``None`` where it is empty or not given."""
    found = params.get(name)
    return found.strip() or None if isinstance(found, str) else None


def is_set(params: Mapping[str, Any], name: str) -> bool:
    """Whether a switch is on."""
    return params.get(name) is True or params.get(name) == "true"


def wants_thread(ctx: Any, params: Mapping[str, Any]) -> bool:
    """Whether it goes on in a thread of this server: where it may take long, and no worker carries it out."""
    return is_set(params, "background") and not is_worker(ctx)


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
