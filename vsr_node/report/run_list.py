"""The runs of a store as a list, and two of them side by side, as HTML for a browser.

Filters and choices are a form that the server answers, so that no script is needed. All text from
runs is escaped.
"""

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vsr_node.report.drawing import PAGE
from vsr_node.report.recorded_run import load_results, verdict_of
from vsr_node.shell_command import command_here

OWN_NODE = "vsr_node.maelstrom"
"""What starts the node of this project."""

VERDICTS = {True: "valid", False: "not valid", "unknown": "unknown", None: "not judged"}
_CLASSES = {True: "valid", False: "invalid", "unknown": "unknown", None: "unknown"}

_PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>{style}</style></head>
<body><h1>{title}</h1>{body}</body></html>
"""

_STYLE = """\
:root { color-scheme: light dark; --back: #ffffff; --raised: #f4f5f7; --text: #1b1f24;
  --faint: #57606a; --line: #d0d7de; --good: #00664c; --bad: #b3261e; --open: #75580a;
  --link: #0a58a8; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --raised: #1e2329; --text: #e6e9ed;
  --faint: #a3adb8; --line: #3a424c; --good: #4fd1a5; --bad: #ff8a80; --open: #e6c84f;
  --link: #7ab8ff; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 90rem;
  padding: 0 clamp(.75rem, 3vw, 2rem) 3rem; background: var(--back); color: var(--text); }
