"""An agent with endpoints, and what asks them, for tests."""

import contextlib
import http.client

from falcohost.host.health.given import NAME as HEALTH
from falcohost.testing.ports import Port

SOURCE = ("--enable-source", "numbers")

#: Everything that can be switched on.
CONFIG = """
json_output: true
webserver: {{enabled: true, listen_port: {port}, prometheus_metrics_enabled: true}}
metrics: {{enabled: true, interval: 300ms, output_rule: true, output_file: {folder}/snapshots}}
"""


class Client:
    """Asks an agent's endpoints."""

    def __init__(self, running, port):
        self.agent = running
        self.port = port

    def ask(self, path, method="GET", host="localhost", **headers):
        """Return status, headers and text of an answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(link):
            link.putrequest(method, path, skip_host=True)
            for name, value in {"Host": host, **headers}.items():
                if value is not None:
                    link.putheader(name, value)
            link.endheaders()
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def status(self, path, **how):
        """Return the status of an answer; 0: nobody listens."""
        try:
            return self.ask(path, **how)[0]
        except OSError:
            return 0

    @property
    def process(self):
        """The pid of the process that answers."""
        return self.agent.service(HEALTH)


@contextlib.contextmanager
def serving(home, until, config=CONFIG, **numbers):
    """Run an agent with endpoints; return what asks them once they answer."""
    port = Port()
    text = config.format(port=port.number, folder=home.folder)
    started = home.agent(*home.setup(text, numbers={"interval": 0.02, "lose": 3} | numbers), *SOURCE)
    port.close()
    client = Client(started, port.number)
    until(lambda: client.status("/readyz") == 200, lambda: started.stderr)
    yield client


def value(text, name):
    """Return the value that stands behind *name*, with its labels, in the metrics *text*; 0 if it is not there."""
    lines = (line.rpartition(" ") for line in text.splitlines())
    return next((float(found) for named, _, found in lines if named == name), 0.0)
