"""One distribution holds every plugin: folder = extra = entry point = package, and the wheel works by itself."""

import tomllib
import zipfile
from email import message_from_bytes

import pytest

#: Files that are in the wheel because something reads them when falcohost runs.
DATA = ("*.bpf.o", "*.yaml", "*.lark", "py.typed", "running_code.txt", "packed_modules.txt")
#: The extras of what is no plugin: what unpacks gzip faster, and the endpoints and metrics.
OTHER_EXTRAS = ("gzip", "web")
LARGEST_OBJECT = 156_000
"""Compressed bytes; a repository keeps each version of an object (decision 0029)."""


@pytest.fixture(scope="module")
def project(root):
    """Return what pyproject.toml says."""
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def sources(root):
    """Return the names of the folders in plugins/."""
    return sorted(folder.name for folder in (root / "plugins").iterdir() if folder.is_dir())


@pytest.fixture(scope="module")
def packages(root):
    """Return the folder of each import package below the source roots."""
    places = ("core/*/__init__.py", "plugins/*/*/__init__.py", "rules/*/__init__.py")
    found = (file.parent for place in places for file in root.glob(place))
    return sorted(folder for folder in found if folder.name.startswith("falcohost"))


@pytest.fixture(scope="module")
def archive(wheel):
    """Return the wheel, opened."""
    with zipfile.ZipFile(wheel) as opened:
        yield opened


def metadata(archive, name):
    """Return the text of a file in the wheel's dist-info."""
    return archive.read(next(path for path in archive.namelist() if path.endswith(f".dist-info/{name}")))


def test_each_plugin_folder_has_its_package(sources, packages):
    """plugins/NAME holds falcohost_NAME, and no other package."""
    held = {folder.parent.name: folder.name for folder in packages if folder.parent.parent.name == "plugins"}

    assert held == {name: f"falcohost_{name}" for name in sources}


def test_each_plugin_has_an_extra(archive, sources):
    """The wheel offers an extra for each plugin, those of what is no plugin, and ``all``."""
    extras = message_from_bytes(metadata(archive, "METADATA")).get_all("Provides-Extra")

    assert sorted(extras) == sorted([*sources, *OTHER_EXTRAS, "all"])


def test_all_is_all(project, sources):
    """``falcohost[all]`` is every extra."""
    everything = project["project"]["optional-dependencies"]["all"]

    assert everything == [f"falcohost[{','.join(sorted([*sources, *OTHER_EXTRAS]))}]"]


def test_each_plugin_has_an_entry_point(archive, sources):
    """The wheel's entry points name each plugin's module, and no other."""
    lines = metadata(archive, "entry_points.txt").decode().split("[falcohost.plugins]")[1].split("[")[0].split("\n")

    assert sorted(line for line in lines if line) == [f"{name} = falcohost_{name}.plugin" for name in sources]


def test_wheel_has_every_package_and_nothing_else(archive, packages):
    """The wheel's top folders are the packages below the source roots."""
    top = {path.split("/")[0] for path in archive.namelist()}

    assert {name for name in top if not name.endswith(".dist-info")} == {folder.name for folder in packages}


@pytest.mark.parametrize("pattern", DATA)
def test_wheel_has_the_data(archive, packages, pattern):
    """Objects, rules, the grammar and the mark of types are in the wheel, as they are in the work tree."""
    there = {str(file.relative_to(folder.parent)) for folder in packages for file in folder.rglob(pattern)}

    assert there
    assert there - set(archive.namelist()) == set()


def test_objects_are_small(archive):
    """The object for each processor is compressed to no more than the limit."""
    sizes = {file.filename: file.compress_size for file in archive.infolist() if file.filename.endswith(".bpf.o")}

    assert len(sizes) == 3  # and on x86-64 the form for older kernels
    assert {name: size for name, size in sizes.items() if size > LARGEST_OBJECT} == {}


def test_every_package_is_typed(packages):
    """Each package says to type checkers that it has types."""
    assert [folder.name for folder in packages if not (folder / "py.typed").exists()] == []


def test_wheel_has_no_tests(archive):
    """No test and no tester program is installed with falcohost."""
    assert [path for path in archive.namelist() if "/tests/" in path or "/tester/" in path] == []


def test_installed_program_tells_its_version(installed, project):
    """``falcohost --version`` runs outside of the repository."""
    done = installed.run("falcohost", "--version")

    assert done.returncode == 0, done.stderr
    assert project["project"]["version"] in done.stdout


def test_installed_program_lists_fields(installed):
    """``falcohost fields`` finds the syscall plugin by its entry point and lists its fields."""
    done = installed.run("falcohost", "fields", "syscall")

    assert done.returncode == 0, done.stderr
    assert "proc.name" in done.stdout


def test_installed_package_is_not_the_work_tree(installed, root):
    """The wheel's copy is imported there."""
    done = installed.run("python", "-c", "import falcohost, falcohost_syscall; print(falcohost.__file__)")

    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(str(root))


def test_core_needs_no_test_library(installed):
    """Falcohost runs where pytest is not installed."""
    done = installed.run("python", "-c", "import falcohost, falcohost.cli, sys; print('pytest' in sys.modules)")

    assert done.stdout == "False\n", done.stderr
