"""Profiles: which of the rules that come with falcohost are enabled, by the maturity in their tags.

The tags are those of Falco's own rules: ``maturity_stable`` seldom raises an alert without a reason,
``maturity_incubating`` does where such things are done every day, ``maturity_sandbox`` is for looking around. A rule
without such a tag is stable.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.rules.selection import Selection

#: By profile the tags of the rules that it leaves out.
PROFILES = {
    "default": ("maturity_incubating", "maturity_sandbox"),
    "wide": ("maturity_sandbox",),
    "all": (),
}


def left_out(profile: str, shipped: Iterable[str]) -> tuple[Selection, ...]:
    """Return what switches off the rules in the files *shipped* that are not in *profile*; rules of users stay."""
    files = tuple(sorted(shipped))
    return tuple(Selection(enable=False, tag=tag, files=files) for tag in PROFILES[profile] if files)
