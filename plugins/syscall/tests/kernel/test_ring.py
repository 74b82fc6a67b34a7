"""The ring as the kernel sees it while it is read."""

from __future__ import annotations

import mmap
import os
import subprocess

from falcohost_syscall.kernel.ring import Ring

SIZE = 1 << 16

#: Watches the reader's position for a second; prints how often it went back.
WATCHER = """
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
int main(int count, char **arguments)
{
    volatile unsigned long *position = mmap(0, 4096, PROT_READ, MAP_SHARED, atoi(arguments[1]), 0);
    unsigned long last = 0, back = 0, now;
    time_t end = time(0) + 2;
    while (time(0) < end)
        for (int i = 0; i < 100000; i++) {
            now = *position;
            back += now < last;
            last = now;
        }
    printf("%lu %lu", back, last);
}
"""


def test_position_never_goes_back(c_program):
    """While the reader goes on the kernel never sees it further behind: it would take the ring for full."""
    memory = os.memfd_create("ring")
    os.ftruncate(memory, 2 * mmap.PAGESIZE + 2 * SIZE)  # records of no bytes
    ring = Ring(memory, SIZE)
    command = [c_program(WATCHER), str(memory)]
    with subprocess.Popen(command, pass_fds=[memory], stdout=subprocess.PIPE, text=True) as watcher:
        position = 0
        while watcher.poll() is None:
            position += 8
            ring.drain(until=position)
            ring.release(ring.position)
        back, last = map(int, watcher.stdout.read().split())
    ring.close()
    os.close(memory)

    assert last > 1000
    assert back == 0
