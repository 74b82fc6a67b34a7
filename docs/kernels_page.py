"""Runs tests on other kernels, each in a QEMU guest, and writes what came of it into docs/kernels.md.

A guest sees this machine's files, read-only by 9p with an overlay in memory, so that it has the same Python, checkout
and libbpf; its /tmp and /run are its own. Without KVM it is emulated, on one processor, and takes minutes.
"""

from __future__ import annotations

import argparse
import lzma
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "kernels.md"
BEGIN: Final = "<!-- kernels: written by script/kernels -->"
END: Final = "<!-- end of kernels -->"
HEAD: Final = ("kernel", "passed", "skipped", "failed", "which failed", "seen")

DRIVERS: Final = "plugins/syscall/tests/drivers"
#: What is run if nothing else is named: the probe, calls of 32 bits, whole agents.
TESTS: Final = (
    *(f"{DRIVERS}/test_{name}.py" for name in ("probe_compat", "probe_processes", "entered", "hooks")),
    "plugins/syscall/tests/test_e2e.py",
)
#: Modules that a guest needs for its files, in the order in which they depend on each other; kernels lack some of them.
MODULES: Final = (
    *("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("netfs", "fscache", "9pnet", "9pnet_virtio", "9p", "overlay"),
)
INIT: Final = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module.ko; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || poweroff -f
mount -t tmpfs -o size=1500m tmpfs /up; mkdir /up/upper /up/work
mount -t overlay -o lowerdir=/host,upperdir=/up/upper,workdir=/up/work overlay /new || poweroff -f
for one in proc sys dev; do mount --move /$one /new/$one; done
mkdir -p /new/dev/shm /new/dev/pts
for one in dev/shm tmp run; do mount -t tmpfs tmpfs /new/$one; done
mount -t devpts devpts /new/dev/pts
mount -t tracefs none /new/sys/kernel/tracing; mount -t bpf none /new/sys/fs/bpf
mount -t cgroup2 none /new/sys/fs/cgroup
ip link set lo up
exec switch_root /new /bin/bash {script}
"""
SCRIPT: Final = """export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export FALCOHOST_SLOWNESS={slowness} PYTHONDONTWRITEBYTECODE=1
ulimit -n 65536; cd {root}
.venv/bin/python -m pytest -v -n0 -p no:cacheprovider --color=no --timeout=1200 --basetemp=/tmp/t -rsfE {tests}
echo o > /proc/sysrq-trigger; sleep 60
"""


class Row(NamedTuple):
    """What came of the tests on one kernel."""

    kernel: str
    passed: str
    skipped: str
    failed: str
    which: str
    seen: str


def made_guest(package: Path, folder: Path, script: Path) -> tuple[str, Path, Path]:
    """Unpack a kernel's Debian *package*; return its release, the kernel, and an initial ramdisk that runs *script*."""
    unpacked, disk = folder / "kernel", folder / "disk"
    subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
    (kernel,) = (unpacked / "boot").glob("vmlinuz-*")
    for name in ("bin", "dev", "host", "modules", "new", "proc", "sys", "up"):
        (disk / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or sys.exit("busybox is missing: apt install busybox-static"), disk / "bin")
    found = [name for name in MODULES if _put_module(unpacked, name, disk / "modules")]
    init = disk / "init"
    init.write_text(INIT.format(modules=" ".join(found), script=script))
    init.chmod(0o755)
    image = folder / "disk.gz"
    pack = f"find . | cpio --quiet -o -H newc | gzip -1 > {shlex.quote(str(image))}"
    subprocess.run(["sh", "-c", pack], cwd=disk, check=True)
    return kernel.name.removeprefix("vmlinuz-"), kernel, image


def _put_module(unpacked: Path, name: str, folder: Path) -> bool:
    """Put the kernel module of that name into *folder*; return False if the kernel has none."""
    for path in unpacked.rglob(f"{name}.ko*"):
        data = path.read_bytes()
        (folder / f"{name}.ko").write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
        return True
    return False


def ran(package: Path, tests: list[str], seconds: float, slowness: int) -> Row:
    """Return what came of *tests* on the kernel in *package*; print what the guest prints."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # a guest has another /tmp
        folder = Path(name)
        script = folder / "script"
        script.write_text(SCRIPT.format(slowness=slowness, root=shlex.quote(str(ROOT)), tests=shlex.join(tests)))
        release, kernel, image = made_guest(package, folder, script)
        command = [
            *("qemu-system-x86_64", "-cpu", "max", "-m", "3000", "-smp", "1", "-nographic", "-no-reboot"),
            *("-kernel", kernel, "-initrd", image, "-append", "console=ttyS0 quiet mitigations=off panic=-1"),
            *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
        ]
        print(f"{release}:", flush=True)
        said = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as guest:
            assert guest.stdout is not None
            timer = threading.Timer(seconds, guest.kill)
            timer.start()
            for line in guest.stdout:
                said.append(line.decode(errors="replace").rstrip())
                print("   ", said[-1], flush=True)
            timer.cancel()
    return row(release, said)


def row(release: str, said: list[str]) -> Row:
    """Return the row of what pytest has *said*."""
    last = next((line for line in reversed(said) if re.search(r"\d+ (passed|failed|error).* in ", line)), "")
    counts = {what.rstrip("s"): number for number, what in re.findall(r"(\d+) (passed|skipped|failed|errors?)", last)}
    which = [line.split()[1].rpartition("/")[2] for line in said if line.startswith(("FAILED ", "ERROR "))]
    failed = str(int(counts.get("failed", 0)) + int(counts.get("error", 0))) if last else "did not end"
    names = ", ".join(f"`{one}`" for one in which) or "-"
    return Row(release, counts.get("passed", "0"), counts.get("skipped", "0"), failed, names, time.strftime("%Y-%m-%d"))


def written(rows: list[Row], text: str) -> str:
    """Return the page's *text* with these rows, in place of former ones of the same kernels."""
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    former = [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in table.split("\n")[3:] if line]
    new = {one.kernel: one for one in (*former, *rows)}
    ordered = sorted(new.values(), key=lambda one: [int(part) for part in re.findall(r"\d+", one.kernel)[:4]])
    lines = [HEAD, ["---"] * len(HEAD), *ordered]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Run the tests on each kernel, then write the page."""
    parser = argparse.ArgumentParser(prog="script/kernels", description=__doc__.splitlines()[0])
    parser.add_argument(
        "packages", nargs="+", type=Path, metavar="PACKAGE", help="linux-image-*.deb, as Debian has them"
    )
    parser.add_argument("--tests", nargs="+", default=list(TESTS), help="what pytest is to run, in place of the usual")
    parser.add_argument("--seconds", type=float, default=7200.0, help="after which a guest is ended")
    parser.add_argument("--slowness", type=int, default=10, help="FALCOHOST_SLOWNESS in the guest")
    given = parser.parse_args()
    rows = [ran(package, given.tests, given.seconds, given.slowness) for package in given.packages]
    if given.tests == list(TESTS):
        PAGE.write_text(written(rows, PAGE.read_text()))
    for one in rows:
        print(" ".join(one))
    sys.exit(any(one.failed != "0" for one in rows))


if __name__ == "__main__":
    main()
