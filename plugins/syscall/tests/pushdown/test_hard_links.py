"""Watched files in the kernel: by whatever hard link they are opened, rules that name them fire, filtered or not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import random_events
from names_workload import MS_BIND, mount

from falcohost.engine.code.module import compile_condition
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls import EXIT
from falcohost_syscall.events import PID
from falcohost_syscall.fields import FIELDS
from falcohost_syscall.source import SyscallSource

GET = {field.name: field.get for field in FIELDS}
HERE = Path(__file__).parent
OPEN = "import os, sys\nos.close(os.open(sys.argv[1], 0))"
#: In a root directory of its own, into which the folder of the file is mounted: as a container with a volume.
INSIDE = f"""
import ctypes, os, sys
sys.path.append({str(HERE)!r})
from names_workload import *
folder, _, name = sys.argv[1].rpartition("/")
assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
mount("none", "/", MS_REC | MS_PRIVATE)
os.makedirs(folder + ".root/volume")
mount(folder, folder + ".root/volume", MS_BIND)
os.chroot(folder + ".root")
os.close(os.open("/volume/" + name, 0))"""


class Watcher:
    """A source that wants what matches *condition*, and what of a program's events does so."""

    def __init__(self, condition: str, **settings: object) -> None:
        expr = check(parse(f"evt.type = openat and {condition}"), random_events.CATALOG).expr
        wanted = check(parse(f"evt.type = {EXIT} or (evt.type = openat and {condition})"), random_events.CATALOG).expr
        self._matches = compile_condition(expr)
        self._source = SyscallSource({"falcohost": settings})
        self._source.open(Plan("syscall", frozenset({"openat", EXIT}), condition=wanted), None)
        self._batches = self._source.batches()
        next(self._batches)

    def names(self, path: Path, script: str = OPEN) -> list[tuple[str, str]]:
        """Run the script with *path*; return fd.name and fd.name.real of each event that matches."""
        process = subprocess.Popen([sys.executable, "-c", script, str(path)])
        found = []
        for batch in self._batches:
            for event in batch.events:
                if event.h[PID] != process.pid:
                    continue
                if event.type == EXIT:
                    assert process.wait() == 0
                    return found
                for view in filter(self._matches, (event, *(event.alternatives if batch.views else ()))):
                    found.append((GET["fd.name"](view, None), GET["fd.name.real"](view, None)))
        raise AssertionError

    def close(self) -> None:
        """Give up the source."""
        self._source.close()


@pytest.fixture(params=[True, False], ids=["filtered", "unfiltered"])
def watch(bpf, request) -> Iterator[type[Watcher]]:
    """Return a function that begins to watch, with filters in the kernel or without."""
    started = []

    def watch(condition: str, **settings: object) -> Watcher:
        started.append(Watcher(condition, pushdown=request.param, **settings))
        return started[-1]

    yield watch
    for watcher in started:
        watcher.close()


@pytest.fixture
def file(tmp_path) -> Path:
    """Return a file that has a second link, ``link`` beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("")
    (folder / "link").hardlink_to(folder / "file")
    return folder / "file"


@pytest.fixture
def link(file) -> Path:
    """Return that link."""
    return file.with_name("link")


@contextlib.contextmanager
def mounted(source: str, target: Path, kind: str, options: str) -> Iterator[None]:
    """Mount a file system for a while."""
    subprocess.run(["mount", "-t", kind, "-o", options, source, str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_hard_link(watch, file, link):
    """A rule that names the file fires when it is opened by the other link, and under the rule's name."""
    assert [(str(file), str(link))] == watch(f"fd.name = {file}").names(link)


@pytest.mark.parametrize(
    "condition", ["fd.name in ({file}, /x) and not fd.name startswith /tmp/x", "fd.name.watched = {file}"]
)
def test_conditions(watch, file, link, condition):
    """Lists name files too, and so does the field of watched names."""
    assert watch(condition.format(file=file)).names(link)


def test_by_its_own_name(watch, file):
    """Opened by the name that is watched, it has that name once."""
    assert [(str(file), str(file))] == watch(f"fd.name = {file}").names(file)


def test_name_by_name(watch, file, link):
    """No condition holds by half of one name and half of another."""
    condition = f"fd.name = {file} or fd.name = /x"

    assert [] == watch(f"({condition}) and fd.name endswith link").names(link)


