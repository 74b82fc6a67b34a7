"""Runs tests on other kernels, each in a QEMU guest, and writes what came of it into docs/kernels.md.

A guest sees this machine's files, read-only by 9p with an overlay in memory, so that it has the same Python, checkout
and libbpf; its /tmp and /run are its own. Without KVM it is emulated, on one processor, and takes minutes. A guest with
another processor has the files of a Debian for that one instead, and sees only the checkout and what is beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import lzma
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "kernels.md"
#: Public rules, and techniques against the agent, which are no part of the repository.
SHARED: Final = ROOT.parent / "shared"
BEGIN: Final = "<!-- kernels: written by script/kernels -->"
END: Final = "<!-- end of kernels -->"
HEAD: Final = ("kernel", "driver", "passed", "skipped", "failed", "which failed", "seen")

DRIVERS: Final = "plugins/syscall/tests/drivers"
#: Whole agents: what they do, and the triggers of all public rules.
AGENTS: Final = tuple(f"plugins/syscall/tests/test_{name}.py" for name in ("e2e", "public_rules"))
#: What the table says behind a driver that loads by types from a file.
BY_FILE: Final = ", BTF file"
#: By driver: what is run if nothing else is named. Of the probe: its loading, where calls are seen, calls of 32 bits.
TESTS: Final = {
    "modern_ebpf": (
        *(f"{DRIVERS}/test_{name}.py" for name in ("ahead", "functions", "held", "probe_compat", "probe_processes")),
        *(f"{DRIVERS}/test_{name}.py" for name in ("entered", "hooks")),
        *AGENTS,
        "plugins/syscall/tests/test_shared_evasions.py",
        "plugins/syscall/tests/test_set_clock.py",
    ),
    "kmod": AGENTS,
    "ebpf": AGENTS,
}
#: Where a kernel describes its types.
OWN_TYPES: Final = Path("/sys/kernel/btf/vmlinux")
#: Debian's kernels at whose functions programs can stand: here, no test may be skipped for that. The second is the
#: first one that may preempt lazily, which forbids it.
WITH_FUNCTIONS: Final = ((6, 9), (6, 13))
#: What a list for another processor leaves out: functions of calls, calls of 32 bits, and calls that only x86-64 has.
ONLY_HERE: Final = tuple(
    f"{DRIVERS}/test_{name}.py" for name in ("ahead", "entered", "functions", "held", "hooks", "probe_compat")
)
#: By Debian's name of an architecture: the emulator with its options, and where the kernel prints.
MACHINES: Final = {
    "amd64": (("qemu-system-x86_64", "-cpu", "max"), "ttyS0"),
    "arm64": (("qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"), "ttyAMA0"),
}
HERE: Final = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
#: Modules that a guest needs for its files. Which others they need, and in which order, differs even between the
#: versions of one kernel, and is written in them.
MODULES: Final = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_NEEDED: Final = re.compile(rb"\0depends=([\w,-]*)\0")
#: A busy host may give a guest no time just when its kernel checks that its timer ticks, and that would panic.
BOOT: Final = "mitigations=off no_timer_check"
INIT: Final = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module.ko; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || poweroff -f
mount -t tmpfs -o size=1500m tmpfs /up; mkdir /up/upper /up/work
mkdir /over; mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro over /over
mount -t overlay -o lowerdir=/over:/host,upperdir=/up/upper,workdir=/up/work overlay /new || poweroff -f
for one in proc sys dev; do mount --move /$one /new/$one; done
mkdir -p /new/dev/shm /new/dev/pts
mkdir -p /new/var/tmp
for one in dev/shm tmp run var/tmp; do mount -t tmpfs tmpfs /new/$one; done
mkdir -p /new/run/results; mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 results /new/run/results
mount -t devpts devpts /new/dev/pts
mount -t tracefs none /new/sys/kernel/tracing; mount -t bpf none /new/sys/fs/bpf
mount -t cgroup2 none /new/sys/fs/cgroup
for group in . docker; do
    mkdir -p /new/sys/fs/cgroup/$group/kept; echo "+pids +memory" > /new/sys/fs/cgroup/$group/cgroup.subtree_control
done
ip link set lo up
{beside}cp -r /given/* /new/run/
exec switch_root /new /bin/bash /run/script
"""
#: Of a guest with another processor: the folder of the checkout, and its .venv with what is written for that processor.
BESIDE: Final = """mkdir -p /beside /up/beside /up/work2 /new{folder}
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro beside /beside
mount -t overlay -o lowerdir=/beside,upperdir=/up/beside,workdir=/up/work2 overlay /new{folder}
cp -a /new{root}/.venv/lib/python*/site-packages/*falcohost* /new/{venv}/lib/python*/site-packages/
cp -a /new{root}/.venv/bin/falcohost /new/{venv}/bin/
mount --bind /new/{venv} /new{root}/.venv
"""
#: Where a link beside the checkout leads out of what the guest sees: what is behind it takes its place.
LINKED: Final = """rm /new{link}; mkdir /new{link}
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro linked /new{link}
"""
#: With --btf-file: has the kernel tell no types any more, and puts a file with them into a package.
HIDDEN: Final = """
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p $site/guest_types $site/guest_types-1.dist-info
printf 'Metadata-Version: 2.1\\nName: guest_types\\nVersion: 1\\n' > $site/guest_types-1.dist-info/METADATA
printf '[falcohost.btf]\\nguest = guest_types\\n' > $site/guest_types-1.dist-info/entry_points.txt
cp {file} "$site/guest_types/$(uname -r).btf"
if [ -e /sys/kernel/btf ]; then mount -t tmpfs none /sys/kernel/btf; fi
"""
SCRIPT: Final = """export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export FALCOHOST_GUEST=1 FALCOHOST_SLOWNESS={slowness} FALCOHOST_DRIVER={driver} FALCOHOST_REQUIRE={require}
export PYTHONDONTWRITEBYTECODE=1{results}
ulimit -n 65536; cd {root}
for file in {modules}; do busybox insmod $file; done{hidden}
{command}
echo o > /proc/sysrq-trigger; sleep 60
"""
PYTEST: Final = (
    ".venv/bin/python -m pytest -vv -n0 -p no:cacheprovider --color=no --timeout=1200 --basetemp=/tmp/t -rsfE"
)

