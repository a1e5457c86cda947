# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP client with long-lived connections:
phases.py PORT CONNECTIONS FIRST FLAG SECOND COUNT [MS].

Asks for FIRST on every connection in turn until the file FLAG exists, then COUNT times for SECOND.
MS: milliseconds between two requests. Prints the number of answers to each.
"""

import http.client
import os
import sys
import time


def main():
    port, connections, first, flag, second, count = sys.argv[1:7]
    pause = float(sys.argv[7]) / 1000 if sys.argv[7:] else 0
    pool = [http.client.HTTPConnection("127.0.0.1", int(port)) for _ in range(int(connections))]

    def ask(n, path):
        c = pool[n % len(pool)]
        c.request("GET", path)
        if not c.getresponse().read():
            raise EOFError
        if pause:
            time.sleep(pause)

    before = 0
    while not os.path.exists(flag):
        ask(before, first)
        before += 1
    for n in range(int(count)):
        ask(n, second)
    print(before, count)


main()