h1 { font-size: 1.35rem; }
a { color: var(--link); }
form p { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
input, select, button { font: inherit; color: inherit; background: var(--raised);
  min-height: 2.25rem; border: 1px solid var(--line); border-radius: .35rem;
  padding: .2rem .6rem; max-width: 100%; }
input[type=checkbox] { min-height: 0; width: 1.2rem; height: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 500; font-size: .85rem; }
th[scope=row] { overflow-wrap: normal; }
.valid { color: var(--good); } .invalid { color: var(--bad); } .unknown { color: var(--open); }
.valid, .invalid, .unknown { font-weight: 600; white-space: nowrap; }
.pages { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin-top: 1rem; }
iframe { width: 100%; height: 80vh; border: 1px solid var(--line); border-radius: .4rem; }
@media (max-width: 48rem) {
  .runs thead { display: none; }
  .runs tr { display: grid; grid-template-columns: 1fr 1fr; padding: .5rem 0;
    border-bottom: 1px solid var(--line); }
  .runs td { border: 0; padding: .1rem .5rem .1rem 0; }
  .runs td:nth-child(2), .runs td:nth-child(7) { grid-column: 1 / -1; }
  .runs td[data-name]:not(:empty)::before { content: attr(data-name) " "; color: var(--faint);
    font-weight: 400; }
  .pages { grid-template-columns: 1fr; }
}
"""

COLUMNS = ("", "", "nodes", "faults", "seed", "operations", "binary", "duration", "size", "age")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the list says of a run. A text is empty if the run's results do not have it."""

    folder: Path
    valid: bool | str | None
    nodes: str
    faults: str
    seed: str
    binary: str
    operations: str
    duration: str
    others: Mapping[str, str]
    """Further facts for the comparison of two runs."""

    @property
    def name(self) -> str:
        """The test and the time."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def link(self) -> str:
        """The path of its page on the server."""
        return quote(f"/{self.name}/")

    def matches(self, words: str, verdict: str) -> bool:
        """Return whether the run has this verdict, if any is asked for, and all of the words."""
        facts = (self.name, self.nodes, self.faults, f"seed {self.seed}", self.binary)
        text = " ".join((*facts, VERDICTS[self.valid])).lower()
        right = verdict in ("", VERDICTS[self.valid])
        return right and all(word in text for word in words.lower().split())


def facts_of(folder: Path) -> RunFacts:
    """Return what the results of a run say; unknown parts are left empty."""
    results = load_results(folder)
    test = _part(results, "test")
    stats = _part(results, "stats")
    slow, loss = test.get("slow_ms"), test.get("loss")
    faults = [*map(str, test.get("nemeses") or ()), *(["slow"] if slow else [])]
    faults += ["loss"] if loss else []
    nodes, command = test.get("nodes"), test.get("command")
    duration = _part(results, "bench").get("duration_s")
    return RunFacts(
        folder=folder,
        valid=verdict_of(results),
        nodes=str(len(nodes)) if isinstance(nodes, list) else "",
        faults=" ".join(faults) or ("none" if test else ""),
        seed=str(test.get("seed", "")),
        binary=_binary(command) if isinstance(command, list) else "",
        operations=f"{stats['count']:,}" if isinstance(stats.get("count"), int) else "",
        duration=f"{duration:.0f} s" if isinstance(duration, int | float) else "",
        others=dict(_others(results, test, stats)),
    )


def _part(results: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = results.get(name)
    return part if isinstance(part, dict) else {}


def _binary(command: Sequence[object]) -> str:
    """Return the program's name, not that of its interpreter, with its arguments."""
    words = [str(word) for word in command]
    if OWN_NODE in words:
        return " ".join(("vsr-node", *words[words.index(OWN_NODE) + 1 :]))
    if len(words) > 1 and Path(words[0]).name.startswith("python"):
        words = list(dropwhile(lambda word: word.startswith("-"), words[1:]))
    return " ".join((Path(words[0]).name, *words[1:])) if words else ""


def _others(
    results: Mapping[str, Any], test: Mapping[str, Any], stats: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    for name in ("rate", "concurrency", "time_limit_s", "latency_ms", "nemesis_interval_s"):
        if name in test:
            yield name.replace("_", " "), str(test[name])
    for name in ("ok", "fail", "info", "ok_fraction"):
        if name in stats:
            yield name.replace("_", " "), str(stats[name])
    for f, latency in sorted(_part(results, "latency_ms").items()):
        yield f"{f}, p50 and p99 ms", f"{latency['p50']:.1f}, {latency['p99']:.1f}"
    servers = _part(_part(results, "network"), "servers")
    if "messages_per_operation" in servers:
        yield "messages an operation", str(servers["messages_per_operation"])
    for name, value in _part(results, "strength").items():
        yield name.replace("_", " "), str(value)
    if (told := _part(results, "bite").get("told")) is not None:
        yield "faults met", str(told)


def list_page(store: Path, runs: Sequence[RunFacts], words: str, verdict: str) -> str:
    """Return the page that lists the runs that match."""
    body = "".join(_list(store, runs, words, verdict))
    return _PAGE.format(title="Runs", style=_STYLE, body=body)


def _list(store: Path, runs: Sequence[RunFacts], words: str, verdict: str) -> Iterator[str]:
    if not runs:
        yield f"<p>There are none in {html.escape(str(store.absolute()))}.</p>"
        return
    shown = [run for run in runs if run.matches(words, verdict)]
    yield '<form method="get"><p><label>Words <input name="words" type="search" '
    yield f'value="{html.escape(words)}"></label><label>Verdict <select name="verdict">'
    yield '<option value="">all</option>'
    for each in VERDICTS.values():
        selected = " selected" if each == verdict else ""
        yield f"<option{selected}>{each}</option>"
    yield '</select></label><button formaction="/">Filter</button>'
    yield '<button formaction="/compare">Compare two</button>'
    yield f"<span>{len(shown)} of {len(runs)} runs</span></p>"
    yield '<table class="runs"><thead><tr>'
    yield '<th scope="col"></th><th scope="col">run</th><th scope="col">verdict</th>'
    yield "".join(f'<th scope="col">{name}</th>' for name in COLUMNS[2:])
    yield "</tr></thead><tbody>"
    yield from map(_row, shown)
    yield "</tbody></table></form>"


def _row(run: RunFacts) -> str:
    name = html.escape(run.name)
    cells = [f'<td><input type="checkbox" name="run" value="{name}" aria-label="{name}"></td>']
    cells.append(f"<td>{_titled(run)}</td>")
    cells.append(f'<td class="{_CLASSES[run.valid]}">{VERDICTS[run.valid]}</td>')
    size = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    age = _age(time.time() - run.folder.stat().st_mtime)
    facts = (run.nodes, run.faults, run.seed, run.operations, run.binary, run.duration)
    for title, fact in zip(COLUMNS[2:], (*facts, f"{size / 1e6:.1f} MB", age), strict=True):
        cells.append(f'<td data-name="{title}">{html.escape(fact)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _titled(run: RunFacts) -> str:
    name = html.escape(run.name)
    if (run.folder / PAGE).is_file():
        return f'<a href="{run.link}">{name}</a>'
    make = html.escape(command_here("bench", "report", str(run.folder)))
    return f"{name} (no page yet: <code>{make}</code> makes it)"


def comparison_page(runs: Sequence[RunFacts]) -> str:
    """Return the page that shows two runs side by side."""
    return _PAGE.format(title="Two runs", style=_STYLE, body="".join(_comparison(runs)))


def _comparison(runs: Sequence[RunFacts]) -> Iterator[str]:
    yield '<p><a href="/">All runs</a></p>'
    if len(runs) != 2:
        yield f"<p>Choose two runs in the list: {len(runs)} were chosen.</p>"
        return
    yield "<table><thead><tr><th></th>"
    yield "".join(f'<th scope="col">{_titled(run)}</th>' for run in runs)
    yield '</tr></thead><tbody><tr><th scope="row">verdict</th>'
    yield "".join(f'<td class="{_CLASSES[run.valid]}">{VERDICTS[run.valid]}</td>' for run in runs)
    yield "</tr>"
    columns = [_all_facts(run) for run in runs]
    for name in dict.fromkeys(name for column in columns for name in column):
        values = [column.get(name, "") for column in columns]
        cells = "".join(f"<td>{html.escape(value)}</td>" for value in values)
        yield f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>'
    yield '</tbody></table><div class="pages">'
    for run in runs:
        if (run.folder / PAGE).is_file():
            yield f'<iframe src="{run.link}" title="{html.escape(run.name)}"></iframe>'
    yield "</div>"


def _all_facts(run: RunFacts) -> dict[str, str]:
    names = ("nodes", "faults", "seed", "binary", "operations", "duration")
    own = {name: getattr(run, name) for name in names}
    return own | {name: run.others[name] for name in run.others if name not in own}


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
