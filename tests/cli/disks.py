"""An agent whose state and output files are on a file system of their own, with which tests do what disks do."""

import json

from falcohost.testing.waiting import wait_until

CONFIG = """
json_output: true
falcohost: {{json_include_id: true}}
outputs:
  posted: {{type: http, url: "http://127.0.0.1:{port}/", keep_alive: true}}
  filed: {{type: file, filename: {disk}/filed}}
  kept: {{type: file, filename: {disk}/kept, keep_alive: true}}
  runs: {{type: program, program: "cat >> {open}/runs", rules: ["Falcohost internal*"]}}
"""


class Disk:
    """A small file system, with an agent whose state and output files are on it."""

    def __init__(self, home, folder, receiver):
        self.home, self.folder, self.receiver = home, folder, receiver
        home.environment["FALCOHOST_STATE_DIR"] = str(folder / "state")
        self.state, self.open = folder / "state", folder / "open"
        self.open.mkdir()
        self.open.chmod(0o777)
        config = CONFIG.format(port=receiver.port, disk=folder, open=self.open)
        arguments = home.setup(config, numbers={"interval": 0.02, "cursor": True})
        self.agent = home.agent(*arguments, "--enable-source", "numbers")
        self.agent.wait_for("Ready after")

    def alerts(self):
        """Return the alerts that were posted."""
        return [json.loads(body) for body in self.receiver.bodies]

    def told(self, rule, times=1):
        """Wait for an alert of the agent about itself, or for several."""
        wait_until(lambda: [one["rule"] for one in self.alerts()].count(rule) >= times, lambda: self.agent.stderr)

    def goes_on(self):
        """Wait until ten more numbers have arrived; return all of them."""
        before = len(self.values())
        wait_until(lambda: len(self.values()) > before + 10, lambda: self.agent.stderr)
        return self.values()

    def values(self):
        """Return the numbers that were posted."""
        return [one["output_fields"]["number.value"] for one in self.alerts() if one["source"] == "numbers"]

    def written(self, name):
        """Return the numbers in an output file whose lines are all whole."""
        lines = (self.folder / name).read_text().rpartition("\n")[0].splitlines()
        found = [json.loads(line)["output_fields"] for line in lines]
        return [one["number.value"] for one in found if "number.value" in one]

    def wait_until_written(self, name):
        """Wait until all numbers that were posted so far are in a file."""
        wanted = set(self.values())
        wait_until(lambda: wanted <= set(self.written(name)), lambda: self.agent.stderr)

    def stored(self):
        """Return the numbers that are stored."""
        found = map(json.loads, self.home.run("alerts", "--json").stdout.splitlines())
        return {one["output_fields"]["number.value"] for one in found if one["source"] == "numbers"}
