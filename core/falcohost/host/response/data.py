"""What the processes that act on alerts get, as plain data, in memfds that no other process reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from falcohost.environment import selected
from falcohost.errors import ConfigError
from falcohost.host.config.response import HTTP, OWN, PROGRAM, ActionConfig, ProtectedConfig
from falcohost.host.given import Configured
from falcohost.host.plugins import PluginData, Plugins, plugin_data
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.worker_data import as_bytes
from falcohost.outputs.redaction_settings import Redaction


class ActionData(msgspec.Struct, frozen=True):
    """One action.

    :ivar block: its settings as JSON; empty where another process takes the action.
    """

    kind: str
    block: bytes
    per_minute: int

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its settings."""
        settings: Mapping[str, Any] = json.loads(self.block)
        return settings


class ActionsData(msgspec.Struct, frozen=True):
    """What the process that acts needs.

    :ivar hostname: the name of this host in alerts.
    :ivar acts: actions are taken, and not only told of.
    :ivar per_minute: most actions a minute for one source.
    :ivar bound: the names of the actions of each rule of each source.
    """

    hostname: str
    acts: bool
    per_minute: int
    protected: ProtectedConfig
    actions: Mapping[str, ActionData]
    bound: Mapping[str, Mapping[str, tuple[str, ...]]]


class ResponderData(msgspec.Struct, frozen=True):
    """An action that is no signal: its kind, its settings as JSON, and whether secrets are replaced before."""

    kind: str
    block: bytes
    redact: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its settings."""
        settings: Mapping[str, Any] = json.loads(self.block)
        return settings


class ResponsesData(msgspec.Struct, frozen=True):
    """What the process needs that runs programs, posts, and has plugins' actions.

    :ivar plugins: the plugins to load; *environment*: the variables that the configuration names for them.
    :ivar static: the values of the fields ``static.*``.
    """

    actions: Mapping[str, ResponderData]
    plugins: list[PluginData]
    environment: Mapping[bytes, bytes]
    static: Mapping[bytes, bytes]
    redaction: Redaction


def actions_data(given: Configured, bound: Mapping[str, Mapping[str, tuple[str, ...]]], hostname: str) -> ActionsData:
    """Return what the process that acts gets."""
    response = given.config.response
    return ActionsData(
        hostname=hostname,
        acts=response.acts,
        per_minute=response.per_minute,
        protected=response.protected,
        actions={
            name: ActionData(one.kind, _block(one) if is_signal(one.kind) else b"", one.per_minute)
            for name, one in response.actions.items()
        },
        bound=bound,
    )


def responses_data(given: Configured, plugins: Plugins, names: list[str]) -> ResponsesData:
    """Return what the process gets that takes the actions *names*.

    :raises ConfigError: a setting cannot be plain data.
    """
    config = given.config
    actions = {name: config.response.actions[name] for name in names}
    kinds = {one.kind for one in actions.values()}
    used = [plugin for plugin in plugins.loaded if any(spec.name in kinds for spec in plugin.actions)]
    variables = [name for plugin in used for name in config.plugins.environment(plugins.blocks(plugin))]
    return ResponsesData(
        actions={name: ResponderData(one.kind, _block(one), one.redact) for name, one in actions.items()},
        plugins=[plugin_data(plugin, plugin.settings) for plugin in used],
        environment=as_bytes(selected(os.environ, variables)),
        static=as_bytes(plugins.static),
        redaction=config.outputs.redaction,
    )


def is_signal(kind: str) -> bool:
    """Return whether actions of this kind are taken by the process that may send signals."""
    return kind in OWN and kind not in (PROGRAM, HTTP)


def seal_actions(data: ActionsData) -> int:
    """Return the descriptor of a sealed memfd with *data*."""
    return sealed("falcohost actions", _encode(data))


def seal_responses(data: ResponsesData) -> int:
    """Return the descriptor of a sealed memfd with *data*."""
    return sealed("falcohost responses", _encode(data))


def unseal_actions(descriptor: int) -> ActionsData:
    """Return what :func:`seal_actions` wrote.

    :raises ValueError: it is something else.
    """
    return _decode_actions(read_sealed(descriptor))


def unseal_responses(descriptor: int) -> ResponsesData:
    """Return what :func:`seal_responses` wrote.

    :raises ValueError: it is something else.
    """
    return _decode_responses(read_sealed(descriptor))


def _block(action: ActionConfig) -> bytes:
    try:
        return json.dumps(action.block).encode()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{action.where} is no plain data: {error}") from error


_encode = msgspec.msgpack.Encoder().encode
_decode_actions = msgspec.msgpack.Decoder(ActionsData).decode
_decode_responses = msgspec.msgpack.Decoder(ResponsesData).decode
