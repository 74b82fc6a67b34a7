"""What a loader gets, for its place, and for the process that prepares ahead while the rules are read."""

from __future__ import annotations

import contextlib
import os

from falcohost.environment import selected
from falcohost.errors import FalcohostError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.config import Config
from falcohost.host.plugins import Plugins
from falcohost.host.reader_link import Early, Teller
from falcohost.host.sources import chosen_sources, switched_off
from falcohost.host.worker_data import LoaderData, as_bytes, loading_for, plugins_for, seal_early


def loader_data(source: str, config: Config, plugins: Plugins) -> LoaderData:
    """Return what the loader of *source* gets, without what the rules ask for.

    :raises ConfigError: a setting cannot be plain data.
    """
    needed, spec = plugins_for(source, plugins), plugins.sources()[source]
    blocks = {one.name: plugins.blocks(one) for one in plugins.loaded}
    configured = [name for one in needed for name in config.plugins.environment(blocks[one.name])]
    return LoaderData(
        source=source,
        only_log=config.only_logs,
        plugins=needed,
        environment=as_bytes(selected(os.environ, (*spec.environment, *configured))),
        programs=config.plugins.environment(blocks[plugins.owner(source).name]),
        static=as_bytes(plugins.static),
        asked=b"",
        loading=loading_for(source, plugins, needed),
        keeps=config.rules.cache,
    )


def hand_early(teller: Teller, config: Config, plugins: Plugins, options: AgentOptions) -> None:
    """Hand over what the loaders of the sources get that a start may open; what is wrong is told later.

    A run that ends by itself has none: it reads what was recorded.
    """
    if options.once:
        return
    with contextlib.suppress(FalcohostError):
        chosen, specs = chosen_sources(plugins, options), plugins.sources()
        off = switched_off(chosen, plugins)
        for name in chosen:
            if specs[name].load is not None and name not in off:
                data = seal_early(loader_data(name, config, plugins))
                teller.hand_early(Early(name, specs[name].modules, config.nice), data)
                os.close(data)
