"""With starts that are paused, containers of real runtimes that start at once are told with name and image."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from container_runtimes import FIRST, Docker, Podman, need, source_stats

from falcohost.testing.images import IMAGE, write_image
from falcohost.testing.waiting import wait_until

#: Those of which everything that this asks for is on disk.
PROGRAMS = {Docker: ("dockerd", "docker", "containerd"), Podman: ("podman",)}


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda one: one.type)
def test_many_at_once(kind, start_agent, bpf, tmp_path, soak):
    """Each has its own name, and pauses are counted: none has held up a start for longer than it may."""
    need(kind.type, *PROGRAMS[kind], "runc", "busybox")
    write_image(tmp_path / "image.tar")
    (tmp_path / "rules.yaml").write_text(FIRST)
    runtime = kind(tmp_path, tmp_path / "image.tar")
    try:
        plugin = {"name": "container", "init_config": {"engines": runtime.engines, "pause": {"enabled": True}}}
        settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
        agent = start_agent(tmp_path / "rules.yaml", settings=settings)
        marks = [f"/etc/falcohost-first-{secrets.token_hex(4)}" for _ in range(soak(20, 4))]
        with ThreadPoolExecutor(len(marks)) as threads:
            names = [*threads.map(lambda mark: runtime.execute("/bin/cat", mark, fails=True), marks)]
        told = [agent.wait_for(lambda alert, mark=mark: mark in str(alert))["output_fields"] for mark in marks]
    finally:
        runtime.close()

    assert [(name, IMAGE) for name in names] == [(one["container.name"], one["container.image"]) for one in told]
    wait_until(lambda: source_stats(agent)["of_lookups"]["containers: pauses"] >= 2 * len(marks))
    assert 2_000_000 > source_stats(agent)["of_lookups"]["containers: microseconds of the longest pause"]
