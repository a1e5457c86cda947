#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The overhead budget: beyond it redtap sees less and says so; what it counts stays right; and it
comes back.
"""

import math
import time

from bed import load, procs, tap
from bed.nginx import Nginx
from bed.redtap import Redtap

CONNECTIONS = 64
MANY = 4000  # connections of one request each, of which a sample is counted
WINDOW_SECONDS = 5  # BUDGET_WINDOW_NS
LAST_STEP = 7  # BUDGET_STEPS

def state(page):
    return page.total("redtap_budget_step"), page.total("redtap_sampling_ratio")


@tap.test()
def test_steps_down_and_up():
    nginx = Nginx()
    url = nginx.url("/tiny.txt")
    with Redtap(budget="1") as r:  # 0.02 CPUs of two
        tap.equal(state(r.scrape()), (0, 1), "at the start")
        end = time.monotonic() + 60
        while r.total("redtap_budget_step") < 3 and time.monotonic() < end:
            load.ab(url, 40000, CONNECTIONS)
        page = r.scrape()
        step, ratio = state(page)
        tap.require(step >= 3, f"steps down under load: {step}")
        tap.equal(ratio, 2 ** -(step - 1), "the ratio that goes with the step")
        tap.check(page.total("redtap_overhead_ratio") > 0.002, "what it costs is on the page")
        tap.check(page.total("redtap_gap_bytes_total", cause="sampled") > 0, "what was left out")
        tap.equal(
            page.total("redtap_budget_steps_total", direction="down"), step, "each step is counted"
        )
        counted = page.total("http_requests_total", service="nginx")
        ledger = len(nginx.requests())
        tap.check(0 < counted < ledger, f"a sample: {counted} of {ledger}")
        tap.equal(
            page.by("status", "http_requests_total", service="nginx").keys() - {"200"},
            set(),
            "nothing but what happened",
        )
        tap.check("seeing less" in r.proc.tail(), "one log line a step")

        procs.until(
            lambda: r.total("redtap_budget_step") < step, 40, "a step up when it is quiet", every=2
        )
        tap.check("seeing more" in r.proc.tail(), "said as well")
    nginx.stop()


def sampled(r, nginx, url):
    """(step, ratio, counted, ledger) of MANY connections; None when the step changed meanwhile."""
    mark, base = nginx.mark(), r.scrape()
    load.ab(url, MANY, 16, keep_alive=False)
    page = r.settled(("http_requests_total", {"service": "nginx"}))
    if state(page) != state(base):
        return None
    counted = page.total("http_requests_total", service="nginx") - base.total(
        "http_requests_total", service="nginx"
    )
    return *state(page), counted, len(nginx.requests(mark))


@tap.test()
def test_corrected_by_the_ratio():
    """Counts divided by the ratio are the ledger's. What is sampled is connections, and whether one
    is in the sample has a deviation of sqrt(ratio * (1 - ratio)); five times that of them all is
    allowed, which independent choices exceed once in a million.

    Even redtap at rest costs more than this budget, so that it goes a step down with every window,
    whatever the load: each step is held for five seconds, the last one for good.
    """
    nginx = Nginx()
    url = nginx.url("/tiny.txt")
    held = set()
    with Redtap(budget="0.001") as r:
        for step in range(2, LAST_STEP + 1):
            procs.until(
                lambda: r.total("redtap_budget_step") >= step, 3 * WINDOW_SECONDS, f"step {step}"
            )
            if not (found := sampled(r, nginx, url)):
                continue  # a busy machine: the next one
            at, ratio, counted, ledger = found
            held.add(at)
            tap.equal(ledger, MANY, "requests")
            near = 5 * math.sqrt(MANY * (1 - ratio) / ratio)
            tap.note(f"step {at}: {counted} counted, {counted / ratio:.0f} +- {near:.0f} corrected")
            tap.check(abs(counted / ratio - MANY) <= near, f"{counted} at {ratio} of {MANY}")
            if len(held) == 3:
                break
        tap.check(held, "a step held")
    nginx.stop()


@tap.test()
def test_without_a_budget_everything_counts():
    nginx = Nginx()
    with Redtap(budget="0") as r:
        load.ab(nginx.url("/tiny.txt"), 20000, CONNECTIONS)
        page = r.expect(
            [
                (
                    "requests",
                    lambda p: p.total("http_requests_total", service="nginx"),
                    20000,
                )
            ]
        )
        tap.equal(state(page), (0, 1), "step and ratio")
    nginx.stop()


tap.main()
