"""The page: one self-contained HTML file with its data, styles and scripts.

The output of nodes is either data in base64, which a script puts on the page as text, or escaped
here. A content security policy lets no other script run and no request leave.
"""

import base64
import hashlib
import html
import re
from importlib.resources import files

from vsr_node.report.contents import Operations, PageContents
from vsr_node.report.figures import STYLE
from vsr_node.report.lanes import lanes_of
from vsr_node.report.page_data import data_elements
from vsr_node.report.page_text import (
    anomalies,
    faults,
    lanes_table,
    latency_table,
    summary,
    violations,
)

PAGE_BYTES_MAX = 18_000_000
"""Bodies of messages are left out if the page would become larger."""

SCRIPTS = (
    "data.js",
    "canvas.js",
    "lanes.js",
    "timeline.js",
    "charts.js",
    "log.js",
    "messages.js",
    "steps.js",
    "main.js",
)

_VERDICTS: dict[bool | str | None, tuple[str, str]] = {
    True: ("valid", "✓ Valid"),
    False: ("invalid", "✗ Not valid"),
    "unknown": ("unknown", "? Unknown"),
    None: ("unknown", "? Not judged"),
}


def page_of(contents: PageContents) -> str:
    """Return the page as text."""
    template, style = _source("page.html"), _source("page.css")
    if contents.judged is not None:
        style += STYLE
    script = "\n".join(["(() => {", '"use strict";', *map(_source, SCRIPTS), "})();"])
    valid = contents.run.valid
    css_class, badge = _VERDICTS[valid]
    operations = Operations(contents)
    lanes = lanes_of(contents.run, contents.messages, contents.traces)
    fills = {
        "policy": html.escape(_policy(style, script)),
        "title": html.escape(f"{badge[2:]}: {contents.run.name}"),
        "name": html.escape(contents.run.name),
        "class": css_class,
        "badge": badge,
        "summary": "".join(summary(contents, operations)),
        "violations": "".join(
            (*violations(contents, operations), *anomalies(contents, operations))
        ),
        "faults": "".join(faults(contents.run)),
        "lanes": lanes_table(lanes),
        "latencies": latency_table(operations.calls),
        "style": style,
        "script": script,
    }
    size = sum(len(text.encode()) for text in (template, *fills.values()))
    fills["data"] = "\n".join(data_elements(contents, operations, lanes, PAGE_BYTES_MAX - size))
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fills[match[1]], template)


def _source(name: str) -> str:
    return files("vsr_node.report").joinpath("page", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; "
        f"script-src 'sha256-{digest(script)}'; base-uri 'none'; form-action 'none'"
    )
