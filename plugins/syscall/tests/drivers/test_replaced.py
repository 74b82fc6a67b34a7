"""A thread takes away the descriptor of a file while another opens it: the open has a mark, if it has no name."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "filters"))

from watching import events, plan

TIMES = 300
#: Opens a file again and again by a link, while another thread waits for its descriptor, keeps the file under another,
#: and puts a file there that nobody wants, or nothing. Prints how often the thread got the file.
RACE = """
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPENS, SETTLED, WAITS };
static volatile int state = SETTLED, place, kept;
static int harmless, closes;

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
		if (closes)
			close(here);
		else
			dup2(harmless, here);
		state = SETTLED;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct stat wanted, got;
	pthread_t thread;
	int found = 0;

	harmless = open(argv[2], O_RDONLY);
	closes = argc > 4;
	if (stat(argv[1], &wanted) || pthread_create(&thread, NULL, take, NULL))
		return 1;
	for (int i = atoi(argv[3]); i > 0; i--) {
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


@pytest.mark.parametrize("how", [(), ("closes",)], ids=["another file", "closed"])
def test_every_open_is_told(sources, c_program, base, how):
    """Whoever wins the race, the open is told by its file's name, or as one whose file was replaced."""
    wanted = f"fd.name = {base}/wanted/f or evt.is_rewritten = true"
    source = sources.open(plan(f"evt.type in (open, openat) and ({wanted})"), {"engine": {}, "falcohost": {}})
    command = [c_program(RACE), f"{base}/plain/to", f"{base}/plain/f", str(TIMES), *how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        mine = (event for event in events(source, process.pid) if event.type in ("open", "openat"))
        told = Counter(event.is_rewritten for event in mine if event.proc.pid == process.pid)
        opened = int(process.stdout.read())

    assert TIMES == opened
    assert TIMES == told.total(), told


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
