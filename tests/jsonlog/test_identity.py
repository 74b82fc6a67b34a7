"""Which file a path stands for."""

import subprocess

from falcohost.jsonlog.identity import look


def test_a_file_is_its_number_and_its_birth(tmp_path):
    """The name of a file has its inode number and when it was made, to the nanosecond, as stat(1) tells them."""
    file = tmp_path / "log"
    file.touch()
    command = ["stat", "--format", "%i %.9W", str(file)]
    number, birth = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert "0.000000000" != birth
    assert f"{int(number):x}.{int(birth.replace('.', '')):x}" == look(str(file)).file
