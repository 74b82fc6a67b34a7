"""A thread puts another socket behind a descriptor while a call with it waits: the call is told with its own socket."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path
from socket import AF_UNIX

import pytest

sys.path.append(str(Path(__file__).parent.parent / "filters"))

from watching import events, plan

from falcohost_syscall.calls.rows import BY_NAME

#: Waits until a thread sleeps in a call with a socket, and puts another one there, or none; then lets the call end.
REPLACE = """
import os, socket, sys, threading, time

def listener(): return socket.create_server(("127.0.0.1", 0), backlog=0)

plain = listener()
harmless = socket.create_connection(plain.getsockname())

def replaced(call, sock, go_on):
    place, kept = sock.fileno(), sock.dup()
    thread = threading.Thread(target=call)
    thread.start()
    calls = f"/proc/self/task/{thread.native_id}/syscall"
    while open(calls).read().split()[:2] != [sys.argv[1], hex(place)]: time.sleep(0.01)
    os.close(place) if "closed" in sys.argv else os.dup2(harmless.fileno(), place)
    go_on()
    thread.join()
    if "closed" in sys.argv: sock.detach()
    return kept
"""
#: The listener's queue is full until it accepts. Prints the port to which the socket was connected.
CONNECT = """
wanted = listener()
queued = [socket.create_connection(wanted.getsockname())]
sock = socket.socket()

def accepts():
    for _ in range(2): queued.append(wanted.accept()[0])

kept = replaced(lambda: sock.connect(wanted.getsockname()), sock, accepts)
print(kept.getpeername()[1])
"""
#: The receiver's queue is full until it reads.
SEND = """
receiver, sock = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
receiver.bind("\\0" + sys.argv[2])
sock.setblocking(False)
try:
    while True: sock.sendto(b"full", receiver.getsockname())
except BlockingIOError: sock.setblocking(True)

def reads():
    receiver.settimeout(60)
    while receiver.recv(9) == b"full": pass

replaced(lambda: sock.CALL, sock, reads)
"""
SENDS = {
    "sendto": 'sendto(b"wanted", receiver.getsockname())',
    "sendmsg": 'sendmsg([b"wanted"], [], 0, receiver.getsockname())',
}
HOW = pytest.mark.parametrize("how", ["another socket", "closed"])


def number_of(name: str) -> str:
    """Return the number of a call on this machine."""
    (number,) = BY_NAME[name].numbers[platform.machine()]
    return str(number)


@HOW
def test_connect(sources, how):
    """The ends are those of the socket that was connected, and the event has the mark; nothing else has it."""
    source = sources.open(plan("evt.type = connect and fd.type = ipv4"), {"engine": {}, "falcohost": {}})
    command = [sys.executable, "-ISc", REPLACE + CONNECT, number_of("connect"), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        mine = [e for e in events(source, process.pid) if e.type == "connect" and e.proc.pid == process.pid]
        port = int(process.stdout.read())

    assert [(port, True)] == [(event.socket.remote.port, event.is_rewritten) for event in mine if event.is_rewritten]
    assert 3 == len(mine)


@HOW
@pytest.mark.parametrize("name", SENDS)
def test_messages(sources, name, how, tmp_path):
    """A message is told with the socket that sent it."""
    source = sources.open(plan(f"evt.type = {name}"), {"engine": {}, "falcohost": {}})
    script = REPLACE + SEND.replace("CALL", SENDS[name])
    with subprocess.Popen([sys.executable, "-ISc", script, number_of(name), str(tmp_path), how]) as process:
        mine = [e for e in events(source, process.pid) if e.type == name and e.proc.pid == process.pid]
    found = [event for event in mine if event.is_rewritten]

    assert [(AF_UNIX, f"@{tmp_path}")] == [(event.socket.family, event.socket.peer_path) for event in found]


def test_others_are_not(sources):
    """Threads that connect, send and close beside each other, and beside processes that are made, have no mark."""
    script = """
def connects():
    for _ in range(500):
        with socket.socket() as one:
            one.connect_ex(plain.getsockname())
            os.close(os.dup(one.fileno()))
threads = [threading.Thread(target=connects) for _ in range(2)]
for one in threads: one.start()
while any(one.is_alive() for one in threads):
    if os.fork() == 0: os._exit(0)
    os.wait()
"""
    source = sources.open(plan("evt.type = connect and fd.type = ipv4"), {"engine": {}, "falcohost": {}})
    script = f"{REPLACE.replace('backlog=0', 'backlog=2000')}{script}"
    with subprocess.Popen([sys.executable, "-ISc", script]) as process:
        mine = [e for e in events(source, process.pid) if e.type == "connect" and e.proc.pid == process.pid]
    told = Counter(event.is_rewritten for event in mine)

    assert {False: 1001} == told