#: What pytest says of a test that has ended, and of one that has failed when all have.
_VERDICT: Final = re.compile(r"(\S+::.*?) (PASSED|SKIPPED|FAILED|ERROR)\b")
_FAILED: Final = re.compile(r"(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$")
#: Most failures of one test, with other parameters each, that are named.
_FEW: Final = 3


class Row(NamedTuple):
    """What came of the tests on one kernel."""

    kernel: str
    driver: str
    passed: str
    skipped: str
    failed: str
    which: str
    seen: str


class Asked(NamedTuple):
    """What is to be run.

    :ivar over: a folder whose files lie over this machine's, if they exist; *modules*: kernel modules to load.
    :ivar results: a folder that the guest may write to; *command*: what it runs in place of tests.
    :ivar btf_file: hide the kernel's types, and have these in their place, which were its own if there is no such file.
    :ivar first: a busy machine gives the guest a processor before other sessions' programs, whatever their niceness.
    :ivar system: the folder with the guest's files.
    :ivar icount: while a guest computes, its clock counts instructions: one is two nanoseconds.
    """

    driver: str
    tests: list[str]
    seconds: float
    slowness: int
    over: Path | None
    modules: list[Path]
    first: bool = False
    icount: bool = False
    results: Path | None = None
    command: str | None = None
    btf_file: Path | None = None
    system: Path = Path("/")

    @property
    def label(self) -> str:
        """What the table says of the driver."""
        return self.driver if self.btf_file is None else f"{self.driver}{BY_FILE}"


