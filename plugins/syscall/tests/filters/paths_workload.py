"""Makes calls that take paths and leave no descriptor, by names of every kind: run under a source that watches.

Arguments: a seed, how many calls to make, and a folder that may be filled. Prints for each call a line of JSON: its
name, what it returned, and what its paths lead to, as found beforehand; "" where that cannot be said.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from names_workload import FILES, FOLDERS, fill, move, spelled


def entry(path: str) -> str:
    """Return the directory entry that a path names, whose last component is not followed."""
    folder, name = os.path.split(path.rstrip("/"))
    if name in ("", ".", ".."):
        return ""
    return str(Path(os.path.realpath(folder or "."), name))


def followed(path: str) -> str:
    """Return what a path leads to in the end."""
    return os.path.realpath(path) if path else ""


#: Event types, the call, how many paths it takes, and what of its first path is worked on.
CALLS: tuple[tuple[str, Callable[..., None], int, Callable[[str], str]], ...] = (
    ("unlink", os.unlink, 1, entry),
    ("rmdir", os.rmdir, 1, entry),
    ("mkdir", os.mkdir, 1, entry),
    ("mknodat", partial(os.mknod, mode=stat.S_IFREG | 0o600), 1, entry),
    ("symlink", partial(os.symlink, "a"), 1, entry),
    ("chmod", partial(os.chmod, mode=0o755), 1, followed),
    ("chown", partial(os.chown, uid=0, gid=0), 1, followed),
    ("lchown", partial(os.lchown, uid=0, gid=0), 1, entry),
    ("rename", os.rename, 2, entry),
    ("link", os.link, 2, entry),
)


def stays(path: str, tops: list[str]) -> bool:
    """Return whether a path is in the folder: nothing else may be changed."""
    return any(path.startswith(f"{top}/") for top in tops)


def is_nowhere() -> bool:
    """Return whether the working directory has been removed; "." still leads to it then, and its path does not."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def go(random: Random, tops: list[str]) -> None:
    """Change the working directory, now and then and where it is gone."""
    if random.random() < 0.1 or is_nowhere():
        os.chdir(random.choice([top or "/" for top in tops if Path(top or "/").is_dir()]))
        path = spelled(random, random.choice(tops))
        if stays(followed(path), tops) and Path(path).is_dir():
            os.chdir(path)


def repair(top: str) -> None:
    """Bring back what is gone from the folder, by another process, whose calls are not looked at."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    for make, names in ((Path.mkdir, FOLDERS), (Path.touch, FILES)):
        for name in names:
            with contextlib.suppress(OSError):
                make(Path(f"{top}/{name}"))
    os._exit(0)


def main() -> None:
    """Fill the folder, go somewhere, make calls."""
    random = Random(sys.argv[1])
    top = Path(sys.argv[3])
    fill(top)
    os.setgid(54321)
    tops = move(random, top)
    os.chdir(tops[0] or "/")
    for number in range(int(sys.argv[2])):
        if number % 10 == 0:
            repair(tops[0])
        go(random, tops)
        name, call, count, first = random.choice(CALLS)
        paths = [spelled(random, random.choice(tops)) for _ in range(count)]
        truths = [work_on(path) for work_on, path in zip((first, entry), paths, strict=False)]
        if all(truth == "" or stays(truth, tops) for truth in truths):
            try:
                call(*paths)
                result = 0
            except OSError as error:
                result = -(error.errno or 0)
            print(json.dumps([name, result, *truths, ""][:4]))


if __name__ == "__main__":
    main()
