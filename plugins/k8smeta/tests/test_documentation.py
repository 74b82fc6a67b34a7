"""The examples in docs/kubernetes.md: a real API server takes them, and falcohost takes the configuration in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from accounts import BLOCK, documented

from falcohost.testing.kube import manifests


@pytest.fixture(scope="module")
def daemon(root):
    """Return the daemon set and the configuration beside it, by kind."""
    return {one["kind"]: one for one in manifests(documented(root, "DaemonSet"))}


def test_the_api_server_takes_them(kube, config, daemon):
    """The account was made of them; the daemon set and its configuration are made as they are."""
    kube.ask("POST", "api/v1/namespaces/falcohost/configmaps", daemon["ConfigMap"])
    made = kube.apply(daemon["DaemonSet"])

    assert "falcohost" == made["spec"]["template"]["spec"]["serviceAccountName"]


def test_the_daemon_set_fits(daemon):
    """It mounts what its configuration names, and sets the variables that the plugin reads."""
    (container,) = daemon["DaemonSet"]["spec"]["template"]["spec"]["containers"]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}

    assert {one["name"] for one in container["env"]} == {"FALCOHOST_NODE_NAME", "HOST_ROOT"}
    assert set(mounts) == {one["name"] for one in daemon["DaemonSet"]["spec"]["template"]["spec"]["volumes"]}
    assert f"{mounts['config']}/falcohost.yaml" in container["args"]


def test_falcohost_takes_the_configuration(daemon, tmp_path):
    """Its configuration and its rule are valid."""
    for name, text in daemon["ConfigMap"]["data"].items():
        (tmp_path / name).write_text(text.replace("/etc/falcohost", str(tmp_path)))
    program = Path(sys.executable).parent / "falcohost"
    command = [program, "-c", tmp_path / "falcohost.yaml", "-V", tmp_path / "kubernetes.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert '"warnings":[]' in done.stdout


def test_all_blocks_are_tested(root):
    """There is no other example."""
    assert 2 == len(BLOCK.findall((root / "docs" / "kubernetes.md").read_text()))
