"""What containers do that a runtime inside of another container has started: told with their own names and images."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from container_runtimes import NAMESPACE, Ctr, Docker, Podman, need

from falcohost.testing.images import IMAGE, write_image

FIRST = "/etc/falcohost-first"
RULES = f"""
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith {FIRST} and container.id != host
  output: first | %fd.name %container.full_id %container.type %container.name %container.image %container.outer
  priority: NOTICE
"""

#: What of this machine an outer container has: programs, libraries, and what podman needs to know.
SHARED = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64", "/etc/containers": "/etc/containers"}
#: A user of the machine.
USER = 54_321
CGROUPS = "/sys/fs/cgroup"
BEGIN = "export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin; mkdir -p /var/tmp /run /tmp\n"

#: podman and docker in a container, which keep everything in the usual places unless *more* is said. Where that is no
#: volume, it is known once something has been told of one of the inner containers: the first one stays.
PODMAN = "podman --runtime runc --storage-driver vfs --cgroup-manager cgroupfs --events-backend file {more}"
IN_PODMAN = f"""{PODMAN} load -q -i /out/image.tar
cat {FIRST}-{{name}}
{PODMAN} run --network none {{parent}} {IMAGE} /bin/cat {FIRST}-{{name}}-stays; sleep 2
for mark in {{marks}}; do
    {PODMAN} run --rm --name inner-$mark --network none {{parent}} {IMAGE} /bin/cat {FIRST}-$mark
done
"""
IN_DOCKER = f"""dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs > /out/log 2>&1 &
until docker version > /dev/null 2>&1; do sleep 0.1; done
docker load -q -i /out/image.tar
cat {FIRST}-{{name}}
for mark in {{marks}}; do docker run --rm --name inner-$mark --network none {IMAGE} /bin/cat {FIRST}-$mark; done
kill $!; wait
"""


class Told(NamedTuple):
    """What is told of a container."""

    type: str
    name: str | None
    image: str | None
    outer: str


@pytest.fixture
def tell(start_agent, tmp_path) -> Callable[[object], Callable[[str], dict[str, Any]]]:
    """Return a function that starts an agent, and returns a function that returns what is told of a mark."""

    def tell(engines: object) -> Callable[[str], dict[str, Any]]:
        (tmp_path / "rules.yaml").write_text(RULES)
        plugin = {"name": "container", "init_config": {"engines": engines}}
        settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
        agent = start_agent(tmp_path / "rules.yaml", settings=settings)
        return lambda mark: agent.wait_for(lambda alert: f"{FIRST}-{mark}" in str(alert))["output_fields"]

    return tell


def begin(runtime: Any, name: str, folder: Path, script: str, *volumes: str) -> None:
    """Run a script in a privileged container that has *folder* as /out, and programs of this machine."""
    write_image(folder / "image.tar")
    shell = ("/bin/sh", "-c", BEGIN + script)
    if isinstance(runtime, Ctr):
        mounts = [f"type=bind,src={source},dst={to},options=rbind:ro" for source, to in SHARED.items()]
        mounts += [
            f"type=bind,src={source},dst={to},options=rbind:rw" for source, to in ((folder, "/out"), (CGROUPS,) * 2)
        ]
        runtime.do(
            "run",
            "--rm",
            "--snapshotter",
            "native",
            "--privileged",
            *(f"--mount={one}" for one in mounts),
            IMAGE,
            name,
            *shell,
        )
        return
    mounts = [*(f"-v{source}:{to}:ro" for source, to in SHARED.items()), f"-v{folder}:/out", *volumes]
    runtime.do("run", "--rm", "--name", name, "--privileged", "--network", "none", *mounts, IMAGE, *shell, fails=True)


@pytest.fixture
def cgroup() -> Iterator[Callable[[str, str], Path]]:
    """Return a function that makes a cgroup of version 2 among those of a user, by their names or their owner."""
    root = next(one for one in (Path(CGROUPS, "unified"), Path(CGROUPS)) if (one / "cgroup.procs").exists())
    made: list[Path] = []

    def cgroup(around: str, name: str) -> Path:
        place = Path(around, name)
        made.extend(root / one for one in [place, *place.parents[:-1]] if not (root / one).exists())
        (root / place).mkdir(parents=True)
        if str(USER) not in around:
            os.chown(root / around, USER, USER)
        return root / place

    yield cgroup
    for one in made:
        one.rmdir()


@pytest.mark.parametrize(
    "around", [f"user.slice/user-{USER}.slice/user@{USER}.service", "system.slice/falcohost-delegated.service"]
)
def test_a_users_cgroup_named_like_a_container(runtime_of, tell, tmp_path, cgroup, around):
    """Who may name a cgroup like that of a container which runs is not told as that one's image."""
    runtime, mark = runtime_of(Docker), secrets.token_hex(4)
    ident = runtime.do("run", "-d", "--network", "none", IMAGE, "/bin/sleep", "1000").strip()
    try:
        place = cgroup(around, f"docker-{ident}.scope")
        told = tell(runtime.engines)
        shell = f"echo 0 > {place}/cgroup.procs; exec setpriv --reuid {USER} --clear-groups cat {FIRST}-{mark}"
        subprocess.run(["/bin/sh", "-c", shell], capture_output=True)
        fields = told(mark)
    finally:
        runtime.do("rm", "-f", ident)

    assert Told("docker", None, None, f"user/{USER}") == Told(*(fields[f"container.{key}"] for key in Told._fields))


