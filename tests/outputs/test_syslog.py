"""The output ``syslog``: what each kind of receiver gets, byte by byte, and what happens when one is gone."""

import socket
import ssl
import threading
import time
from datetime import datetime

import msgspec
import pytest

from falcohost import OutputError, RetriedProblem
from falcohost.alert import Priority
from falcohost.outputs import syslog, syslog_transport
from falcohost.outputs.syslog import LONGEST, make_syslog, syslog_problem
from falcohost.outputs.syslog_address import read_address, syslog_addresses
from falcohost.testing.certificates import self_signed
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import PATIENCE

TIME = 1_700_000_000_123_456_789


class Form:
    """An alert's line is its output."""

    json = False

    def line(self, one):
        """Return the line."""
        return one.output.encode()


def make(address="", facility="user", **files):
    """Return the output."""
    block = {"address": address, "facility": facility, "ca_cert": "", "client_cert": "", "client_key": "", **files}
    return make_syslog(block, Form())


@pytest.fixture
def local(tmp_path, monkeypatch):
    """Return a function that opens a socket of the kind at the place of this machine's daemon."""
    path = tmp_path / "log"
    monkeypatch.setattr(syslog, "Local", lambda: syslog_transport.Local(str(path)))
    opened = []

    def local(kind):
        path.unlink(missing_ok=True)
        link = socket.socket(socket.AF_UNIX, kind)
        link.settimeout(PATIENCE)
        link.bind(str(path))
        opened.append(link)
        return link

    yield local
    for link in opened:
        link.close()


