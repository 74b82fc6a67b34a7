"""The table of kernels is written from what pytest says in guests."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from falcohost.testing.skips import skip_or_fail

SAID = """
FAILED plugins/syscall/tests/drivers/test_entered.py::test_text[one / two] - assert (0, 256) == (-95, 256)
ERROR plugins/syscall/tests/test_e2e.py::test_public_rules - OSError
2 failed, 130 passed, 17 skipped, 1 error in 653.67s (0:10:53)
[  659.763201] sysrq: Power Off
"""

VERDICTS = ("PASSED", "PASSED", "SKIPPED", "FAILED", "ERROR")


@pytest.fixture(scope="module")
def page(root):
    """Return the generator of docs/kernels.md."""
    spec = importlib.util.spec_from_file_location("kernels_page", root / "docs" / "kernels_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run(page):
    """A row has the numbers of pytest's last line, with errors among the failures, and names what failed."""
    found = page.row("6.1.0-50-amd64", "kmod", SAID.splitlines())

    which = "`test_entered.py::test_text[one / two]`, `test_e2e.py::test_public_rules`"
    assert ("6.1.0-50-amd64", "kmod", "130", "17", "3", which) == found[:6]


def test_a_guest_that_does_not_end(page):
    """Of a guest that was ended before pytest was, the row has the tests that did, and says how many did not run."""
    said = [
        "collecting ... collected 9 items",
        "",
        *(f"tests/test_a.py::test_{what} {what} [ 11%]" for what in VERDICTS),
    ]

    assert ("2", "1", "2, 4 of 9 did not run", "`test_a.py::test_FAILED`, `test_a.py::test_ERROR`") == page.row(
        "6.1.0-50-amd64", "kmod", said
    )[2:6]
    assert ("0", "0", "0, did not end", "-") == page.row("6.1.0-50-amd64", "kmod", ["[ 7.79] reboot: Power down"])[2:6]


def test_one_test_that_fails_often(page):
    """A test that failed with more than three parameters is named once."""
    said = [f"ERROR tests/test_a.py::test_seen[{number}] - OSError" for number in range(4)]

    assert "`test_a.py::test_seen` (4 times)" == page.row("6.1", "kmod", [*said, "4 errors in 3.1s"]).which


def test_rows_of_other_kernels_stay(page, root):
    """A run takes the place of the former run of its kernel and driver, and leaves other rows; kernels are in order."""
    text = (root / "docs" / "kernels.md").read_text()
    rows = [page.Row(f"6.{minor}.0-1-amd64", "modern_ebpf", "1", "0", "0", "-", "2026-11-28") for minor in (12, 1, 9)]
    other = rows[0]._replace(driver="ebpf")
    former = page.written([*rows, other], text).replace("| 1 | 0 | 0 |", "| 7 | 0 | 0 |")
    later = page.written(rows[:1], former)

    (table,) = [part.partition(page.END)[0] for part in later.split(page.BEGIN)[1:]]
    ours = [line for line in table.splitlines() if "-1-amd64" in line]
    assert ["| 6.1.0", "| 6.9.0", "| 6.12.", "| 6.12."] == [line[:7] for line in ours]
    assert ["7", "7", "1", "7"] == [line.split(" | ")[2] for line in ours]
    assert later == page.written([], later)


def test_a_kernel_in_two_packages(page, tmp_path):
    """Since Linux 7, Debian has modules in a package apart; that of the same release beside it is unpacked, too."""
    files = {"binary-7.3.4-amd64": "vmlinuz", "modules-7.3.4-amd64": "9p.ko", "modules-7.2-amd64": "x"}
    for name, file in files.items():
        package = f"linux-{name}"
        folder = tmp_path / package
        path = folder / "usr/lib/modules" / name.partition("-")[2] / file
        path.parent.mkdir(parents=True)
        path.write_text(package)
        (folder / "DEBIAN").mkdir()
        control = {"Package": package, "Version": 1, "Architecture": "all", "Maintainer": "x", "Description": "x"}
        (folder / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in control.items()))
        subprocess.run(["dpkg-deb", "-b", folder, tmp_path / f"{package}_1_all.deb"], check=True)
    release, kernel = page.unpacked(tmp_path / "linux-binary-7.3.4-amd64_1_all.deb", tmp_path / "kernel")

    assert ("7.3.4-amd64", "vmlinuz") == (release, kernel.name)
    assert ["9p.ko", "vmlinuz"] == sorted(path.name for path in (tmp_path / "kernel").rglob("*") if path.is_file())


