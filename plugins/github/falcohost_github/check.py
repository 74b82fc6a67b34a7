"""Checks for ``falcohost doctor`` whether the address is free, the token is valid, and the webhooks exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from falcohost import FalcohostError, RetriedProblem
from falcohost.jsonlog import open_problem
from falcohost_github import hooks
from falcohost_github.api import GithubApi, RequestRefused
from falcohost_github.audit import AuditLog
from falcohost_github.config import NAME, Config, parse
from falcohost_github.source import make

_Finding = tuple[str, str | None]


def check(settings: Mapping[str, Any]) -> Iterator[_Finding]:
    """Yield each check with its problem, or None if it passed.

    :raises AddressTaken: somebody already listens on the address; all other checks come before.
    """
    config = parse(settings)
    if config.token is not None and (config.address or config.audit):
        api = GithubApi(config.api, config.token, NAME)
        try:
            api.open()
            yield from _api_findings(api, config)
        finally:
            api.close()
    if config.address or config.audit:
        yield f"{config.address or 'the audit log'} can be opened", open_problem(make, settings)
    elif config.files:
        yield "open_params can be read", open_problem(make, settings)


def _api_findings(api: GithubApi, config: Config) -> Iterator[_Finding]:
    problem = _problem(lambda: _ask(api))
    yield f"{config.api} accepts the token", problem
    if problem is not None:
        return
    if config.audit:
        yield f"the audit log of {config.audit} can be read", _problem(lambda: _read(api, config.audit))
    for repository in config.repositories:
        if repository != hooks.ALL:
            yield f"{repository} has the webhook", _problem(lambda: _find(api, repository, config.url))  # noqa: B023


def _problem(look: Callable[[], object]) -> str | None:
    try:
        look()
    except FalcohostError as error:
        return RetriedProblem(error)
    return None


def _ask(api: GithubApi) -> None:
    try:
        api.get("rate_limit", "nothing")
    except RequestRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:  # which an Enterprise Server without rate limits answers
            raise


def _read(api: GithubApi, whose: str) -> None:
    log = AuditLog(api, whose)
    log.fetch(log.fetch(None).cursor)


def _find(api: GithubApi, repository: str, url: str) -> None:
    webhook = hooks.find(api, repository, url)
    if webhook is None:
        text = f"no webhook calls {url}; falcohost creates it when it starts, if the token has {hooks.WRITE}"
        raise FalcohostError(text)
    if not webhook.active:
        raise FalcohostError("the webhook is switched off; tick 'Active' in its settings on GitHub")
