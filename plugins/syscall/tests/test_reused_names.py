"""A container that has the name of an earlier one is told with its own image, however soon it is started."""

from __future__ import annotations

import secrets

from container_runtimes import FIRST, Ctr, need

from falcohost.testing.images import IMAGE, write_image

OTHER = "localhost/falcohost/other:2"


def test_a_name_that_is_used_again(start_agent, bpf, tmp_path, soak):
    """Two images take turns under one name of ctr."""
    need("containerd", "containerd", "ctr", "runc", "busybox")
    write_image(tmp_path / "image.tar")
    (tmp_path / "rules.yaml").write_text(FIRST)
    runtime, name = Ctr(tmp_path, tmp_path / "image.tar"), f"falcohost-{secrets.token_hex(4)}"
    settings = {"load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    agent = start_agent(tmp_path / "rules.yaml", settings=settings)
    wanted, found = [], []
    try:
        with runtime.tagged(OTHER):
            for image in (IMAGE, OTHER) * soak(50, 2):
                mark = f"/etc/falcohost-first-{secrets.token_hex(4)}"
                runtime.execute("/bin/cat", mark, fails=True, name=name, image=image)
                fields = agent.wait_for(lambda alert, mark=mark: mark in str(alert))["output_fields"]
                wanted.append((name, image))
                found.append((fields["container.name"], fields["container.image"]))
    finally:
        runtime.close()

    assert wanted == found
