"""The open-broker: configured files by their index, and nothing else."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from falcohost.host.delivering.broker import FileBroker
from falcohost.host.delivering.messages import OpenFile, RotateFile
from falcohost.host.supervision.broker import COMPRESS_AFTER, Broker
from falcohost.host.supervision.loop import Loop
from falcohost.rotation import Rotation
from falcohost.testing.clock import ManualClock
from falcohost.testing.shortages import no_free_descriptor
from falcohost.testing.waiting import wait_until


class Served:
    """A broker of *files* in a loop of its own thread, and the outputs process's end."""

    def __init__(self, files):
        self.loop = Loop()
        self.broker = Broker(self.loop, files, {files[0]: Rotation(size=3, keep=1)})
        self.link = self.broker.renew()
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._over:
            self.loop.turn(0.005)

    def end(self):
        """End."""
        self._over = True
        self._thread.join()
        self.broker.close()
        self.link.close()


@pytest.fixture
def served(tmp_path):
    """Return a broker of two files."""
    served = Served([str(tmp_path / "one"), str(tmp_path / "missing" / "two")])
    yield served
    served.end()


def test_a_configured_file_is_opened(served, tmp_path):
    """The outputs process gets a descriptor of the file, again after the file was moved away."""
    files = FileBroker(served.link, [str(tmp_path / "one"), str(tmp_path / "missing" / "two")])
    for name in ("one", "moved"):
        descriptor = files(str(tmp_path / "one"))
        os.write(descriptor, name.encode())
        os.close(descriptor)
        if name == "one":
            (tmp_path / "one").rename(tmp_path / "first")

    assert ("one", "moved") == ((tmp_path / "first").read_text(), (tmp_path / "one").read_text())
    assert not os.get_inheritable(files(str(tmp_path / "one")))


def test_rotation(served, tmp_path):
    """A file is rotated if it is time by its configuration, not whenever the outputs process says so."""
    files = FileBroker(served.link, [str(tmp_path / "one"), str(tmp_path / "missing" / "two")])
    (tmp_path / "one").write_text("abc")
    files.rotate(str(tmp_path / "one"))
    (tmp_path / "one").write_text("d")
    for name in ("one", "missing/two"):
        with pytest.raises(OSError, match="Invalid argument"):
            files.rotate(str(tmp_path / name))

    assert {"abc", "d"} == {file.read_text() for file in tmp_path.iterdir()}


def test_one_that_cannot_be_opened(served, tmp_path):
    """The error is that of the supervisor's open(2); the next file is opened all the same."""
    files = FileBroker(served.link, [str(tmp_path / "one"), str(tmp_path / "missing" / "two")])

    with pytest.raises(FileNotFoundError):
        files(str(tmp_path / "missing" / "two"))
    os.close(files(str(tmp_path / "one")))


@pytest.mark.parametrize("index", [-1, 2, 1 << 62])
def test_an_index_that_there_is_not(served, index):
    """Nothing is opened for an index beyond the configured files, whether from the front or from behind."""
    served.link.send(msgspec.msgpack.encode(OpenFile(index)))
    served.link.settimeout(60)
    answer, descriptors, _, _ = socket.recv_fds(served.link, 64, 4)

    assert [] == list(descriptors)
    assert {"error": 22} == msgspec.msgpack.decode(answer)


@pytest.mark.parametrize(
    "request_", [b"\xc1", b"/etc/shadow", msgspec.msgpack.encode({"index": "/etc/shadow"}), b"x" * 999]
)
def test_rubbish_ends_the_service(served, request_):
    """Who asks for something else is not served any more."""
    served.link.send(request_)
    served.link.settimeout(60)

    assert b"" == served.link.recv(64)


def test_who_does_not_read(served):
    """Who asks and asks without reading is not waited for, and leaves no descriptors behind."""
    request = msgspec.msgpack.encode(OpenFile(0))
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(OSError, match=r"Broken pipe|reset|Connection"):
        while True:
            served.link.send(request)
    assert len([*Path("/proc/self/fd").iterdir()]) <= before


def test_no_process_to_compress(tmp_path, caplog):
    """A rotated file is compressed later, which is told once."""
    (tmp_path / "one").write_text("abc")
    loop = Loop(clock := ManualClock())
    broker = Broker(loop, [str(tmp_path / "one")], {str(tmp_path / "one"): Rotation(size=3, keep=1, compress=True)})
    with contextlib.closing(broker), broker.renew() as link:
        link.send(msgspec.msgpack.encode(RotateFile(0)))
        loop.turn(0)
        with no_free_descriptor():
            for _ in range(3):
                clock.advance(COMPRESS_AFTER + 0.01)
                loop.turn(0)
        assert 1 == len(caplog.messages)
        assert "cannot be compressed yet: too many files are open" in caplog.text
        clock.advance(COMPRESS_AFTER + 0.01)
        loop.turn(0)
        wait_until(lambda: loop.turn(0.01) or [*tmp_path.glob("*.gz")])
        wait_until(lambda: loop.turn(0.01) or not broker._compressing or clock.advance(COMPRESS_AFTER + 0.01))