def test_negation_names_no_file(watch, file, link):
    """A file that rules name to leave it out is not watched: the link stays seen under its own name alone."""
    watcher = watch(f"fd.directory = {file.parent} and not fd.name = {file}")

    assert [(str(link), str(link))] == watcher.names(link)


@pytest.mark.parametrize("settings", [{"watch_inodes": []}, {"names": "requested"}])
def test_switched_off(watch, file, link, settings):
    """Without watching, or with Falco's reading of names, the link is another file."""
    assert [] == watch(f"fd.name = {file}", **settings).names(link)


def test_paths_of_the_configuration(watch, file, link):
    """The configuration names files that rules name in some other way."""
    watcher = watch(f"fd.name startswith {file}", watch_inodes=[str(file)])

    assert [(str(file), str(link))] == watcher.names(link)


def test_more_than_one_name(watch, file, link):
    """A file that rules name by several paths has each of these names."""
    folder = file.parent
    folder.with_name("linked").symlink_to(folder)
    other = folder.with_name("linked") / "file"
    watcher = watch(f"fd.name in ({file}, {other})")

    assert [(str(file), str(link)), (str(other), str(link))] == watcher.names(link)  # in the order of the alphabet


def test_replaced_file(watch, file, link):
    """When another file takes the watched one's place, its links are seen, and those of the old one no more."""
    watcher = watch(f"fd.name = {file}")
    file.with_name("new").write_text("")
    file.with_name("new link").hardlink_to(file.with_name("new"))
    file.with_name("old link").hardlink_to(file)
    file.with_name("new").rename(file)
    time.sleep(0.6)

    assert [(str(file), str(file.with_name("new link")))] == watcher.names(file.with_name("new link"))
    assert [] == watcher.names(link)


def test_file_that_comes_later(watch, tmp_path):
    """A file that is not there at the start, nor is its folder, is watched a second after it is."""
    file, link = tmp_path / "folder" / "file", tmp_path / "link"
    watcher = watch(f"fd.name = {file}")
    file.parent.mkdir()
    file.write_text("")
    link.hardlink_to(file)
    time.sleep(1.3)

    assert [(str(file), str(link))] == watcher.names(link)


def test_many_links(watch, file):
    """Of a hundred links to a file each is the file."""
    links = [file.with_name(f"link {number}") for number in range(100)]
    for link in links:
        link.hardlink_to(file)
    script = "import os, sys\nfor n in range(100): os.close(os.open(f'{sys.argv[1]} {n}', 0))"

    assert [(str(file), str(link)) for link in links] == watch(f"fd.name = {file}").names(
        file.with_name("link"), script
    )


def test_in_other_mounts(watch, file, link):
    """Where the link is reached through a mount in another root directory, as in a container, it is the file."""
    assert [(str(file), "/volume/link")] == watch(f"fd.name = {file}").names(link, INSIDE)


@pytest.mark.parametrize("place", ["lower", "upper"])
def test_on_overlayfs(watch, tmp_path, place):
    """On overlayfs, where stat(2) tells other numbers than the kernel's objects have, a link is the file."""
    for name in ("lower", "top", "merged"):
        (tmp_path / name).mkdir()
    merged = tmp_path / "merged"
    with mounted("none", tmp_path / "top", "tmpfs", "mode=700"):
        for name in ("upper", "work"):
            (tmp_path / "top" / name).mkdir()
        made = tmp_path / "lower" if place == "lower" else tmp_path / "top" / "upper"
        (made / "file").write_text("")
        (made / "link").hardlink_to(made / "file")
        layers = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/top/upper,workdir={tmp_path}/top/work"
        with mounted("none", merged, "overlay", layers):
            names = watch(f"fd.name = {merged / 'file'}").names(merged / "link")

    assert [(str(merged / "file"), str(merged / "link"))] == names


def test_bound_folder(watch, file, link):
    """The path of a file that is watched may lead through a mount."""
    bound = file.parent.with_name("bound")
    bound.mkdir()
    mount(str(file.parent), str(bound), MS_BIND)
    try:
        names = watch(f"fd.name = {bound / 'file'}").names(link)
    finally:
        subprocess.run(["umount", str(bound)], check=True)

    assert [(str(bound / "file"), str(link))] == names
