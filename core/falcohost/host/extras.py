"""falcohost's extras, and hints on how to get a missing plugin or source."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from falcohost.installing import how_to_install


class Extra(Struct, frozen=True):
    """A plugin of this distribution.

    :ivar also: other names by which rules files ask for it: event sources, and Falco's plugins.
    :ivar default: loaded without being configured, because Falco has it built in.
    :ivar by_key: loaded where the configuration has the key of its name.
    """

    also: tuple[str, ...] = ()
    default: bool = False
    by_key: bool = False


EXTRAS: Mapping[str, Extra] = {
    "cloudtrail": Extra(also=("aws_cloudtrail",)),
    "containers": Extra(also=("container",), default=True),
    "github": Extra(),
    "json": Extra(),
    "k8saudit": Extra(also=("k8s_audit", "k8saudit-eks")),
    "k8smeta": Extra(),
    "okta": Extra(),
    "syscall": Extra(default=True),
    "tables": Extra(by_key=True),
    "text": Extra(),
}

#: Plugins that are loaded without being configured.
DEFAULT = tuple(name for name, extra in EXTRAS.items() if extra.default)

#: Plugins that are loaded where the configuration has the key of their name.
BY_KEY = tuple(name for name, extra in EXTRAS.items() if extra.by_key)


def owner(name: str) -> str:
    """Return the extra that has *name* among its other names; *name* itself if none has."""
    return next((extra for extra, row in EXTRAS.items() if name in row.also), name)


def hints_for(loaded: Collection[str], left_out: Mapping[str, str], installed: Collection[str]) -> dict[str, str]:
    """Return how to get each plugin that is not *loaded*, keyed by every name that a rules file may ask for it by.

    Under the key :data:`~falcohost.rules.loaded.ANY` is which plugins might have a source of any other name.

    :param left_out: why a plugin that is installed could not be loaded.
    """
    hints: dict[str, str] = {}
    for name in sorted({*EXTRAS, *installed} - set(loaded)):
        if name in left_out:
            hint = left_out[name]
        elif name in installed:
            hint = f"add {name} to load_plugins in the configuration"
        else:
            hint = how_to_install(name)
        hints |= dict.fromkeys((name, *EXTRAS.get(name, Extra()).also), hint)
    if others := sorted(set(installed) - {*EXTRAS, *loaded, *left_out}):
        named = f"-o load_plugins[]={others[0]}"
        from falcohost.rules.loaded import ANY  # where rules are read

        hints[ANY] = f"if an installed plugin has it, name the plugin: {', '.join(others)} ({named})"
    return hints
