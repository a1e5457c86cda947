# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix's server for uvicorn, whose access log is the ledger."""

TEXT = [(b"content-type", b"text/plain")]
FIXED = {"/tiny.txt": b"x" * 612, "/large.bin": bytes(range(256)) * 400}


async def read_body(receive):
    while (await receive()).get("more_body"):
        pass


async def answer(send, status, body=b""):
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": TEXT + length})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path in FIXED:
        await answer(send, 200, FIXED[path])
    elif path.startswith("/page/"):
        await answer(send, 200, b"y" * 100)
    elif path == "/echo":
        await read_body(receive)
        await answer(send, 200, b"thank you\n")
    elif path == "/chunked":
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        for n in range(5):
            await send({"type": "http.response.body", "body": b"z" * (n * 50), "more_body": True})
        await send({"type": "http.response.body"})
    else:
        await answer(send, {"/none": 204, "/broken": 503}.get(path, 404))
