"""The files of the rules cache: who may have written them, and what happens when something goes wrong."""

import os
import stat
import threading
import time

import pytest

from falcohost.rules import cache_files
from falcohost.rules.cache_files import UntrustedFile, cache_directory, read, write

KEY = b"k" * 32
NAME = f"rules-{KEY.hex()}"
NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def cache(tmp_path):
    """Return a folder that is not there yet."""
    return tmp_path / "state" / "cache"


def names(folder):
    """Return the names of the files in *folder*."""
    return [path.name for path in folder.iterdir()]


def test_what_was_written_is_read(cache):
    """A file comes back whole, and nobody else can read it."""
    write(cache, KEY, b"content")

    assert b"content" == read(cache, KEY)
    assert [NAME] == names(cache)
    assert 0o600 == stat.S_IMODE((cache / NAME).stat().st_mode)
    assert 0o700 == stat.S_IMODE(cache.stat().st_mode)


def test_nothing_is_there_at_first(cache):
    """An entry that was never written is missing, whether or not the folder exists."""
    with pytest.raises(FileNotFoundError):
        read(cache, KEY)
    write(cache, b"other" + KEY, b"content")
    with pytest.raises(FileNotFoundError):
        read(cache, KEY)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_can_write_is_not_read(cache, mode):
    """Group and others must not be able to write the file."""
    write(cache, KEY, b"content")
    (cache / NAME).chmod(mode)

    with pytest.raises(UntrustedFile):
        read(cache, KEY)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_can_write_is_not_used(cache, mode):
    """Group and others must not be able to write the folder, sticky or not."""
    write(cache, KEY, b"content")
    cache.chmod(mode)

    with pytest.raises(UntrustedFile):
        read(cache, KEY)
    with pytest.raises(UntrustedFile):
        write(cache, KEY, b"content")


@needs_root
def test_what_belongs_to_another_user_is_not_used(cache):
    """A file or a folder of another user is not used."""
    write(cache, KEY, b"content")
    os.chown(cache / NAME, NOBODY, NOBODY)
    with pytest.raises(UntrustedFile):
        read(cache, KEY)
    os.chown(cache / NAME, 0, 0)
    os.chown(cache, NOBODY, NOBODY)

    with pytest.raises(UntrustedFile):
        read(cache, KEY)
    with pytest.raises(UntrustedFile):
        write(cache, KEY, b"content")


def test_links_are_not_followed(cache, tmp_path):
    """Neither the folder nor the file may be a symbolic link."""
    write(cache, KEY, b"content")
    (tmp_path / "link").symlink_to(cache)
    (cache / NAME).rename(cache / "elsewhere")
    (cache / NAME).symlink_to("elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        read(cache, KEY)
    with pytest.raises(OSError, match=r"directory|symbolic"):
        read(tmp_path / "link", KEY)
    with pytest.raises(OSError, match=r"directory|symbolic"):
        write(tmp_path / "link", KEY, b"content")


def test_a_link_in_the_place_of_the_file_is_replaced(cache, tmp_path):
    """Writing puts a new file where a link was, and leaves alone what it pointed to."""
    write(cache, b"other" + KEY, b"content")
    victim = tmp_path / "victim"
    victim.write_bytes(b"as it was")
    (cache / NAME).symlink_to(victim)
    write(cache, KEY, b"content")

    assert b"as it was" == victim.read_bytes()
    assert b"content" == read(cache, KEY)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_read(cache, make):
    """A folder or a pipe in the place of the file is an error, and does not keep anybody waiting."""
    write(cache, b"other" + KEY, b"content")
    make(cache / NAME, 0o600)

    with pytest.raises((OSError, UntrustedFile)):
        read(cache, KEY)


def test_huge_files_are_neither_read_nor_written(cache, monkeypatch):
    """The size of one file is bounded."""
    write(cache, KEY, b"content")
    monkeypatch.setattr(cache_files, "MAX_SIZE", 6)

    with pytest.raises(UntrustedFile):
        read(cache, KEY)
    with pytest.raises(OSError, match="too many"):
        write(cache, KEY, b"content")


def test_what_was_not_asked_for_the_longest_goes_first(cache, monkeypatch):
    """Only so many files are kept: those that were read or written last."""
    monkeypatch.setattr(cache_files, "MAX_FILES", 3)
    keys = [bytes([number]) * 32 for number in range(4)]
    for age, key in enumerate(keys[:3]):
        write(cache, key, b"content")
        os.utime(cache / f"rules-{key.hex()}", (age, age))
    read(cache, keys[0])
    write(cache, keys[3], b"content")

    assert {f"rules-{keys[number].hex()}" for number in (0, 2, 3)} == set(names(cache))


def test_all_files_together_are_bounded(cache, monkeypatch):
    """Only so many bytes are kept."""
    monkeypatch.setattr(cache_files, "MAX_TOTAL", 10)
    for number in range(4):
        key = bytes([number]) * 32
        write(cache, key, b"12345")
        os.utime(cache / f"rules-{key.hex()}", (number, number))

    assert 2 == len(names(cache))


def test_files_of_others_stay(cache):
    """Where the folder is shared, only our own files are removed: also those of writers that died long ago."""
    write(cache, KEY, b"content")
    foreign = cache / "rules-of-the-house"
    dead, alive = cache / f"{NAME}.{'0' * 16}.new", cache / f"{NAME}.{'1' * 16}.new"
    for file in (foreign, dead, alive):
        file.write_bytes(b"")
    long_ago = time.time() - 3600
    for file in (foreign, dead):
        os.utime(file, (long_ago, long_ago))
    write(cache, KEY, b"content")

    assert {NAME, foreign.name, alive.name} == set(names(cache))


def test_a_write_that_fails_leaves_nothing(cache, monkeypatch):
    """If the new file cannot take its place, it is removed and the old one stays."""
    write(cache, KEY, b"content")

    def fail(*args, **kwargs):
        raise OSError("no")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="no"):
        write(cache, KEY, b"other")

    assert [NAME] == names(cache)
    assert b"content" == read(cache, KEY)


def test_writers_and_readers_at_the_same_time(cache):
    """Whoever reads while others write finds one of the whole files, never a part or a mixture."""
    contents = [bytes([number]) * 300_000 for number in range(4)]
    write(cache, KEY, contents[0])
    wrong = []

    def work(content):
        for _ in range(30):
            write(cache, KEY, content)
            found = read(cache, KEY)
            if found not in contents:
                wrong.append(found[:10])

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong
    assert [NAME] == names(cache)


def test_where_the_cache_is(monkeypatch):
    """The variable says where; else systemd does; else it is among root's caches, or among the user's."""
    monkeypatch.setenv("FALCOHOST_CACHE_DIR", "/a")
    monkeypatch.setenv("CACHE_DIRECTORY", "/b:/c")
    monkeypatch.setenv("XDG_CACHE_HOME", "/d")
    assert "/a" == str(cache_directory())
    monkeypatch.delenv("FALCOHOST_CACHE_DIR")
    assert "/b" == str(cache_directory())
    monkeypatch.delenv("CACHE_DIRECTORY")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "/var/cache/falcohost" == str(cache_directory())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "/d/falcohost" == str(cache_directory())
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/u")
    assert "/home/u/.cache/falcohost" == str(cache_directory())


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    """Where nobody knows the user's home, as in some containers, there is no cache, and no error either."""
    for name in ("FALCOHOST_CACHE_DIR", "CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)

    assert cache_directory() is None