def unpacked(package: Path, folder: Path) -> tuple[str, Path]:
    """Unpack a kernel's Debian *package*, and that of its modules if it is apart; return the release and the kernel."""
    release = package.name.removeprefix("linux-binary-").partition("_")[0]
    for one in (package, *package.parent.glob(f"linux-modules-{release}_*.deb")):
        subprocess.run(["dpkg-deb", "-x", one, folder], check=True)
    found = {one.parent.name: one for one in folder.glob("usr/lib/modules/*/vmlinuz")}
    found |= {one.name.removeprefix("vmlinuz-"): one for one in folder.glob("boot/vmlinuz-*")}
    if not found:
        sys.exit(f"{package} has no kernel; since Linux 7 it is in linux-binary-*.deb, beside linux-modules-*.deb")
    return found.popitem()


def architecture(package: Path) -> str:
    """Return Debian's name of the architecture that a package is for."""
    found = package.stem.rpartition("_")[2]
    return found if found in MACHINES else HERE


def made_guest(folder: Path, given: Path, system: Path = Path("/")) -> Path:
    """Return an initial ramdisk that runs ``given/script``, with modules of the kernel that is unpacked in *folder*."""
    disk = folder / "disk"
    for name in ("beside", "bin", "dev", "host", "modules", "new", "proc", "sys", "up"):
        (disk / name).mkdir(parents=True)
    busybox = shutil.which("busybox", path=str(system / "usr/bin"))
    shutil.copy(busybox or sys.exit("busybox is missing: apt install busybox-static"), disk / "bin")
    found = _put_modules(folder / "kernel", disk / "modules")
    init = disk / "init"
    beside = ""
    if system != Path("/"):
        beside = BESIDE.format(folder=ROOT.parent, root=ROOT, venv=foreign_system().VENV)
        beside += LINKED.format(link=SHARED) if SHARED.is_symlink() else ""
    init.write_text(INIT.format(modules=" ".join(found), beside=beside))
    shutil.copytree(given, disk / "given")
    init.chmod(0o755)
    image = folder / "disk.gz"
    pack = f"find . | cpio --quiet -o -H newc | gzip -1 > {shlex.quote(str(image))}"
    subprocess.run(["sh", "-c", pack], cwd=disk, check=True)
    return image


def _put_modules(kernel: Path, folder: Path) -> list[str]:
    """Put modules of *kernel*, and those that they need, into *folder*; return their names in the order of loading."""
    paths = {path.name.partition(".ko")[0].replace("-", "_"): path for path in kernel.rglob("*.ko*")}
    found: list[str] = []

    def put(name: str) -> None:
        if name in found or name not in paths:  # built in, or this kernel has none
            return
        path = paths[name]
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        needed = _NEEDED.search(data)
        for other in needed[1].decode().replace("-", "_").split(",") if needed else ():
            put(other)
        (folder / f"{name}.ko").write_bytes(data)
        found.append(name)

    for name in MODULES:
        put(name)
    return found