CASES = {
    "podman in podman, with a volume": (Podman, IN_PODMAN, ("-v/var/lib/containers",), ""),
    "podman in podman": (Podman, IN_PODMAN, (), ""),
    "podman in containerd": (Ctr, IN_PODMAN, (), ""),
    "docker in docker": (Docker, IN_DOCKER, ("-v/var/lib/docker",), ""),
    "podman in podman, elsewhere": (Podman, IN_PODMAN, (), "--root /out/root"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_instruction(runtime_of, tell, tmp_path, soak, case):
    """It is told with the inner one's name and image where these are known, else with those of the outer one."""
    kind, script, volumes, more = CASES[case]
    runtime = runtime_of(kind)
    inner = "docker" if script is IN_DOCKER else "podman"
    told = tell(runtime.engines)
    for _ in range(soak(10, 1)):
        name, marks = f"falcohost-{secrets.token_hex(4)}", [secrets.token_hex(4) for _ in range(soak(10, 2))]
        parent = f"--cgroup-parent=/{NAMESPACE}/{name}" if kind is Ctr else ""  # it sees all cgroups of the machine
        said = {"name": name, "marks": " ".join(marks), "more": more, "parent": parent}
        begin(runtime, name, tmp_path, script.format(**said), *volumes)
        around, *within = (told(mark) for mark in (name, *marks))
        found = [Told(*(fields[f"container.{key}"] for key in Told._fields)) for fields in within]
        ids = {around["container.full_id"], *(fields["container.full_id"] for fields in within)}
        outer = f"{kind.type}/{around['container.full_id']}"

        assert Told(kind.type, name, IMAGE, "") == Told(*(around[f"container.{key}"] for key in Told._fields))
        assert [Told(inner, *((name, IMAGE) if more else (f"inner-{mark}", IMAGE)), outer) for mark in marks] == found
        assert len(ids) == 1 + len(marks)


#: Bare runc, and crun, in a container.
IN_BARE = f"""mkdir -p /bundle/rootfs/bin; cp /bin/cat /bundle/rootfs/bin/; cd /bundle
cat {FIRST}-{{name}}
for mark in {{marks}}; do
    rm -f config.json; runc spec
    sed -i "s|\\"terminal\\": true|\\"terminal\\": false|; s|\\"sh\\"|\\"/bin/cat\\",\\"{FIRST}-$mark\\"|" config.json
    {{program}} run inner-$mark
done
"""


@pytest.mark.parametrize("kind", [Docker, Podman])
@pytest.mark.parametrize("program", ["runc", "crun"])
def test_bare_containers(runtime_of, tell, tmp_path, soak, kind, program):
    """A container that runc or crun has started in another is one of its own, with the name and image of that one."""
    need("crun", program, "runc")
    runtime = runtime_of(kind)
    told = tell(runtime.engines)
    name, marks = f"falcohost-{secrets.token_hex(4)}", [secrets.token_hex(4) for _ in range(soak(20, 2))]
    begin(runtime, name, tmp_path, IN_BARE.format(name=name, marks=" ".join(marks), program=program))
    around, *within = (told(mark) for mark in (name, *marks))
    found = [(one["container.full_id"], one["container.type"], one["container.outer"]) for one in within]
    named = {(one["container.name"], one["container.image"]) for one in within}

    assert [(f"inner-{mark}", "runc", f"{kind.type}/{around['container.full_id']}") for mark in marks] == found
    assert {(name, IMAGE)} == named


#: Who is root in a container makes cgroups below its own, in all hierarchies, and goes into them. The container stays
#: for a moment: paths that are too long for the kernel are known by what a process came from only.
IN_CGROUPS = f"""enter() {{{{
    while IFS=: read -r number name path; do
        at={CGROUPS}/${{{{name#name=}}}}
        if [ "$number" = 0 ]; then at={CGROUPS}/unified; [ -d $at ] || at={CGROUPS}; fi
        at=$at$path
        [ "$name" != cpuset ] || echo 1 > $at/cgroup.clone_children
        mkdir -p "$at/$1"
        echo 0 > "$at/$1/cgroup.procs"
    done < /proc/self/cgroup
}}}}
cat {FIRST}-{{name}}
for below in {{below}}; do (enter $below; exec cat {FIRST}-{{name}}-$(echo $below | tail -c 9)); done
sleep 5
"""
BELOW = {
    "host-nsp": "machine.slice/machine-host.scope/host-nsp",
    "host-lxc": "lxc/host/host-lxc",
    "deeper20": "d/" * 20 + "deeper20",
    "deeper70": "d/" * 70 + "deeper70",
    "long-one": f"{'n' * 250}/" * 15 + "long-one",
}


def test_cgroups_that_root_in_a_container_makes(runtime_of, tell, tmp_path):
    """Whatever they are called and however many are below one another, they are the container's."""
    runtime, name = runtime_of(Podman), f"falcohost-{secrets.token_hex(4)}"
    told = tell(runtime.engines)
    script = IN_CGROUPS.format(name=name, below=" ".join(BELOW.values()))
    begin(runtime, name, tmp_path, script, f"-v{CGROUPS}:{CGROUPS}", "--cgroupns=host")
    around = told(name)
    found = {mark: told(f"{name}-{mark}") for mark in BELOW}

    assert Told("podman", name, IMAGE, "") == Told(*(around[f"container.{key}"] for key in Told._fields))
    for mark, fields in found.items():
        keys = ("full_id", "name", "image", "type")
        assert (mark, *(around[f"container.{key}"] for key in keys)) == (
            mark,
            *(fields[f"container.{key}"] for key in keys),
        )


def test_a_cgroup_that_root_in_a_container_calls_like_lxc(runtime_of, tell, tmp_path):
    """It keeps the image of the container that it is in, by which rules may know it."""
    runtime, name = runtime_of(Podman), f"falcohost-{secrets.token_hex(4)}"
    told = tell(runtime.engines)
    script = IN_CGROUPS.format(name=name, below="lxc/an-inner")
    begin(runtime, name, tmp_path, script, f"-v{CGROUPS}:{CGROUPS}", "--cgroupns=host")
    around, inner = told(name), told(f"{name}-an-inner")

    assert Told("lxc", name, IMAGE, f"podman/{around['container.full_id']}") == Told(
        *(inner[f"container.{key}"] for key in Told._fields)
    )
