# SPDX-License-Identifier: GPL-2.0-or-later
"""client.py requests | httpx | aiohttp URL PLAN: one session; aiohttp four at a time."""

import asyncio
import collections
import json
import sys


def by_requests(url, plan):
    import requests

    done = collections.Counter()
    with requests.Session() as s:
        for method, path, size, count in plan:
            for n in range(count):
                data = None if size is None else b"b" * size
                if data and n % 2:
                    data = iter([data[: size // 3], data[size // 3 :]])  # chunked
                r = s.request(method, url + path, data=data, allow_redirects=False)
                done[method, path, r.status_code] += 1
    return requests.__version__, done


def by_httpx(url, plan):
    import httpx

    done = collections.Counter()
    with httpx.Client(trust_env=False) as s:
        for method, path, size, count in plan:
            for _ in range(count):
                r = s.request(method, url + path, content=None if size is None else b"b" * size)
                done[method, path, r.status_code] += 1
    return httpx.__version__, done


def by_aiohttp(url, plan):
    import aiohttp

    done = collections.Counter()

    async def one(s, gate, method, path, size):
        async with gate:
            body = None if size is None else b"b" * size
            async with s.request(method, url + path, data=body) as r:
                await r.read()
                done[method, path, r.status] += 1

    async def work():
        gate = asyncio.Semaphore(4)
        async with aiohttp.ClientSession() as s:
            await asyncio.gather(
                *(
                    one(s, gate, method, path, size)
                    for method, path, size, count in plan
                    for _ in range(count)
                )
            )

    asyncio.run(work())
    return aiohttp.__version__, done


library, base, rest = sys.argv[1:4]
by = {"requests": by_requests, "httpx": by_httpx, "aiohttp": by_aiohttp}[library]
number, counted = by(base, json.loads(rest))
print(
    json.dumps({"version": number, "done": [[m, p, str(s), n] for (m, p, s), n in counted.items()]})
)