class Server:
    """A server for TCP, with TLS if there is a *context*; it reads all that one connection after the other sends."""

    def __init__(self, context=None):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._context = context
        self.received = []
        self.links = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                link, _ = self._listener.accept()
                link = link if self._context is None else self._context.wrap_socket(link, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.links.append(link)
            self.received.append(b"")
            threading.Thread(target=self._read, args=(link, len(self.received) - 1), daemon=True).start()

    def _read(self, link, place):
        try:
            while data := link.recv(65536):
                self.received[place] += data
        except OSError:
            pass

    def hang_up(self):
        """Close the connections."""
        for link in self.links:
            link.shutdown(socket.SHUT_RDWR)

    def close(self):
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def serve():
    """Return a function that starts a server."""
    servers = []

    def serve(context=None):
        servers.append(Server(context))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def messages(data):
    """Return the messages in what came over a stream, each with its octets counted."""
    found = []
    while data:
        count, _, data = data.partition(b" ")
        found.append(data[: int(count)])
        data = data[int(count) :]
    return found


def wait_for(condition):
    """Wait until *condition* is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def rfc5424(name, priority=12):
    """Return the message about an alert."""
    text = f"22:13:20.123456789: Warning rule {name} fired"
    return f"<{priority}>1 2023-11-14T22:13:20.123456Z localhost falcohost - alert - {text}".encode()


@pytest.mark.parametrize(("kind", "end"), [(socket.SOCK_DGRAM, b""), (socket.SOCK_STREAM, b"\0")])
def test_this_machine(local, kind, end):
    """The daemon gets what syslog(3) would write: number, local time, program, and the alert's line."""
    daemon = local(kind)
    if kind == socket.SOCK_STREAM:
        daemon.listen()
    output = make(facility="local3")
    output.deliver([alert("a")])
    link = daemon if kind == socket.SOCK_DGRAM else daemon.accept()[0]
    day = f"{datetime.fromtimestamp(TIME // 10**9):%b %e %H:%M:%S}"

    expected = f"<156>{day} falcohost: 22:13:20.123456789: Warning rule a fired".encode() + end
    assert expected == link.recv(65536)
    link.close()
    output.close()


def test_a_daemon_that_is_restarted(local):
    """The next message goes to the new daemon; while there is none, none is taken."""
    local(socket.SOCK_DGRAM).close()
    output = make()
    with pytest.raises(OutputError, match=r"cannot send to syslog at .*/log: Connection refused"):
        output.deliver([alert("a")])

    first = local(socket.SOCK_DGRAM)
    output.deliver([alert("a")])
    first.close()
    second = local(socket.SOCK_DGRAM)
    output.deliver([alert("b")])
    assert second.recv(65536).endswith(b"Warning rule b fired")
    output.close()


def test_udp_without_a_server():
    """On this machine no datagram counts as sent while nobody listens, so none is lost; later they all arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        where = server.getsockname()
    output = make(f"udp://127.0.0.1:{where[1]}")
    for _ in range(3):
        with pytest.raises(OutputError, match="Connection refused"):
            output.deliver([alert("one")])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind(where)
        output.deliver([alert("one"), alert("two")])

        assert [rfc5424("one"), rfc5424("two")] == [server.recv(65536) for _ in range(2)]
    output.close()


def test_udp():
    """A server gets a datagram per alert, with time and host of the alert; a long one is cut at a character."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        output = make(f"udp://127.0.0.1:{server.getsockname()[1]}")
        long = msgspec.structs.replace(alert("b"), output="ü" * LONGEST)
        output.deliver([alert("a"), long])

        assert rfc5424("a") == server.recv(65536)
        cut = server.recv(65536)
        assert (True, "ü…") == (len(cut) < LONGEST + 4, cut.decode()[-2:])
    output.close()


def test_tcp(serve):
    """Octets are counted, so that a line break ends no message; a server that hangs up is connected to again."""
    server = serve()
    output = make(f"tcp://localhost:{server.port}")
    output.deliver([alert("a\n<1>forged"), alert("b")])
    wait_for(lambda: len(messages(b"".join(server.received))) == 2)
    server.hang_up()
    output.deliver([alert("c")])
    wait_for(lambda: len(server.received) == 2 and server.received[1])

    assert [rfc5424("a\n<1>forged"), rfc5424("b")] == messages(server.received[0])
    assert [rfc5424("c")] == messages(server.received[1])
    output.close()


def test_tls(serve, tmp_path):
    """A server whose certificate is trusted gets the messages, and sees the client's; another gets nothing."""
    own, other = tmp_path / "own.pem", tmp_path / "other.pem"
    for path in (own, other):
        self_signed(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(other)
    server = serve(context)
    address = f"tls://localhost:{server.port}"
    output = make(address, ca_cert=str(own), client_cert=str(other))
    for name in ("a", "b"):
        output.deliver([alert(name)])
    wait_for(lambda: server.received and len(messages(server.received[0])) == 2)
    output.close()

    assert [rfc5424("a"), rfc5424("b")] == messages(server.received[0])
    with pytest.raises(OutputError, match=r"cannot send to syslog at tls://localhost:.*: its certificate is refused: "):
        make(address, ca_cert=str(other)).deliver([alert("c")])
    with pytest.raises(OutputError, match=r"certificates of the syslog output cannot be used \(/none\): No such file"):
        make(address, ca_cert="/none")


def test_what_is_written(local):
    """The number is that of facility and priority; a host's name has printable characters only."""
    daemon = local(socket.SOCK_DGRAM)
    output = make(facility="authpriv")
    for priority in Priority:
        output.deliver([msgspec.structs.replace(alert("a"), priority=priority)])
    numbers = [int(daemon.recv(65536)[1:].partition(b">")[0]) for _ in Priority]
    assert list(range(80, 88)) == numbers
    odd = msgspec.structs.replace(alert("a"), hostname="a b\nü")
    assert b" a?b?? falcohost - " in syslog._rfc5424(odd, 1, Form())
    output.close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("udp://log.example", ("udp", "log.example", 514)),
        ("tcp://10.0.0.1:1514/", ("tcp", "10.0.0.1", 1514)),
        ("tls://[2001:db8::1]", ("tls", "2001:db8::1", 6514)),
        ("tls://[2001:db8::1]:99", ("tls", "2001:db8::1", 99)),
    ],
)
def test_addresses(text, address):
    """An address has a scheme, a host, and a port that has a default; it is what the output connects to."""
    assert address == read_address(text)
    assert ["/dev/log" if address is None else f"{address[1]}:{address[2]}"] == syslog_addresses({"address": text})


@pytest.mark.parametrize(
    "text", ["log.example", "http://x", "udp://", "udp://x:0", "udp://x:65536", "udp://x:1:2", "udp://a b", "tcp://x/y"]
)
def test_what_is_no_address(text):
    """What is wrong and what an address looks like is said."""
    with pytest.raises(ValueError, match="has to be empty, or like udp://HOST:514"):
        read_address(text)


def test_doctor(serve):
    """A server that is not there stops no start; a certificate that cannot be used does."""
    server = serve()
    block = {"address": f"tcp://127.0.0.1:{server.port}", "facility": "user"}
    assert syslog_problem(block) is None
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    problem = syslog_problem(block | {"address": f"tcp://127.0.0.1:{port}"})
    assert isinstance(problem, RetriedProblem)
    assert f"cannot send to syslog at tcp://127.0.0.1:{port}: Connection refused; alerts wait" in problem
    files = {"ca_cert": "/none", "client_cert": "", "client_key": ""}
    problem = syslog_problem(block | files | {"address": "tls://127.0.0.1:1"})
    assert "cannot be used" in problem
    assert not isinstance(problem, RetriedProblem)
