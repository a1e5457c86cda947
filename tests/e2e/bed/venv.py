# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python environment of the services under test: FastAPI, uvicorn, asyncpg, aiokafka at the
versions of requirements.txt, installed once under build/cache."""

import functools
import hashlib
import shutil
import subprocess
import sys

from . import procs, tap

REQUIREMENTS = procs.ROOT / "tests" / "e2e" / "requirements.txt"


@functools.cache
def _install():
    """(directory, None), or (None, why not)."""
    want = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    home = procs.CACHE / "venv"
    mark = home / "requirements.sha256"
    if mark.exists() and mark.read_text() == want:
        return home, None
    shutil.rmtree(home, ignore_errors=True)
    procs.CACHE.mkdir(parents=True, exist_ok=True)
    log = procs.run_dir() / "pip.log"
    with open(log, "wb") as sink:
        for argv in (
            [sys.executable, "-m", "venv", home],
            [home / "bin/pip", "install", "-q", "-r", REQUIREMENTS],
        ):
            try:
                r = subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, timeout=300
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as e:
                r = e
            if r:
                last = (log.read_text().splitlines() or [str(r)])[-1]
                return None, f"the Python packages could not be installed: {last[:150]}"
    mark.write_text(want)
    return home, None


def home():
    """The environment's directory; skips the test when it cannot be had."""
    path, why = _install()
    if not path:
        tap.skip(why)
    return path


def python():
    return home() / "bin" / "python"


def uvicorn():
    return home() / "bin" / "uvicorn"
