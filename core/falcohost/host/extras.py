"""What would bring a plugin or an event source that is not there: falcohost's extras, and what each is known by."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Each extra with the other names that rules files ask for it by: event sources, and plugins of Falco.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "cloudtrail": ("aws_cloudtrail",),
    "github": (),
    "json": (),
    "k8saudit": ("k8s_audit", "k8saudit-eks"),
    "okta": (),
    "syscall": ("container",),
}


def owner(name: str) -> str:
    """Return the extra that is also known by *name*; *name* itself where none is."""
    return next((extra for extra, others in EXTRAS.items() if name in others), name)


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
        hints |= dict.fromkeys((name, *EXTRAS.get(name, ())), hint)
    return hints
