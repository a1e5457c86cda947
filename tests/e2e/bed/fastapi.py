# SPDX-License-Identifier: GPL-2.0-or-later
"""A FastAPI service under uvicorn; its access log is a ledger."""

import collections
import re

from . import procs, venv

_LINE = re.compile(r'INFO:\s+\S+ - "([A-Z]+) (\S+) HTTP/1\.1" (\d{3})')


class Uvicorn:
    """`uvicorn MODULE:app` with `directory` as its working directory."""

    def __init__(self, module, directory, env=None, port=None):
        self.port = port or procs.free_port()
        self.proc = procs.spawn(
            [venv.uvicorn(), f"{module}:app", "--host", "127.0.0.1", "--port", self.port],
            name=module.partition(".")[0],
            env=env,
            cwd=directory,
        )
        procs.await_port(self.proc, self.port, timeout=60)

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def mark(self):
        return len(self.proc.output())

    def requests(self, mark=0):
        """Counter of (method, path, status) of its access log."""
        return collections.Counter(
            (m, p.partition("?")[0], s) for m, p, s in _LINE.findall(self.proc.output()[mark:])
        )

    def stop(self):
        return self.proc.stop()
