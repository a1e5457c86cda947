# SPDX-License-Identifier: GPL-2.0-or-later
"""A strict reader of the Prometheus text format 0.0.4: what is not exactly right is an error."""

import math
import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_HELP = re.compile(rf"# HELP ({_NAME}) (.*)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram|summary|untyped)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
_ESCAPE = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class BadPage(Exception):
    """The page is not valid; the message has the line."""


class Page:
    """A parsed page: `types` by family, `samples` {(name, ((label, value), ...)): float}."""

    def __init__(self, text=""):
        self.types, self.helps, self.samples = {}, {}, {}
        self._family = None
        self._closed = set()
        if text and not text.endswith("\n"):
            raise BadPage("the last line has no end")
        for number, line in enumerate(text.split("\n")[:-1], 1):
            try:
                self._line(line)
            except (BadPage, ValueError) as e:
                raise BadPage(f"line {number}: {e}: {line[:200]}") from None
        self._histograms()

    def _line(self, line):
        if m := _HELP.fullmatch(line):
            self._enter(m[1])
            if m[1] in self.helps:
                raise BadPage("second HELP")
            self.helps[m[1]] = m[2]
        elif m := _TYPE.fullmatch(line):
            self._enter(m[1])
            if m[1] in self.types:
                raise BadPage("second TYPE")
            self.types[m[1]] = m[2]
        elif m := _SAMPLE.fullmatch(line):
            self._sample(m[1], m[2] or "", float(m[3]))
        else:
            raise BadPage("neither HELP, TYPE nor a sample")

    def _enter(self, family):
        """All lines of a family stand together."""
        if family == self._family:
            return
        if family in self._closed:
            raise BadPage(f"{family} again, after another family")
        if self._family:
            self._closed.add(self._family)
        self._family = family

    def _sample(self, name, labels, value):
        family = self._family
        suffix = name.removeprefix(family or "\0")
        kind = self.types.get(family)
        if name != family and not (kind == "histogram" and suffix in ("_bucket", "_sum", "_count")):
            raise BadPage(f"a sample of {name} inside {family}")
        if kind is None or family not in self.helps:
            raise BadPage("a sample before its HELP and TYPE")
        pairs = _labels(labels)
        key = (name, tuple(sorted(pairs.items())))
        if key in self.samples:
            raise BadPage("the same series twice")
        if kind == "counter" and not value >= 0:
            raise BadPage("a counter below 0")
        self.samples[key] = value

    def _histograms(self):
        """Buckets grow with `le`, end in +Inf, and +Inf is the count."""
        series = {}
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket") and self.types.get(name[:-7]) == "histogram":
                rest = tuple(p for p in labels if p[0] != "le")
                series.setdefault((name[:-7], rest), []).append((float(dict(labels)["le"]), value))
        for (family, rest), buckets in series.items():
            if [v for _, v in buckets] != sorted(v for _, v in buckets) or [
                b for b, _ in buckets
            ] != sorted(b for b, _ in buckets):
                raise BadPage(f"{family}{dict(rest)}: buckets are not cumulative, in order")
            if buckets[-1][0] != math.inf or buckets[-1][1] != self.samples.get(
                (family + "_count", rest)
            ):
                raise BadPage(f"{family}{dict(rest)}: +Inf is not the count")
            if (family + "_sum", rest) not in self.samples:
                raise BadPage(f"{family}{dict(rest)}: no sum")

    def series(self, name, **labels):
        """[(labels dict, value)] of the series that carry all of `labels`. A label's wanted
        value is a string, or a collection of allowed ones.
        """
        found = []
        for (sample, pairs), value in self.samples.items():
            have = dict(pairs)
            if sample == name and all(
                have.get(k, "") in (v if isinstance(v, (set, list, tuple)) else (v,))
                for k, v in labels.items()
            ):
                found.append((have, value))
        return found

    def total(self, name, **labels):
        """Their sum; 0 when there is none. Counts come back as int."""
        s = sum(v for _, v in self.series(name, **labels))
        return int(s) if s == int(s) else s

    def by(self, label, name, **labels):
        """{value of `label`: sum}, series of value 0 left out."""
        out = {}
        for have, value in self.series(name, **labels):
            key = (
                tuple(have.get(x, "") for x in label)
                if isinstance(label, tuple)
                else have.get(label, "")
            )
            if value:
                out[key] = out.get(key, 0) + int(value)
        return out


def _labels(text):
    pairs, at = {}, 0
    while at < len(text):
        m = _LABEL.match(text, at)
        if not m:
            raise BadPage("bad label")
        if m[1] in pairs:
            raise BadPage(f"label {m[1]} twice")
        pairs[m[1]] = re.sub(r'\\[\\"n]', lambda e: _ESCAPE[e[0]], m[2])
        at = m.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                raise BadPage("bad end of a label")
            at += 1
    return pairs
