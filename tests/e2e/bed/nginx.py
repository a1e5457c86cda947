# SPDX-License-Identifier: GPL-2.0-or-later
"""nginx with a private prefix. Its access log, one line per request, is the ledger of HTTP."""

import collections
import time

from . import procs, tap

TINY_BYTES = 612
LARGE_BYTES = 100 << 10

_CONFIG = """
daemon off;
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format ledger '$status\\t$request_method\\t$request_uri\\t$bytes_sent\\t'
                      '$request_length\\t$server_port';
    access_log {log};
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type text/plain;
    sendfile {sendfile};
    keepalive_timeout 75;
    keepalive_requests 100000000;
    client_max_body_size 64m;
    if_modified_since before;
    upstream self {{ server 127.0.0.1:{back}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen [::1]:{port};
        listen unix:{sock};
        root {dir}/html;
        location /none {{ return 204; }}
        location = /status {{ stub_status; }}
        location /echo {{ return 200 "thank you\\n"; }}
        location /moved {{ return 301 /; }}
        location /broken {{ return 503; }}
        location /proxy/ {{
            proxy_pass http://self/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location /slow/ {{ proxy_pass http://127.0.0.1:{slow}/; }}
    }}
    server {{
        listen 127.0.0.1:{back};
        root {dir}/html;
        location /echo {{ return 200 "thank you\\n"; }}
    }}
}}
"""


class Request(collections.namedtuple("Request", "status method uri sent received port")):
    """One line of the access log, as redtap is to see it."""

    @classmethod
    def parse(cls, line):
        status, method, uri, sent, received, port = line.split("\t")
        # 499, and a response of which not one byte could be sent: the connection ended without a
        # head
        if status == "499" or sent == "0":
            status = "error"
        return cls(status, method, uri.partition("?")[0], int(sent), int(received), port)


class Nginx:
    """Files /tiny.txt, /large.bin, /page/N.txt; /none 204, /echo takes bodies, /broken 503,
    /moved 301, /proxy/ goes to itself over HTTP, /slow/ to `slow_port`.
    """

    def __init__(self, sendfile=True, log=True, cpus=None):
        if why := procs.have("nginx"):
            tap.skip(why)
        number = 0
        while (home := procs.run_dir() / f"nginx{number}").exists():
            number += 1
        self.home = home
        (home / "html" / "page").mkdir(parents=True)
        (home / "html" / "tiny.txt").write_bytes(b"x" * TINY_BYTES)
        (home / "html" / "index.html").write_bytes(b"<h1>nginx</h1>\n")
        (home / "html" / "large.bin").write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))
        for n in range(1, 6):
            (home / "html" / "page" / f"{n}.txt").write_bytes(b"y" * (100 * n))
        self.port, self.back_port, self.slow_port = (procs.free_port() for _ in range(3))
        self.socket = home / "s"
        self.log = home / "access.log"
        self.log.touch()
        config = home / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                dir=home,
                port=self.port,
                back=self.back_port,
                slow=self.slow_port,
                sock=self.socket,
                sendfile="on" if sendfile else "off",
                log=f"{self.log} ledger" if log else "off",
            )
        )
        self.proc = procs.spawn(
            ["nginx", "-p", home, "-c", config, "-e", home / "error.log"], name="nginx", cpus=cpus
        )
        procs.await_port(self.proc, self.port)

    def url(self, path="/tiny.txt", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def stop(self):
        self.proc.stop()

    def mark(self):
        """Where the log stands: what later requests() begin from."""
        return self.log.stat().st_size

    def requests(self, mark=0):
        """The log's lines since `mark`, once nginx has written them all."""
        size = -1
        while size != (size := self.log.stat().st_size) or not self.proc.idle():
            time.sleep(0.3)  # a line is written when its request ends, clients may be ahead
        with open(self.log) as f:
            f.seek(mark)
            return [Request.parse(line.rstrip("\n")) for line in f]
