# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTTP servers of the client matrix, each with the ledger it keeps itself: see
tests/matrix/http/README.md for what they answer.
"""

import collections
import re
import time

from . import procs, tap, toolchain
from .nginx import LARGE_BYTES, TINY_BYTES, Nginx

HERE = toolchain.SOURCES / "http"
REQUIREMENTS = "http/python/requirements.txt"

_APACHE = """
ServerName localhost
ServerRoot {dir}
PidFile {dir}/pid
Mutex file:{dir}
Listen 127.0.0.1:{port}
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule rewrite_module {modules}/mod_rewrite.so
LoadModule dir_module {modules}/mod_dir.so
ErrorLog {dir}/error.log
LogFormat "%m %U %>s" ledger
CustomLog {dir}/access.log ledger
DocumentRoot {dir}/html
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LogLevel warn
EnableSendfile On
RewriteEngine On
RewriteRule ^/none$ - [R=204,L]
RewriteRule ^/broken$ - [R=503,L]
"""
_HAPROXY = """
global
    log stdout len 4096 format raw local0
defaults
    mode http
    log global
    log-format "%HM %HP %ST"
    option http-keep-alive
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    server one 127.0.0.1:{back}
"""


class Web:
    """A server process whose output has one line per answered request."""

    line = re.compile(r"^([A-Z]+) (/\S*) (\d{3})$", re.M)

    def __init__(self, argv, port, service, version, **how):
        self.port, self.service, self.version = port, service, version
        how.setdefault("env", {"OTEL_SERVICE_NAME": service})
        self.proc = procs.spawn(argv, name=service, **how)
        procs.await_port(self.proc, port)

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def _text(self):
        return self.proc.output()

    def _whole(self):
        """The log once no line is added any more."""
        text = None
        while text != (text := self._text()):
            time.sleep(0.25)
        return text

    def mark(self):
        """Where the log stands, for answered()."""
        return len(self._whole())

    def answered(self, mark):
        """Counter of (method, path, status) since `mark`."""
        return collections.Counter(
            (method, path.partition("?")[0], status)
            for method, path, status in self.line.findall(self._whole()[mark:])
        )

    def stop(self):
        self.proc.stop()


def _built(built):
    path, why = built
    if why:
        raise tap.Skip(why)
    return path


def pip_version(package):
    text = (toolchain.SOURCES / REQUIREMENTS).read_text()
    return re.search(rf"^{package}==(.*)$", text, re.M)[1]


def said(argv, pattern):
    return re.search(pattern, procs.run(argv))[1]


def uvicorn(http):
    python = _built(toolchain.python(REQUIREMENTS))
    port = procs.free_port()
    argv = [python, "-m", "uvicorn", "asgi_app:app", "--port", port, "--http", http]
    version = f"{pip_version('uvicorn')}, {http} {pip_version(http)}"
    web = Web(argv, port, "uvicorn", version, cwd=HERE / "python")
    web.line = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.[01]" (\d{3})')
    return web


def gunicorn():
    python = _built(toolchain.python(REQUIREMENTS))
    port = procs.free_port()
    argv = [python, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", 16]
    argv += ["--keep-alive", 60, "--access-logfile", "-", "--access-logformat", "%(m)s %(U)s %(s)s"]
    argv += ["--no-control-socket", "wsgi_app:app"]
    return Web(argv, port, "gunicorn", pip_version("gunicorn"), cwd=HERE / "python")


def node():
    if why := procs.have("node"):
        tap.skip(why)
    port = procs.free_port()
    version = procs.run(["node", "--version"]).strip().removeprefix("v")
    return Web(["node", HERE / "node" / "server.js", port], port, "node", version)


def go():
    program = _built(toolchain.go("http/go", "server"))
    port = procs.free_port()
    web = Web([program, port], port, "go", "")
    web.version = re.search(r"^go([\d.]+)", web._text(), re.M)[1]
    return web


def hyper():
    program = _built(toolchain.cargo("http/rust", "http_hyper"))
    port = procs.free_port()
    return Web([program, port], port, "hyper", toolchain.locked("http/rust/Cargo.lock", "hyper"))


class _Nginx(Nginx):
    service = "nginx"

    def __init__(self, sendfile):
        super().__init__(sendfile=sendfile)
        self.version = said(["sh", "-c", "nginx -v 2>&1"], r"nginx/([\d.]+)")

    def answered(self, mark):
        return collections.Counter((x.method, x.uri, x.status) for x in self.requests(mark))


def nginx(sendfile):
    return _Nginx(sendfile)


def files(home):
    """What a server of files gives out."""
    html = home / "html"
    (html / "page").mkdir(parents=True)
    (html / "tiny.txt").write_bytes(b"x" * TINY_BYTES)
    (html / "large.bin").write_bytes(b"l" * LARGE_BYTES)
    (html / "echo").write_bytes(b"thank you\n")
    for n in range(1, 4):
        (html / "page" / f"{n}.txt").write_bytes(b"y" * 100)


def apache():
    if why := procs.have("apache2"):
        tap.skip(why)
    home, port = procs.open_to("www-data"), procs.free_port()
    files(home)
    config = home / "apache.conf"
    config.write_text(_APACHE.format(dir=home, port=port, modules="/usr/lib/apache2/modules"))
    version = said(["apache2", "-v"], r"Apache/([\d.]+)")
    argv = ["apache2", "-f", config, "-DFOREGROUND"]
    web = Web(argv, port, "apache2", version, cwd=home, env={})
    web._text = (home / "access.log").read_text
    return web


class _Haproxy(Web):
    """It answers a connection that closes without a word with 400, and logs that (wrk makes one to
    see whether the server is there).
    """

    line = re.compile(r"^(<BADREQ>|[A-Z]+) (\S+) (\d{3})$", re.M)

    def answered(self, mark):
        return collections.Counter(
            {
                (("_OTHER", "other", status) if method == "<BADREQ>" else (method, path, status)): n
                for (method, path, status), n in super().answered(mark).items()
            }
        )


def haproxy(back):
    """In front of another server, to which it is a client."""
    if why := procs.have("haproxy"):
        tap.skip(why)
    port = procs.free_port()
    config = procs.run_dir() / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, back=back.port))
    version = said(["haproxy", "-v"], r"version ([\d.]+)")
    return _Haproxy(["haproxy", "-db", "-f", config], port, "haproxy", version, env={})
