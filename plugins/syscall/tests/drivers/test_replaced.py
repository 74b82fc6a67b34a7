"""A thread takes away the descriptor of a file while another opens it: the open has a mark, if it has no name."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "filters"))

from watching import events, plan

from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.modern_ebpf.hooks import INSTALLS
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel

TIMES = 300
#: Opens a file again and again by a link, while another thread waits for its descriptor, keeps the file under another,
#: and puts a file there that nobody wants (which has another descriptor, or had one, or is opened there), or nothing.
#: Prints how often the thread got the file.
RACE = """
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPENS, SETTLED, WAITS };
static volatile int state = SETTLED, place, kept;
static int harmless;
static char how;
static const char *plain;

static void put_another(int here)
{
	if (how == 'c' || how == 'o')
		close(here);
	else
		dup2(harmless, here);
	if (how == 'o')
		open(plain, O_RDONLY);
	if (how == 'm') {
		close(harmless);
		harmless = -1;
	}
}

static void *take(void *unused)
{
	for (;;) {
		int here;

		while (state != OPENS)
			;
		here = place;
		state = WAITS;
		while (fcntl(here, F_GETFD) < 0)
			;
		kept = dup(here);
		put_another(here);
		state = SETTLED;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct stat wanted, got;
	pthread_t thread;
	int found = 0;

	plain = argv[2];
	how = argv[4][0];
	harmless = open(plain, O_RDONLY);
	if (stat(argv[1], &wanted) || pthread_create(&thread, NULL, take, NULL))
		return 1;
	for (int i = atoi(argv[3]); i > 0; i--) {
		if (harmless < 0)
			harmless = open(plain, O_RDONLY);
		place = dup(0);
		close(place);
		state = OPENS;
		while (state != WAITS)
			;
		if (open(argv[1], O_RDONLY) != place)
			return 2;
		while (state != SETTLED)
			;
		found += fstat(kept, &got) == 0 && got.st_ino == wanted.st_ino;
		close(kept);
		close(place);
	}
	printf("%d", found);
	return 0;
}
"""

#: Opens a file while a thread waits, with a filter that has the kernel send a signal instead. Prints what came back.
TRAPPED = """
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void trapped(int number)
{
}

static void *wait_for_end(void *unused)
{
	pause();
	return NULL;
}

int main(int argc, char **argv)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(steps) / sizeof(*steps), steps};
	static char path[4096];
	pthread_t thread;

	/* A child has a table of descriptors as long as those that are open need; this process has that of the test's. */
	if (fork()) {
		wait(NULL);
		return 0;
	}
	snprintf(path, sizeof(path), "%s", argv[1]);
	signal(SIGSYS, trapped);
	if (pthread_create(&thread, NULL, wait_for_end, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return 1;
	printf("%ld %d", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0), getpid());
	return 0;
}
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """Return a folder on the root's file system with a file that is wanted, a link to it, and one that is not."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="f") as name:
        base = Path(name)
        for folder in ("wanted", "plain"):
            (base / folder).mkdir()
            (base / folder / "f").touch()
        (base / "plain/to").symlink_to(base / "wanted/f")
        yield base


def opens(sources, program, base, how, condition):
    """Return the events of opens for which *condition* holds, after as many as there are."""
    source = sources.open(plan(f"evt.type in (open, openat) and ({condition})"), {"engine": {}, "falcohost": {}})
    command = [program, f"{base}/plain/to", f"{base}/plain/f", str(TIMES), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        mine = (event for event in events(source, process.pid) if event.type in ("open", "openat"))
        found = [event for event in mine if event.proc.pid == process.pid]
        opened = int(process.stdout.read())

    assert TIMES == opened
    return found


@pytest.mark.parametrize("how", ["another file", "closed"])
def test_every_open_is_told(sources, c_program, base, how):
    """Whoever wins the race, the open is told by its file's name, or as one whose file was replaced."""
    wanted = f"fd.name = {base}/wanted/f or evt.is_rewritten = true"
    told = Counter(event.is_rewritten for event in opens(sources, c_program(RACE), base, how, wanted))

    assert TIMES == told.total(), told


@pytest.mark.parametrize("how", ["another file", "closed", "moved", "opened"])
def test_every_name_is_told(sources, c_program, base, how):
    """Where a program can stand at the kernel's function for new descriptors, every open is told by its file's name."""
    if not Kernel(Library()).enterable([INSTALLS]):
        skip_or_fail("hooks", "the kernel lets no programs stand at its functions")
    found = opens(sources, c_program(RACE), base, how, f"fd.name = {base}/wanted/f")

    assert {f"{base}/wanted/f": TIMES} == Counter(event.fdpath for event in found)
    assert os.cpu_count() == 1 or any(event.is_rewritten for event in found)  # the race can be won


def test_others_are_not(sources, base):
    """Files that threads open while others are made or copied are told without a mark."""
    script = """
import threading
def opens():
    for _ in range(2000): os.close(os.dup(os.open({!r}, os.O_RDONLY)))
threads = [threading.Thread(target=opens) for _ in range(2)]
for one in threads: one.start()
while any(one.is_alive() for one in threads):
    if os.fork() == 0: os._exit(0)
    os.wait()
""".format(f"{base}/wanted/f")
    source = sources.open(
        plan(f"evt.type = openat and (fd.name = {base}/wanted/f or evt.is_rewritten = true)"),
        {"engine": {}, "falcohost": {}},
    )
    with subprocess.Popen([sys.executable, "-ISc", f"import os\n{script}"]) as process:
        mine = (event for event in events(source, process.pid) if event.type == "openat")
        told = Counter(event.is_rewritten for event in mine if event.fdpath == f"{base}/wanted/f")

    assert {False: 4000} == told


def test_what_a_filter_traps(sources, c_program, base):
    """A call that a seccomp filter of its own traps opens nothing: what it returns was not taken by another thread."""
    wanted = f"evt.arg.name = {base}/wanted/f or evt.is_rewritten = true"
    source = sources.open(plan(f"evt.type = openat and ({wanted})"), {"engine": {}, "falcohost": {}})
    with subprocess.Popen([c_program(TRAPPED), f"{base}/wanted/f"], stdout=subprocess.PIPE) as process:
        mine = [event for event in events(source, process.pid) if event.type == "openat"]
        returned, pid = map(int, process.stdout.read().split())

    assert returned > 200  # the call's number
    assert [(returned, False)] == [(event.ret, event.is_rewritten) for event in mine if event.proc.pid == pid]
