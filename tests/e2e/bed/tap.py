# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP for the end-to-end tests: @test registers, main() runs in order and prints one line each.

A test fails by equal(), check() or require() that do not hold, or by any exception; skip() ends it
as `# SKIP why`. equal() and check() go on after a failure, require() does not.
"""

import fcntl
import itertools
import os
import sys
import time
import traceback


class Skip(Exception):
    """The test cannot run here; the message says why."""


class Failed(Exception):
    """A requirement did not hold; what failed has been printed."""


_tests = []
_failures = 0
_on_failure = []
_alone = None


def note(text):
    """A diagnostic, one TAP comment per line."""
    for line in str(text).splitlines():
        print("#", line)
    sys.stdout.flush()


def skip(why):
    raise Skip(why)


def check(holds, what):
    global _failures
    if not holds:
        _failures += 1
        note(f"failed: {what}")
    return bool(holds)


def equal(got, want, what):
    return check(got == want, f"{what}: got {got!r}, expected {want!r}")


def require(holds, what):
    if not check(holds, what):
        raise Failed()


def on_failure(hook):
    """Calls hook() when a test fails, before its result is printed: it may note() what explains
    it.
    """
    _on_failure.append(hook)


def test(**matrix):
    """Registers a test; with keywords it runs once for every combination: @test(capture=["a",
    "b"]).
    """

    def register(body):
        for values in itertools.product(*matrix.values()):
            kwargs = dict(zip(matrix, values))
            suffix = ",".join(str(v) for v in values)
            name = body.__name__.removeprefix("test_") + (f"[{suffix}]" if suffix else "")
            _tests.append((name, body, kwargs))
        return body

    return register


def _run_one(name, body, kwargs):
    """Returns "ok", "not ok" or the reason of a skip behind "# SKIP "."""
    global _failures
    _failures = 0
    try:
        body(**kwargs)
    except Skip as why:
        if not _failures:
            return f"# SKIP {why}"
    except Failed:
        pass
    except Exception:
        _failures += 1
        note(traceback.format_exc())
    if not _failures:
        return "ok"
    for hook in _on_failure:
        try:
            hook()
        except Exception as e:
            note(f"(while explaining: {e!r})")
    return "not ok"


def alone():
    """Waits until no other end-to-end program runs on this host: redtap sees all of it, and the
    ledgers go by names. The lock ends with the process.
    """
    global _alone
    _alone = open("/tmp/redtap-e2e.lock", "w")
    try:
        fcntl.flock(_alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("waits for another end-to-end run on this host")
        fcntl.flock(_alone, fcntl.LOCK_EX)


def main():
    """Runs the registered tests, or those whose name contains an argument of the command line."""
    chosen = [t for t in _tests if not sys.argv[1:] or any(a in t[0] for a in sys.argv[1:])]
    alone()
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, body, kwargs) in enumerate(chosen, 1):
        begin = time.monotonic()
        verdict = _run_one(name, body, kwargs)
        took = f"{time.monotonic() - begin:.1f}s"
        failed += verdict == "not ok"
        if verdict.startswith("# SKIP"):
            print(f"ok {number} - {name} {verdict}", flush=True)
        else:
            print(f"{verdict} {number} - {name} ({took})", flush=True)
    sys.exit(1 if failed else 0)


def unless_root():
    if os.geteuid() != 0:
        skip("needs root")
