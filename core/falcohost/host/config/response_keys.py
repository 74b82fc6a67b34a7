"""The keys of actions: what is done about alerts."""

from __future__ import annotations

from typing import Final

from falcohost.specs import ConfigKey

#: What may be done with an alert: only told, or done.
MODES: Final = ("observe", "act")

#: Programs that no action touches where the configuration names no others: without them nobody reaches the machine.
PROTECTED: Final = (
    "/usr/lib/systemd/systemd",
    "/usr/lib/systemd/systemd-journald",
    "/usr/lib/systemd/systemd-logind",
    "/usr/lib/systemd/systemd-networkd",
    "/usr/lib/systemd/systemd-udevd",
    "/usr/bin/dbus-daemon",
    "/usr/bin/dbus-broker",
    "/usr/sbin/sshd",
    "/usr/bin/dockerd",
    "/usr/sbin/dockerd",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/crio",
    "/usr/bin/conmon",
    "/usr/bin/kubelet",
)

RESPONSE: Final = (
    ConfigKey(
        key="actions.enabled",
        type=bool,
        default=False,
        help="acts on alerts of the rules that actions are bound to ([response.md](response.md))",
    ),
    ConfigKey(
        key="actions.mode",
        type=str,
        default="observe",
        choices=MODES,
        help="`observe` only tells what would be done; `act` does it",
    ),
    ConfigKey(
        key="actions.max_per_minute",
        type=int,
        default=60,
        help="most actions a minute for the alerts of one source, from 1 to 6000",
    ),
    ConfigKey(
        key="actions.protected",
        type=list,
        shown_default="services without which nobody reaches the machine",
        help="paths of programs whose processes no action touches; they replace the default ones",
    ),
    ConfigKey(
        key="actions.protected_cgroups",
        type=list,
        shown_default="none",
        help="paths of cgroups (version 2) whose processes no action touches, with what is below them: `/system.slice`",
    ),
    ConfigKey(
        key="actions.protected_namespaces",
        type=list,
        shown_default="none",
        help="pid namespaces whose processes no action touches, by their inodes; `host` is that of the agent",
    ),
    ConfigKey(
        key="actions.define",
        type=object,
        shown_default="none",
        help="actions by names of your own, each with its `type`: `kill`, `stop`, `program`, `http`, or a plugin's",
    ),
    ConfigKey(
        key="actions.bind",
        type=object,
        shown_default="none",
        help="which alerts cause which actions: a list of `rules`, `tags`, or both, and `actions`",
    ),
)
