"""Serves FiftyOne's App with syncd's plugin, inside the layer; FiftyOne itself is as it is."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from syncd.adapters.fiftyone.compat import Private, private
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.app.layer import Application, Inside, Observer, layer
from syncd.app.plugin_folder import with_plugin
from syncd.app.threads import ContextThreads
from syncd.app.who import Door, Proxy, Roles
from syncd.app.windows import apart
from syncd.config import Config
from syncd.errors import ConfigError, SetupError
from syncd.logs import Logger

log = Logger(__name__)

PORT = 5151
"""FiftyOne's own."""

WORKERS = 32
"""Threads for operators and the callbacks of panels, each of which may wait for a server."""

PATIENCE_S = 1.0
"""For requests that are under way when it is to end; event streams never end by themselves."""


def door_of(config: Config, *, actor: str | None, header: str | None, read_only: bool) -> Door:
    """How people come in: as the command and the configuration say."""
    settings = config.app
    roles = Roles(frozenset(settings.editors), frozenset(settings.viewers), read_only)
    if header is None:
        return Door(actor, roles)
    secret = settings.proxy_secret
    proxy = Proxy(
        user_header=header.lower(),
        networks=tuple(ip_network(each) for each in settings.proxies),
        role_header=settings.role_header.lower() if settings.role_header else None,
        secret=secret.get_secret_value() if secret else None,
    )
    return Door(None, roles, proxy)


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address. ``SetupError`` where it cannot be had; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise _not_had(host, port, error) from error
    return listener


def _not_had(host: str, port: int, error: OSError | OverflowError) -> SetupError | ConfigError:
    number = getattr(error, "errno", None)
    if isinstance(error, OverflowError):
        return ConfigError(f"{port} is no port.", remedy="A port is 0 to 65535.")
    if number == errno.EADDRINUSE:
        return SetupError(
            f"Port {port} of {host} is taken: something listens there already, another App perhaps.",
            remedy=f"Give another one: --port {port + 1 if port < 65535 else 5151}",
        )
    if number == errno.EACCES:
        return SetupError(f"This account may not listen on port {port}.", remedy=f"Give one above 1023: --port {PORT}")
    return SetupError(
        f"{host} is no address of this machine: {error}.",
        remedy="Leave --host out (127.0.0.1), or name one of the machine's addresses.",
    )


def is_header(text: str) -> bool:
    """Whether it can be the name of a header of HTTP."""
    return re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _offer_models(config: Config, settings: Any) -> None:
    """Has FiftyOne offer the configured models wherever it offers those of its zoo."""
    from syncd.api.embedding_results import zoo_manifests

    try:
        ours = [str(each) for each in zoo_manifests(config)]
    except SetupError as error:
        log.warning("the models of `embedding` are not offered", why=error.message, remedy=error.remedy)
        return
    settings.model_zoo_manifest_paths = list(dict.fromkeys([*(settings.model_zoo_manifest_paths or ()), *ours]))


@contextmanager
def fiftyone_server(config: Config, config_file: Path | None, actor: str | None) -> Iterator[Application]:
    """FiftyOne's own application, with the databases of the configuration and syncd's plugin.

    The process is FiftyOne's from then on. ``FiftyOneUnavailable`` where its MongoDB does not answer; ``SetupError``
    where its server cannot be loaded.
    """
    os.environ.pop("FIFTYONE_DISABLE_SERVICES", None)
    os.environ["FIFTYONE_SERVER"] = "1"
    os.environ["FIFTYONE_PLUGINS_CACHE_ENABLED"] = "true"
    if config_file is not None:
        os.environ["SYNCD_CONFIG"] = str(config_file.absolute())
    os.environ.pop("SYNCD_ACTOR", None)
    if actor is not None:
        os.environ["SYNCD_ACTOR"] = actor
    settings = fiftyone_for(config).config
    with with_plugin(Path(settings.plugins_dir) if settings.plugins_dir else None) as plugins:
        settings.plugins_dir = str(plugins)
        settings.plugins_cache_enabled = True
        if config.embedding.models:
            _offer_models(config, settings)
        # FiftyOne would make an executor of its own, which drops the context: the loop's is ours.
        settings.max_thread_pool_workers = None
        try:
            with redirect_stdout(sys.stderr):
                app = private(Private.SERVER).app
        except ImportError as error:
            raise SetupError(
                f"FiftyOne's App server cannot be loaded: {error}.",
                remedy="Install FiftyOne whole, with what it needs: pip install fiftyone",
            ) from error
        yield app


def serve(
    app: Application, door: Door, listener: socket.socket, started: Callable[[], None], observer: Observer | None
) -> None:
    """Answers until SIGINT or SIGTERM; ``started`` is called when the first request can come."""
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config as Settings

    settings = Settings()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.graceful_timeout = PATIENCE_S
    settings.loglevel = "WARNING"
    settings.include_server_header = False
    private(Private.SERVER_EVENTS).set_port(_port(settings.bind[0]))
    logging.getLogger("hypercorn.error").propagate = False

    async def until_told() -> None:
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end.set)
        started()
        await end.wait()

    async def answer() -> None:
        asyncio.get_running_loop().set_default_executor(ContextThreads(WORKERS, "syncd-app"))
        inner: Any = layer(Inside(app, apart(), observer), door)
        await hypercorn(inner, settings, shutdown_trigger=until_told, mode="asgi")

    asyncio.run(answer())


def _port(bound: str) -> int:
    with socket.socket(fileno=os.dup(int(bound.removeprefix("fd://")))) as same:
        port: int = same.getsockname()[1]
    return port