def test_modules_in_their_order(page, tmp_path):
    """A guest gets the modules that it needs, each after those that it needs itself, which say so."""
    kernel, disk = tmp_path / "kernel", tmp_path / "disk"
    needs = {"9p": "9pnet", "9pnet": "", "9pnet_virtio": "virtio,9pnet", "virtio_pci": "virtio-ring", "virtio-ring": ""}
    for folder in (kernel, disk):
        folder.mkdir()
    for name, needed in {**needs, "virtio": "virtio_ring", "other": "9p"}.items():
        (kernel / f"{name}.ko").write_bytes(b"\0license=GPL\0depends=%s\0name=x\0" % needed.encode())

    order = ["virtio_ring", "virtio_pci", "virtio", "9pnet", "9pnet_virtio", "9p"]
    assert order == page._put_modules(kernel, disk)
    assert sorted(order) == sorted(path.stem for path in disk.iterdir())


def test_functions_are_required(page, tmp_path):
    """On kernels whose functions show calls, a test that cannot use them fails; on others it is skipped."""
    asked = page.Asked("kmod", ["tests"], 1, 1, None, [])

    def required(release):
        return "fexit" in page.written_script(asked, release, tmp_path).read_text()

    assert [False, False, True, False] == [*map(required, ("5.10.0-46", "6.1.0-50", "6.12.117+deb13", "7.3.4+deb13"))]


def test_what_is_here_is_required_there(page, tmp_path, monkeypatch):
    """What lies beside the checkout is in the guest, too: a test that does not find it fails, and is not skipped."""
    asked = page.Asked("kmod", ["tests"], 1, 1, None, [])
    monkeypatch.setattr(page, "SHARED", tmp_path / "shared")

    def required():
        text = page.written_script(asked, "6.1.0-50", tmp_path).read_text()
        return text.partition("FALCOHOST_REQUIRE=")[2].partition("\n")[0]

    assert "" == required()
    (tmp_path / "shared/corpus").mkdir(parents=True)
    assert "corpus" == required()


def test_a_folder_that_would_hide_libraries(page, tmp_path, monkeypatch, capsys):
    """Files for a guest in a folder whose name is a link here are refused: nothing behind the link would be there."""
    if not Path("/lib").is_symlink():
        pytest.skip("/lib is no link here")
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr("sys.argv", ["script/kernels", "linux-image.deb", "--over", str(tmp_path)])

    with pytest.raises(SystemExit):
        page.main()
    assert f"{tmp_path}/lib would hide /lib, which is a link; move it to usr/lib" in capsys.readouterr().err


def test_a_guest_with_another_processor(page, root, tmp_path, monkeypatch):
    """It has files of its own and sees the checkout, whose .venv has the packages of its processor there.

    It does not see where a link beside the checkout leads: what is behind the link is put in its place.
    """
    monkeypatch.setattr(page, "SHARED", tmp_path / "shared")
    page.SHARED.symlink_to("elsewhere")
    if shutil.which("cpio") is None:
        skip_or_fail("kernel", "cpio is missing, which a guest needs: script/setup --all installs it")
    system, given = tmp_path / "system", tmp_path / "given"
    for folder in (system / "usr/bin", given, tmp_path / "kernel"):
        folder.mkdir(parents=True)
    (system / "usr/bin/busybox").write_text("of another processor")
    (system / "usr/bin/busybox").chmod(0o755)
    (given / "script").write_text("")
    page.made_guest(tmp_path, given, system)

    disk = tmp_path / "disk"
    assert "of another processor" == (disk / "bin/busybox").read_text()
    assert f"mount --bind /new/opt/venv /new{root}/.venv\n" in (disk / "init").read_text()
    assert f" linked /new{page.SHARED}\n" in (disk / "init").read_text()
    assert (disk / "given/script").exists()


def test_what_a_package_is_for(page):
    """The architecture is in a package's name; what runs on any is run on this machine's."""
    names = (
        "linux-image-6.12.1-arm64_6.12.1-1_arm64.deb",
        "linux-image-6.12.1-amd64_6.12.1-1_amd64.deb",
        "l_1_all.deb",
    )

    assert ["arm64", "amd64", page.HERE] == [page.architecture(Path(name)) for name in names]
