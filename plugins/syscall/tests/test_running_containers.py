"""Containers that run when the agent starts are known by name and image with their first event."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

from container_runtimes import Ctr, need

from falcohost.testing.images import IMAGE, write_image

RULES = """
- rule: Goes on
  desc: A container that runs already reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /out/falcohost-go and container.id != host
  output: goes on | %container.full_id %container.name %container.image
  priority: NOTICE
"""


def test_containers_that_run_already(start_agent, bpf, tmp_path, soak):
    """All of them are, whatever number there is; what they do first after the start waits for no runtime."""
    need("containerd", "containerd", "ctr", "runc", "busybox")
    write_image(tmp_path / "image.tar")
    (tmp_path / "rules.yaml").write_text(RULES)
    go = f"falcohost-go-{secrets.token_hex(4)}"
    script = f"until cat /out/{go} 2>/dev/null; do sleep 0.2; done; sleep 1000"
    runtime = Ctr(tmp_path, tmp_path / "image.tar")
    try:
        with ThreadPoolExecutor(4) as threads:
            names = list(threads.map(lambda _: runtime.begin(script, tmp_path), range(soak(50, 5))))
        agent = start_agent(tmp_path / "rules.yaml", settings={"load_plugins": ["container"]})
        (tmp_path / go).touch()
        found = {
            name: agent.wait_for(lambda alert, name=name: alert["output_fields"].get("container.full_id") == name)
            for name in names
        }
        for name in names:
            runtime.end(name)
    finally:
        runtime.close()

    assert dict.fromkeys(names, IMAGE) == {
        alert["output_fields"]["container.name"]: alert["output_fields"]["container.image"] for alert in found.values()
    }
