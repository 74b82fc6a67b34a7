"""The output ``syslog`` with a real daemon: rsyslog has each field of each message, over every way to it."""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from falcohost.alert import Priority
from falcohost.outputs import syslog, syslog_transport
from falcohost.outputs.syslog import make_syslog
from falcohost.testing import skip_or_fail
from falcohost.testing.certificates import self_signed
from falcohost.testing.outputs import alert
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until

CONFIG = """
global(
    workDirectory="{folder}"
    DefaultNetstreamDriverCAFile="{folder}/cert.pem"
    DefaultNetstreamDriverCertFile="{folder}/cert.pem"
    DefaultNetstreamDriverKeyFile="{folder}/cert.pem"
)
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imptcp")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imuxsock" Socket="{folder}/log" CreatePath="off")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imptcp" address="127.0.0.1" port="{tcp}")
input(type="imtcp" address="127.0.0.1" port="{tls}")
template(name="fields" type="list" option.jsonf="on") {{
    property(outname="pri" name="pri" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="id" name="msgid" format="jsonf")
    property(outname="text" name="msg" format="jsonf")
}}
action(type="omfile" file="{folder}/received" template="fields")
"""


class Form:
    """An alert's line is its output."""

    json = False

    def line(self, one):
        """Return the line."""
        return one.output.encode()


class Rsyslog:
    """A running daemon."""

    def __init__(self, folder):
        self.folder = folder
        self._ports = {kind: Port() for kind in ("udp", "tcp", "tls")}
        self.ports = {kind: port.number for kind, port in self._ports.items()}
        self_signed(folder / "cert.pem")
        (folder / "rsyslog.conf").write_text(CONFIG.format(folder=folder, **self.ports))
        for port in self._ports.values():
            port.close()
        command = ["rsyslogd", "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"]
        with (folder / "stderr").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        wait_until((folder / "log").exists, lambda: (folder / "stderr").read_text())

    def received(self, word, count):
        """Return the fields of the *count* messages whose text has *word*, once they are there."""
        found = []

        def look():
            path = self.folder / "received"
            lines = path.read_text().splitlines() if path.exists() else []
            found[:] = [line for line in lines if word in line]
            return len(found) >= count

        wait_until(look, lambda: (len(found), (self.folder / "stderr").read_text()))
        return [json.loads(line) for line in found]

    def stop(self):
        """Stop it."""
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory):
    """Return a daemon that listens in every way."""
    if not shutil.which("rsyslogd") or not [*Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so")]:
        skip_or_fail("rsyslog", "rsyslog is missing: apt-get install rsyslog rsyslog-openssl")
    running = Rsyslog(tmp_path_factory.mktemp("rsyslog"))
    yield running
    running.stop()


@pytest.mark.parametrize("way", ["", "udp", "tcp", "tls"])
def test_every_field(rsyslog, monkeypatch, way):
    """Number, time, host, program and text of every message are those of the alert."""
    monkeypatch.setattr(syslog, "Local", lambda: syslog_transport.Local(str(rsyslog.folder / "log")))
    alerts = [
        msgspec.structs.replace(alert(f"{way}-{number}"), priority=Priority(number % 8), hostname="web-1")
        for number in range(20)
    ]
    address = f"{way}://localhost:{rsyslog.ports[way]}" if way else ""
    certificates = {"ca_cert": str(rsyslog.folder / "cert.pem"), "client_cert": "", "client_key": ""}
    output = make_syslog({"address": address, "facility": "local0", **certificates}, Form())
    output.deliver(alerts)
    received = rsyslog.received(f"rule {way}-", len(alerts))
    output.close()

    for one, found in zip(alerts, received, strict=True):
        assert (str(128 + one.priority), "falcohost", one.output) == (found["pri"], found["app"], found["text"].strip())
        if way:
            sent = ("2023-11-14T22:13:20.123456+00:00", "web-1", "alert")
            assert sent == (found["time"].replace("Z", "+00:00"), found["host"], found["id"])
