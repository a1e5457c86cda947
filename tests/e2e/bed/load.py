# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP loads and what they counted themselves."""

import re

from . import procs, tap

_WRK = """
local paths = {{ {paths} }}
local flag, later = "{flag}", "{later}"
local n, switched = 0, false
request = function()
  n = n + 1
  if later ~= "" and not switched and n % 64 == 0 then
    local f = io.open(flag)
    if f then f:close() switched = true end
  end
  if switched then return wrk.format("GET", later) end
  local p = paths[n % #paths + 1]
  return wrk.format(p[1], p[2], p[3], p[4])
end
"""


def word(n):
    """A word for each n below 10,000, of letters only: a path's segment with figures might be taken
    for an identifier.
    """
    return "".join("bcdfghklmn"[int(d)] + "a" for d in f"{n:04d}")


def wrk_script(paths, flag="", later=""):
    """A Lua file that asks for paths [(method, path, {header: value}, body)] in turn and, once the
    file `flag` exists, for `later` only."""

    def lua(value):
        if value is None:
            return "nil"
        if isinstance(value, dict):
            return "{" + ",".join(f"[{lua(k)}]={lua(v)}" for k, v in value.items()) + "}"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    rows = ",".join("{" + ",".join(lua(x) for x in row) + "}" for row in paths)
    number = len(list(procs.run_dir().glob("wrk*.lua")))
    path = procs.run_dir() / f"wrk{number}.lua"
    path.write_text(_WRK.format(paths=rows, flag=flag, later=later))
    return path


def wrk_argv(url, seconds, connections=20, script=None, threads=1, headers=()):
    if why := procs.have("wrk"):
        tap.skip(why)
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s"]
    for header in headers:
        argv += ["-H", header]
    return [*argv, *(["-s", script] if script else []), url]


def wrk_counts(output):
    """(completed requests, requests per second) as wrk says them."""
    done = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    return int(done[1]), float(rate[1])


def wrk(url, seconds, cpus=None, **how):
    return wrk_counts(procs.run(wrk_argv(url, seconds, **how), timeout=seconds + 30, cpus=cpus))


def ab(url, n, connections=50, args=(), keep_alive=True):
    """(completed, of them not 2xx) as ab says them; without `keep_alive` on a connection each."""
    if why := procs.have("ab"):
        tap.skip(why)
    keep = ["-k"] if keep_alive else []
    out = procs.run(["ab", "-q", *keep, "-c", connections, "-n", n, *args, url])
    bad = re.search(r"Non-2xx responses:\s+(\d+)", out)
    return int(re.search(r"Complete requests:\s+(\d+)", out)[1]), int(bad[1]) if bad else 0
