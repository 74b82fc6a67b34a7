"""Checks for ``falcohost doctor``: what is configured, and what the API server lets the service account see."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost_k8smeta.config import Config, parse
from falcohost_k8smeta.http import Connection, Failed
from falcohost_k8smeta.watching import METADATA, METADATA_OF_ALL, get


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield what was checked, and what is wrong with it."""
    config = parse(settings)
    yield "the API server is known", None if config.host else "set apiServer: this is no pod of Kubernetes"
    yield "the node is known", None if config.node else "set nodeName to the name of the node that this is"
    for name, path in (("token", config.token), ("certificates", config.authority)):
        yield f"the {name} can be read", _unreadable(Path(path))
    if config.host and config.node and Path(config.token).exists():
        yield from _rights(config)


def _unreadable(path: Path) -> str | None:
    if not path.exists():
        return f"{path} is not there"
    return None if os.access(path, os.R_OK) else f"{path} cannot be read"


def _rights(config: Config) -> Iterator[tuple[str, str | None]]:
    pods = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{config.node}&limit=1"
    lists = {
        f"pods of the node {config.node}": pods,
        "services": "/api/v1/services?limit=1",
        "namespaces": "/api/v1/namespaces?limit=1",
    }
    for what, path in lists.items():
        yield f"{what} can be listed", _problem(config, path, METADATA_OF_ALL)
    yield f"the node {config.node} can be read", _problem(config, f"/api/v1/nodes/{config.node}", METADATA)


def _problem(config: Config, path: str, accept: str) -> str | None:
    connection = Connection(config)
    try:
        get(connection, path, accept)
    except Failed as failed:
        return f"the API server at {config.address}: {failed}"
    finally:
        connection.close()
    return None