def foreign_system() -> ModuleType:
    """Return the module that makes the files of a guest with another processor; it is beside this one."""
    spec = importlib.util.spec_from_file_location("foreign_system", Path(__file__).with_name("foreign_system.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written_script(asked: Asked, release: str, folder: Path) -> Path:
    """Write what the guest runs."""
    files = [Path("/run", Path(shutil.copy(one, folder)).name) for one in asked.modules]
    since, until = WITH_FUNCTIONS
    required = [name for name in ("corpus", "evasions") if (SHARED / name).is_dir()]  # what is here is seen there
    if asked.btf_file is None and since <= tuple(map(int, re.findall(r"\d+", release)[:2])) < until:
        required.append("fexit")
    hidden = ""
    if asked.btf_file is not None:
        own = OWN_TYPES if asked.btf_file == OWN_TYPES else Path("/run", Path(shutil.copy(asked.btf_file, folder)).name)
        hidden = HIDDEN.format(file=shlex.quote(str(own)))
    text = SCRIPT.format(
        hidden=hidden,
        slowness=asked.slowness,
        driver=asked.driver,
        require=",".join(required),
        modules=shlex.join(map(str, files)),
        root=shlex.quote(str(ROOT)),
        results=" FALCOHOST_RESULTS=/run/results" if asked.results else "",
        command=asked.command or f"{PYTEST} {shlex.join(asked.tests)}",
    )
    script = folder / "script"
    script.write_text(text)
    return script


def ran(package: Path, asked: Asked) -> Row:
    """Return what came of the tests on the kernel in *package*; print what the guest prints."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # a guest has another /tmp
        folder = Path(name)
        release, kernel = unpacked(package, folder / "kernel")
        (folder / "given").mkdir()
        script = written_script(asked, release, folder / "given")
        image = made_guest(folder, script.parent, asked.system)
        (folder / "nothing").mkdir()
        (folder / "written").mkdir()
        results = asked.results or folder / "written"
        shares = {"host": asked.system, "over": asked.over or folder / "nothing", "results": results}
        if asked.system != Path("/"):
            shares |= {"beside": ROOT.parent} | ({"linked": SHARED} if SHARED.is_symlink() else {})
        emulator, console = MACHINES[architecture(package)]
        command = [
            *(*emulator, "-m", "3000", "-smp", "1", "-nographic", "-no-reboot"),
            *("-kernel", kernel, "-initrd", image, "-append", f"console={console} quiet {BOOT} panic=-1"),
        ]
        command += ["-icount", "shift=1"] if asked.icount else []
        for tag, path in shares.items():
            how = "security_model=none,multidevs=remap" + (",readonly=on" if path != results else "")
            command += ["-virtfs", f"local,path={path.resolve()},mount_tag={tag},{how}"]
        print(f"{release}:", flush=True)
        said = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=asked.first
        ) as guest:
            assert guest.stdout is not None
            timer = threading.Timer(asked.seconds, guest.kill)
            timer.start()
            try:
                if asked.first:  # sched(7): between sessions, only this counts
                    Path(f"/proc/{guest.pid}/autogroup").write_text("-10")
                for line in guest.stdout:
                    said.append(line.decode(errors="replace").rstrip())
                    print("   ", said[-1], flush=True)
            finally:
                timer.cancel()
                guest.kill()
    return row(release, asked.label, said)


def row(release: str, driver: str, said: list[str]) -> Row:
    """Return the row of what pytest has *said*; if it did not end, of the tests that did, and how many did not run."""
    last = next((line for line in reversed(said) if re.search(r"\d+ (passed|failed|error).* in ", line)), "")
    verdicts = [found.groups() for line in said if (found := _VERDICT.match(line))]
    counts = Counter(verdict.lower() for _, verdict in verdicts)
    if last:
        numbered = re.findall(r"(\d+) (passed|skipped|failed|error)", last)
        counts = Counter({what: int(number) for number, what in numbered})
    failed = str(counts["failed"] + counts["error"])
    which = [found[1] for line in said if (found := _FAILED.match(line))]
    if not last:
        which = [name for name, verdict in verdicts if verdict in ("FAILED", "ERROR")]
        total = next((int(found[1]) for line in said if (found := re.search(r"collected (\d+) items", line))), None)
        failed += ", did not end" if total is None else f", {total - len(verdicts)} of {total} did not run"
    numbers = (str(counts["passed"]), str(counts["skipped"]), failed)
    return Row(release, driver, *numbers, _names(which), time.strftime("%Y-%m-%d"))


def _names(tests: list[str]) -> str:
    """Return the names of tests; those that are one test with many parameters, as one with their number."""
    names = [file.rpartition("/")[2] + sign + name for file, sign, name in (one.partition("::") for one in tests)]
    many = {name: count for name, count in Counter(one.partition("[")[0] for one in names).items() if count > _FEW}
    shown = dict.fromkeys(name if (name := one.partition("[")[0]) in many else one for one in names)
    return ", ".join(f"`{one}`" + (f" ({many[one]} times)" if one in many else "") for one in shown) or "-"


def written(rows: list[Row], text: str) -> str:
    """Return the page's *text* with these rows, in place of former ones of the same kernels and drivers."""
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    former = [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in table.split("\n")[3:] if line]
    new = {(one.driver, one.kernel): one for one in (*former, *rows)}
    drivers = list(TESTS)
    ordered = sorted(
        new.values(),
        key=lambda one: (
            drivers.index(one.driver.removesuffix(BY_FILE)),
            one.driver,
            [int(part) for part in re.findall(r"\d+", one.kernel)[:4]],
        ),
    )
    lines = [HEAD, ["---"] * len(HEAD), *ordered]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Run the tests on each kernel, then write the page."""
    parser = argparse.ArgumentParser(prog="script/kernels", description=__doc__.splitlines()[0])
    parser.add_argument(
        "packages",
        nargs="+",
        type=Path,
        metavar="PACKAGE",
        help="linux-image-*.deb, or since Linux 7 linux-binary-*.deb, with linux-modules-*.deb beside it",
    )
    parser.add_argument("--driver", choices=list(TESTS), default="modern_ebpf", help="with which agents observe calls")
    parser.add_argument("--tests", nargs="+", help="what pytest is to run, in place of the usual")
    parser.add_argument("--seconds", type=float, default=7200.0, help="after which a guest is ended")
    parser.add_argument("--slowness", type=int, default=10, help="FALCOHOST_SLOWNESS in the guest")
    parser.add_argument("--over", type=Path, help="a folder whose files lie over this machine's: unpacked headers, BCC")
    parser.add_argument(
        "--module", action="append", type=Path, default=[], help="a kernel module for the guest to load"
    )
    parser.add_argument(
        "--btf-file",
        nargs="?",
        type=Path,
        const=OWN_TYPES,
        metavar="FILE",
        help="hide the kernel's BTF, and have it in a package's file: FILE, or a copy of the kernel's own",
    )
    parser.add_argument(
        "--system",
        type=Path,
        help="the folder with the files of a guest with another processor; made if it is missing (.venv/system-ARCH)",
    )
    parser.add_argument("--results", type=Path, help="a folder for what tests leave there (FALCOHOST_RESULTS)")
    parser.add_argument("--run", metavar="COMMAND", help="run a command of the shell in the guests, in place of tests")
    parser.add_argument("--icount", action="store_true", help="let guests' clocks count instructions, for measurements")
    parser.add_argument("--first", action="store_true", help="give guests processors before a busy machine's programs")
    given = parser.parse_args()
    usual = list(TESTS[given.driver])
    foreign = {architecture(package) for package in given.packages} - {HERE}
    if foreign:
        if len({architecture(package) for package in given.packages}) > 1:
            parser.error("name kernels of one architecture")
        usual = [one for one in usual if one not in ONLY_HERE]
    for name in ("bin", "lib", "lib64", "sbin"):
        if given.over and (given.over / name).is_dir() and Path("/", name).is_symlink():
            parser.error(f"--over: {given.over / name} would hide /{name}, which is a link; move it to usr/{name}")
    tests = given.tests or usual
    asked = Asked(
        given.driver,
        tests,
        given.seconds,
        given.slowness,
        given.over,
        given.module,
        given.first,
        given.icount,
        given.results,
        given.run,
        given.btf_file,
    )
    for one in foreign:
        asked = asked._replace(system=given.system or ROOT / ".venv" / f"system-{one}")
        if not asked.system.exists():
            foreign_system().make(ROOT, asked.system, one)
    rows = [ran(package, asked) for package in given.packages]
    if given.run:
        return
    if asked.tests == usual:
        PAGE.write_text(written(rows, PAGE.read_text()))
    for one in rows:
        print(" ".join(one))
    sys.exit(any(one.failed != "0" for one in rows))


if __name__ == "__main__":
    main()
