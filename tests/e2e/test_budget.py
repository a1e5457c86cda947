#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The overhead budget: beyond it redtap sees less and says so; what it counts stays right; and it
comes back.
"""

import time

from bed import load, procs, tap
from bed.nginx import Nginx
from bed.redtap import Redtap

CONNECTIONS = 64



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
