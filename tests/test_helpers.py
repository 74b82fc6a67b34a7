"""What helpers have in common."""

import subprocess
import sys

#: Decodes what nests as deeply as the decoder allows, which differs by Python's version.
DECODES = """
import threading
import msgspec
from falcohost.helpers import prepare_threads

def decode():
    for depth in (900, 4_000, 9_000, 1_000_000):
        try:
            value = msgspec.json.decode(b'{"a":' * depth + b"1" + b"}" * depth)
        except RecursionError:
            print("refused")
            return
        msgspec.json.encode(value)

prepare_threads()
thread = threading.Thread(target=decode)
thread.start()
thread.join()
"""


def test_a_thread_decodes_what_nests_deeply():
    """Its stack is enough for what the decoder allows: an answer of a runtime must not end the helper."""
    assert (
        "refused\n"
        == subprocess.run([sys.executable, "-c", DECODES], capture_output=True, check=True, text=True).stdout
    )
