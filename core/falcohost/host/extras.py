"""What would bring a plugin or an event source that is not there: falcohost's extras, and what each is known by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extra:
    """A plugin of this distribution.

    :ivar also: the other names that rules files ask for it by: event sources, and plugins of Falco.
    :ivar default: it is loaded without being configured, as what Falco has built in.
    """

    also: tuple[str, ...] = ()
    default: bool = False


EXTRAS: Mapping[str, Extra] = {
    "cloudtrail": Extra(also=("aws_cloudtrail",)),
    "github": Extra(),
    "json": Extra(),
    "k8saudit": Extra(also=("k8s_audit", "k8saudit-eks")),
    "okta": Extra(),
    "syscall": Extra(also=("container",), default=True),
}

#: The plugins that are there without being configured.
DEFAULT = tuple(name for name, extra in EXTRAS.items() if extra.default)


def owner(name: str) -> str:
    """Return the extra that is also known by *name*; *name* itself where none is."""
    return next((extra for extra, row in EXTRAS.items() if name in row.also), name)


def hints_for(loaded: Collection[str], left_out: Mapping[str, str], installed: Collection[str]) -> dict[str, str]:
    """Return, by each name that a rules file may ask for, what brings the plugin; none for those that are *loaded*.

    :param left_out: why a plugin that is installed could not be loaded.
    """
    hints: dict[str, str] = {}
    for name in sorted({*EXTRAS, *installed} - set(loaded)):
        if name in left_out:
            hint = left_out[name]
        elif name in installed:
            hint = f"add {name} to load_plugins in the configuration"
        else:
            hint = f"pip install 'falcohost[{name}]'"
        hints |= dict.fromkeys((name, *EXTRAS.get(name, Extra()).also), hint)
    return hints
