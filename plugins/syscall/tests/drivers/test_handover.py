"""No call is missed and none comes twice while functions are attached and left, whoever waits in a call meanwhile."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from read_probe import ReadProbe

from falcohost.events import Plan
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R
from falcohost_syscall.source import SyscallSource

#: Three threads, each of which waits twice in a call of its own.
WAITERS = """
import os, socket, sys, threading
listening, datagrams = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
calls = (listening.accept, lambda: datagrams.recvfrom(1), lambda: os.read(0, 1))
def wait(call):
    for _ in range(2):
        call()
        print("returned", flush=True)
threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
for thread in threads:
    thread.start()
print(listening.getsockname()[1], datagrams.getsockname()[1], *(thread.native_id for thread in threads), flush=True)
for thread in threads:
    thread.join()
"""

#: One thread makes links that have numbers for names, and one waits in readv(2) for numbers.
NUMBERS = """
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>
static volatile int done;
static int ends[2];
static void *link_them(void *unused)
{
    char name[32];
    long number = 0;
    for (; !done; number++) {
        snprintf(name, sizeof(name), "%ld", number);
        symlink(name, "/proc/x");
        usleep(300);
    }
    return (void *)number;
}
static void *read_them(void *unused)
{
    char number[16];
    struct iovec whole = {number, sizeof(number)};
    while (readv(ends[0], &whole, 1) > 0);
    return NULL;
}
int main(void)
{
    pthread_t linking, reading;
    char number[16];
    long reads = 0, links;
    pipe(ends);
    pthread_create(&linking, NULL, link_them, NULL);
    pthread_create(&reading, NULL, read_them, NULL);
    fcntl(0, F_SETFL, O_NONBLOCK);
    for (char c; read(0, &c, 1) != 0; reads++) {
        usleep(reads * 7919 % 40000);
        snprintf(number, sizeof(number), "%015ld", reads);
        write(ends[1], number, sizeof(number));
    }
    done = 1;
    close(ends[1]);
    pthread_join(linking, (void **)&links);
    pthread_join(reading, NULL);
    printf("%ld %ld\\n", links, reads);
    return 0;
}
"""
READV, SYMLINK = 19, 88
SPECS = {
    READV: R.CallSpec(1, R.WANT_IOV, data_arg=1),
    SYMLINK: R.CallSpec(2, R.WANT_PATH, path_arg=0),
    83: R.CallSpec(3, 0),  # mkdir
    R.COMPAT_BASE + 83: R.CallSpec(2, R.WANT_PATH, path_arg=0),
}


@pytest.fixture(params=["tracepoint", "function"])
def attach(request, bpf):
    """Return a place where calls are seen, if they can be seen there."""
    if request.param == "function":
        request.getfixturevalue("functions")
    return request.param


@pytest.fixture
def waiters():
    """Return a program whose threads wait."""
    command = [sys.executable, "-ISc", WAITERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def numbers(c_program):
    """Return a program that makes calls with numbers until its input ends."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    with subprocess.Popen([c_program(NUMBERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def collect(source, process, enough):
    """Return what types of events *process* causes, until that is enough or too much time has passed."""
    found, end = Counter(), time.monotonic() + PATIENCE
    for batch in source.batches():
        found.update(event.type for event in batch.events if event.proc.pid == process.pid)
        if enough(found) or time.monotonic() > end:
            return found
    return found


def waits(process, thread):
    """Tell whether a thread of a process is in accept4, recvfrom or read, by their numbers on x86_64 and arm64."""
    words = Path(f"/proc/{process.pid}/task/{thread}/syscall").read_text().split()
    return words[0] in (("288", "45", "0") if os.uname().machine == "x86_64" else ("242", "207", "63"))


def test_threads_wait(attach, waiters):
    """A thread that waits in a call when the agent starts is seen when it returns, and afterwards, each once."""
    tcp, udp, *threads = map(int, waiters.stdout.readline().split())
    wait_until(lambda: all(waits(waiters, thread) for thread in threads))
    source = SyscallSource({"falcohost": {"attach": attach}})
    source.open(Plan("syscall", frozenset({"accept4", "accept", "recvfrom", "read"})), None)
    attachment = source.driver.probe.attachment
    try:
        if attach == "function":
            assert (attachment.where, set(threads) <= attachment.waiting) == ("both", True)
        for _ in range(2):
            socket.create_connection(("127.0.0.1", tcp)).close()
            socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", udp))
            waiters.stdin.write("x")
            waiters.stdin.flush()
            assert ["returned\n"] * 3 == [waiters.stdout.readline() for _ in range(3)]
        expected = {"accept4": 2, "recvfrom": 2, "read": 2}
        found = collect(source, waiters, lambda found: sum(found.values()) >= 6)
        found += collect(
            source, waiters, lambda _: attachment.where == attach and not attachment.waiting & set(threads)
        )

        assert found == expected
        assert not attachment.waiting & set(threads)
    finally:
        source.close()


def test_each_once(attach, numbers, soak):
    """While calls come to be seen elsewhere, again and again, each is told once."""
    reloads, count = random.Random(0), soak(400, 40)
    with ReadProbe(by_function=attach == "function") as driver:
        driver.set_calls({number: SPECS[number] for number in (READV, SYMLINK)})
        found = read(driver, numbers.pid)
        begun = time.monotonic()
        for _ in range(count):
            wanted = {READV, SYMLINK, *reloads.sample(sorted(SPECS), 2)}
            traced = set(reloads.sample([READV, SYMLINK, 83], reloads.randrange(3)))
            driver.set_calls({number: SPECS[number] for number in wanted}, traced=traced)
            time.sleep(reloads.random() * 0.05)
            found += read(driver, numbers.pid)
            if reloads.random() < 0.5:
                driver.still_sees()
        print(f"{count} reloads in {time.monotonic() - begun:.1f} s, seen {driver.attachment.where}")
        links, reads = map(int, numbers.communicate(input="")[0].split())
        while late := read(driver, numbers.pid):
            found += late
        lost = driver.lost()
    counted = Counter(found)

    print(f"{links} links, {reads} reads, {lost}")
    assert {one: count for one, count in counted.items() if count != 1} == {}
    assert missing(counted, "link", links) == missing(counted, "read", reads) == []
    assert links > count and reads > count / 2
    assert not any(lost.values())


def missing(counted, what, number):
    """Return which of so many were not seen."""
    first = min(n for kind, n in counted if kind == what)
    return [n for n in range(first, number) if not counted[what, n]]


def read(driver, pid):
    """Return which links and reads of a process were told of, by their numbers."""
    found = []
    while batch := driver.read():
        for record in batch:
            header = parts.header(record)
            if header.kind == R.KIND_CALL and header.pid == pid:
                found += map(numbered, parts.sections(record))
    return [one for one in found if one]


def numbered(section):
    """Return what a section has the number of, and the number."""
    tag, data = section
    what = {R.SEC_PATH: "link", R.SEC_DATA: "read"}.get(tag)
    number = re.fullmatch(rb"(\d+)\0?", data)
    return (what, int(number[1])) if what and number else None
