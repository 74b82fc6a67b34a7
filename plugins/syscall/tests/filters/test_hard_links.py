"""Watched files in the kernel: by whatever hard link they are opened, rules that name them fire, filtered or not."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from names_workload import MS_BIND, mount

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until

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


@pytest.fixture
def last(tmp_path) -> Path:
    """Return a file that has a second link, behind all others in the alphabet."""
    (tmp_path / "~").write_text("")
    (tmp_path / "~link").hardlink_to(tmp_path / "~")
    return tmp_path / "~"


@pytest.fixture
def watch(watch_names, last) -> Callable[..., Callable[..., list[tuple[str, str]]]]:
    """Return a function that begins to watch opens; what it returns runs a script, and returns names that match."""

    def watch(condition: str, **settings: object) -> Callable[..., list[tuple[str, str]]]:
        watcher = watch_names("openat", f"({condition}) or fd.name = {last}", **settings)

        def opened(path: Path, script: str = OPEN) -> list[tuple[str, str]]:
            return watcher.names(script, path, "fd.name", "fd.name.real")

        if not settings:  # it reads already, and looks for files of new rules in its own time; this one comes last
            wait_until(lambda: opened(last.with_name("~link")) == [(str(last), f"{last.parent}/~link")])
        return opened

    return watch


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
    assert [(str(file), str(link))] == watch(f"fd.name = {file}")(link)


def test_in_a_folder_that_no_rule_wants(watch, file):
    """That other files in a folder are left out without a look at their names does not hide a link in it."""
    folder = file.parent.with_name("other")
    folder.mkdir()
    (folder / "other").write_text("")
    (folder / "link").hardlink_to(file)
    opened = watch(f"fd.name = {file}")
    for _ in range(3):
        assert [] == opened(folder / "other")

    assert [(str(file), f"{folder}/link")] == opened(folder / "link")


@pytest.mark.parametrize(
    "condition", ["fd.name in ({file}, /x) and not fd.name startswith /tmp/x", "fd.name.watched = {file}"]
)
def test_conditions(watch, file, link, condition):
    """Lists name files too, and so does the field of watched names."""
    assert watch(condition.format(file=file))(link)


def test_by_its_own_name(watch, file):
    """Opened by the name that is watched, it has that name once."""
    assert [(str(file), str(file))] == watch(f"fd.name = {file}")(file)


def test_name_by_name(watch, file, link):
    """No condition holds by half of one name and half of another."""
    condition = f"fd.name = {file} or fd.name = /x"

    assert [] == watch(f"({condition}) and fd.name endswith link")(link)


def test_negation_names_no_file(watch, file, link):
    """A file that rules name to leave it out is not watched: the link stays seen under its own name alone."""
    opened = watch(f"fd.directory = {file.parent} and not fd.name = {file}")

    assert [(str(link), str(link))] == opened(link)


@pytest.mark.parametrize("settings", [{"watch_inodes": []}, {"names": "requested"}])
def test_switched_off(watch, file, link, settings):
    """Without watching, or with Falco's reading of names, the link is another file."""
    assert [] == watch(f"fd.name = {file}", **settings)(link)


def test_paths_of_the_configuration(watch, file, link):
    """The configuration names files that rules name in some other way."""
    opened = watch(f"fd.name startswith {file}", watch_inodes=[str(file)])

    assert [(str(file), str(link))] == opened(link)


def test_more_than_one_name(watch, file, link):
    """A file that rules name by several paths has each of these names."""
    folder = file.parent
    folder.with_name("linked").symlink_to(folder)
    other = folder.with_name("linked") / "file"
    opened = watch(f"fd.name in ({file}, {other})")

    assert [(str(file), str(link)), (str(other), str(link))] == opened(link)  # in the order of the alphabet


def test_replaced_file(watch, file, link):
    """When another file takes the watched one's place, its links are seen, and those of the old one no more."""
    opened = watch(f"fd.name = {file}")
    file.with_name("new").write_text("")
    file.with_name("new link").hardlink_to(file.with_name("new"))
    file.with_name("old link").hardlink_to(file)
    file.with_name("new").rename(file)

    wait_until(lambda: [(str(file), str(file.with_name("new link")))] == opened(file.with_name("new link")))
    assert [] == opened(link)


def test_file_that_comes_later(watch, tmp_path):
    """A file that is not there at the start, nor is its folder, is watched soon after it is."""
    file, link = tmp_path / "folder" / "file", tmp_path / "link"
    opened = watch(f"fd.name = {file}")
    file.parent.mkdir()
    file.write_text("")
    link.hardlink_to(file)

    wait_until(lambda: [(str(file), str(link))] == opened(link))


def test_many_links(watch, file):
    """Of a hundred links to a file each is the file."""
    links = [file.with_name(f"link {number}") for number in range(100)]
    for link in links:
        link.hardlink_to(file)
    script = "import os, sys\nfor n in range(100): os.close(os.open(f'{sys.argv[1]} {n}', 0))"

    assert [(str(file), str(link)) for link in links] == watch(f"fd.name = {file}")(file.with_name("link"), script)


def test_in_other_mounts(watch, file, link):
    """Where the link is reached through a mount in another root directory, as in a container, it is the file."""
    assert [(str(file), "/volume/link")] == watch(f"fd.name = {file}")(link, INSIDE)


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
            names = watch(f"fd.name = {merged / 'file'}")(merged / "link")

    assert [(str(merged / "file"), str(merged / "link"))] == names


@pytest.mark.parametrize("place", ["lower", "upper"])
def test_layer_of_an_overlay(watch, tmp_path, place):
    """A file with one link is the file too where an overlay shows it whose layer is the file's folder."""
    for name in ("top", "merged", "empty"):
        (tmp_path / name).mkdir()
    with mounted("none", tmp_path / "top", "tmpfs", "mode=700"):
        for name in ("folder", "work"):
            (tmp_path / "top" / name).mkdir()
        folder = tmp_path / "top" / "folder"
        (folder / "file").write_text("")
        layers = f"lowerdir={folder}:{tmp_path}/empty"
        if place == "upper":
            layers = f"lowerdir={tmp_path}/empty,upperdir={folder},workdir={tmp_path}/top/work"
        with mounted("none", tmp_path / "merged", "overlay", layers):
            names = watch(f"fd.name = {folder / 'file'}")(tmp_path / "merged" / "file")

    assert [(str(folder / "file"), str(tmp_path / "merged" / "file"))] == names


@pytest.mark.parametrize(("device", "other"), [("/dev/zero", "/dev/null"), ("/dev/loop0", "/dev/loop1")])
def test_device(watch, tmp_path, device, other):
    """A device is the same by whatever node it is opened, and no other is."""
    if not Path(device).exists():
        skip_or_fail("loop", f"there is no {device}")
    folder = tmp_path / "nodes"
    folder.mkdir()
    with mounted("none", folder, "tmpfs", "mode=700,dev"):
        for name, path in (("node", device), ("other", other)):
            status = Path(path).stat()
            os.mknod(folder / name, status.st_mode, status.st_rdev)
        opened = watch(f"fd.name = {device}")
        names = opened(folder / "node")
        others = opened(folder / "other")

    assert [(device, str(folder / "node"))] == names
    assert [] == others


def test_bound_folder(watch, file, link):
    """The path of a file that is watched may lead through a mount."""
    bound = file.parent.with_name("bound")
    bound.mkdir()
    mount(str(file.parent), str(bound), MS_BIND)
    try:
        names = watch(f"fd.name = {bound / 'file'}")(link)
    finally:
        subprocess.run(["umount", str(bound)], check=True)

    assert [(str(bound / "file"), str(link))] == names
