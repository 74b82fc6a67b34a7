"""Processes whose last two threads end at the same moment, on two processors: the end of each is told once."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter

import pytest
from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

COUNT = 600
#: sched_get_priority_max(2), which hardly any program calls, with a number that no other one gives it.
CALL = 146
MARK = os.getpid() << 8

#: Each process makes the call, and its two threads exit within half a microsecond of each other, on two processors.
SOURCE = f"""
    #include <pthread.h>
    #include <sched.h>
    #include <stdlib.h>
    #include <time.h>
    #include <unistd.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    static volatile int there;
    static int late[2], cpus[2];
    static void end(int which) {{
        cpu_set_t one; CPU_ZERO(&one); CPU_SET(cpus[which], &one);
        if (sched_setaffinity(0, sizeof(one), &one)) _exit(2);
        __sync_fetch_and_add(&there, 1);
        while (there < 2) ;
        for (volatile int i = 0; i < late[which]; i++) ;
        syscall(SYS_exit, 0);
    }}
    static void *other(void *nothing) {{ end(1); return nothing; }}
    int main(int argc, char **argv) {{
        for (int i = 0; i < 2; i++) cpus[i] = atoi(argv[1 + i]);
        for (int i = 0; i < {COUNT}; i++) {{
            late[i % 2] = rand() % 500; late[1 - i % 2] = 0;
            if (fork() == 0) {{
                pthread_t thread;
                syscall({CALL}, {MARK});
                if (pthread_create(&thread, 0, other, 0)) return 1;
                end(0);
            }}
            int status; wait(&status);
            if (status) return 1;
        }}
        return 0; }}"""


@pytest.fixture(scope="module")
def two(c_program):
    """Return the command that starts the processes."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("threads that end at the same moment need two processors")
    return [c_program(SOURCE), *map(str, cpus)]


@pytest.mark.parametrize("exits", [False, True], ids=["processes that are known", "rules want exits"])
def test_ends_at_once(machine, two, exits):
    """The end of each is told once, whether user space has to know or a rule wants it."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the number of the call in this test is x86_64's")
    told: Counter[tuple[int, int]] = Counter()
    known = set()

    def take(driver):
        while batch := driver.read():
            for header in map(parts.header, batch):
                if header.kind == R.KIND_CALL and header.arg0 == MARK:
                    known.add((header.pid, header.start))
                elif header.kind == R.KIND_EXIT and header.arg1:
                    told[header.pid, header.start] += 1

    with ReadProbe(LoadSettings(procexit=2), Options(procexit=exits)) as driver:
        driver.set_calls({CALL: R.CallSpec(1, 0)})
        with subprocess.Popen(two) as process:
            while process.poll() is None:
                take(driver)
                time.sleep(0.02)
        take(driver)
        lost = driver.lost()

        assert 0 == process.returncode
        assert len(known) <= COUNT <= len(known) + lost["flood"]
        assert {1: len(known)} == Counter(told[one] for one in known)
        assert 0 == lost["proc_ring_full"]
