"""Makes the listener for GitHub's webhooks (``open_params: http[s]://host:port/path``, or a list of repositories)."""

from __future__ import annotations

from falcohost import SourceError
from falcohost.jsonlog import MIB, Limits
from falcohost.web import Listener, Secret, WebhookInput, WebLimits, read_address
from falcohost_github.config import OPEN, SECRET, SECRET_VARIABLE, URL, Config
from falcohost_github.delivery import FORM, ORIGIN

#: GitHub sends at most 25 MB, and waits ten seconds for the answer.
WEB_LIMITS = WebLimits(body=25 * MIB, store_time=8.0)
LIMITS = Limits(document=26 * MIB, record=26 * MIB)


def webhook_input(config: Config, plugin: str) -> WebhookInput:
    """Return the input that listens on the address in *config*.

    :raises SourceError: the address is not valid, or it is not known which address GitHub has to call.
    """
    return WebhookInput(make_listener(config, plugin), LIMITS, ORIGIN)


def make_listener(config: Config, plugin: str) -> Listener:
    """Return the listener that *config* describes.

    :raises SourceError: the address is not valid, or it is not known which address GitHub has to call.
    """
    if config.repositories and not config.url:
        what = f"the webhooks of {', '.join(config.repositories)} need an address to call"
        raise SourceError(f"{plugin}: {what}: set init_config.{URL} to this machine's address as GitHub sees it")
    return Listener(
        plugin=plugin,
        address=read_address(config.address, plugin),
        secret=Secret(key=config.secret),
        certificate=config.secrets / "server.crt",
        key=config.secrets / "server.key",
        files=(config.secrets / SECRET,),
        form=FORM,
        open_to_all=config.open_to_all,
        opens=f"init_config.{OPEN}: true",
        asks=f"the webhook's secret, in {config.secrets / SECRET} or the environment variable {SECRET_VARIABLE}",
        limits=WEB_LIMITS,
    )
