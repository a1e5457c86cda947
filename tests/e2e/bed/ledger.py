# SPDX-License-Identifier: GPL-2.0-or-later
"""From a ledger that we did not write to rows for Redtap.expect()."""

import collections
import re

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CUT_BYTES = 64
_HEX = re.compile(r"[0-9a-fA-F]{8,}")


def endpoint(path):
    """The rule of metrics.md, "Endpoint", written down a second time."""

    def segment(s):
        figures, letters = re.search(r"[0-9]", s), re.search(r"[a-zA-Z]", s)
        if (
            s.isdigit()
            or _UUID.fullmatch(s)
            or (_HEX.fullmatch(s) and figures)
            or "@" in s
            or (len(s) >= 20 and figures and letters)
        ):
            return "{id}"
        return s

    return "/".join(segment(s) for s in path.partition("?")[0].split("/"))


def http_rows(requests, service="nginx", sizes=True):
    """The server's view of these lines of its access log (nginx.Request): requests by method,
    endpoint and status, durations by endpoint, and, where the log knows them, the bytes on the
    wire.
    """
    asked = collections.Counter((r.method, endpoint(r.uri), r.status) for r in requests)
    whole = collections.defaultdict(int)
    for r in requests:
        whole[r.method, r.uri, r.status] = max(whole[r.method, r.uri, r.status], r.sent)
    # A response that was cut, its client having gone, has no duration. (What differs by less is
    # the head: `keep-alive` or `close`.)
    timed = collections.Counter(
        endpoint(r.uri)
        for r in requests
        if r.status != "error" and r.sent > whole[r.method, r.uri, r.status] - CUT_BYTES
    )
    labels = ("method", "endpoint", "status")
    rows = [
        ("requests", lambda p: p.total("http_requests_total", service=service), len(requests)),
        (
            "by status",
            lambda p: p.by("status", "http_requests_total", service=service),
            dict(collections.Counter(r.status for r in requests)),
        ),
        (
            "by method, endpoint, status",
            lambda p: p.by(labels, "http_requests_total", service=service),
            dict(asked),
        ),
        (
            "durations by endpoint",
            lambda p: p.by("endpoint", "http_request_duration_seconds_count", service=service),
            dict(timed),
        ),
    ]
    if sizes:
        sent, received = collections.Counter(), collections.Counter()
        for r in requests:
            sent[endpoint(r.uri)] += r.sent
            received[endpoint(r.uri)] += r.received
        rows += [
            (
                "response bytes by endpoint",
                lambda p: p.by("endpoint", "http_response_bytes_total", service=service),
                dict(sent),
            ),
            (
                "request bytes by endpoint",
                lambda p: p.by("endpoint", "http_request_bytes_total", service=service),
                dict(received),
            ),
        ]
    return rows


def http_client_rows(service, counts):
    """The caller's view; `counts`: {status: number}."""
    return [
        (
            f"{service}: calls by status",
            lambda p: p.by("status", "http_client_requests_total", service=service),
            dict(counts),
        )
    ]


def db_rows(service, db, calls, rows, errors, server="postgres", label=True):
    """Statements of one database: {query_type: calls that succeeded}, {query_type: rows},
    {SQLSTATE: failures}, each as the caller and as the server process saw it. `label`: whether
    redtap must know the database's name, which it does for connections it saw begin.
    """
    where = {"database": db if label else {db, "", "unknown"}}
    bad = sum(errors.values())
    done = dict(calls)
    return [
        (
            "calls by type",
            lambda p: p.by(
                "query_type", "db_queries_total", service=service, outcome="ok", **where
            ),
            done,
        ),
        (
            "rows by type",
            lambda p: p.by("query_type", "db_rows_total", service=service, **where),
            dict(rows),
        ),
        (
            "failures",
            lambda p: p.total("db_queries_total", service=service, outcome="error", **where),
            bad,
        ),
        (
            "failures by SQLSTATE",
            lambda p: {
                k.removeprefix("sqlstate_"): v
                for k, v in p.by("error_type", "errors_total", service=service).items()
                if k.startswith("sqlstate_")
            },
            dict(errors),
        ),
        (
            "durations",
            lambda p: p.total("db_query_duration_seconds_count", service=service, **where),
            sum(done.values()) + bad,
        ),
        (
            "the server's calls by type are the caller's",
            lambda p: p.by("query_type", "db_server_queries_total", service=server, **where)
            == p.by("query_type", "db_queries_total", service=service, **where),
            True,
        ),
        (
            "the server's calls",
            lambda p: p.total("db_server_queries_total", service=server, **where),
            sum(done.values()) + bad,
        ),
        (
            "the server's durations",
            lambda p: p.total("db_server_query_duration_seconds_count", service=server, **where),
            sum(done.values()) + bad,
        ),
    ]


def kafka_rows(service, produced=None, unacked=None, consumed=None):
    """Records of one client by topic, each {topic: number}; an outcome that is not given must be
    absent.
    """
    wanted = {
        "produced": produced,
        "unacked": unacked,
        "consumed": consumed,
        "produce_failed": None,
    }
    return [
        (
            f"{service}: {outcome}",
            lambda p, outcome=outcome: p.by(
                "topic", "kafka_messages_total", service=service, outcome=outcome
            ),
            dict(numbers or {}),
        )
        for outcome, numbers in wanted.items()
    ]
