# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix's server for gunicorn, whose access log is the ledger."""

FIXED = {"/tiny.txt": b"x" * 612, "/large.bin": bytes(range(256)) * 400}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    status, body = "200 OK", b""
    if path in FIXED:
        body = FIXED[path]
    elif path.startswith("/page/"):
        body = b"y" * 100
    elif path == "/echo":
        while environ["wsgi.input"].read(65536):
            pass
        body = b"thank you\n"
    elif path == "/chunked":
        start_response(status, [("Content-Type", "text/plain")])
        return (b"z" * (n * 50) for n in range(1, 6))
    else:
        status = {"/none": "204 No Content", "/broken": "503 Unavailable"}.get(path, "404 Nothing")
    length = [] if path == "/none" else [("Content-Length", str(len(body)))]
    start_response(status, [("Content-Type", "text/plain"), *length])
    return [body] if body and environ["REQUEST_METHOD"] != "HEAD" else []
