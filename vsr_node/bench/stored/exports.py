"""Results for other programs and places: JUnit XML, a Markdown summary, one archive of it all."""

import platform
import sys
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vsr_node import __version__
from vsr_node.bench.faults.bite import faults_touched_nothing
from vsr_node.bench.stored.results import OUTCOMES
from vsr_node.command import command_elsewhere
from vsr_node.start import NODE

README = """\
A run of vsr_node's bench: {title}, {verdict}.

Read:    results.json (what came of it), report.html (where there is one), bench.log,
         history.jsonl (what clients asked and were told), messages.jsonl, faults.jsonl,
         node-logs/ (each node's stderr)
Judge:   vsr bench check {bundle}
Repeat:  vsr bench replay {bundle} [--bin BIN]
Shrink:  vsr bench shrink {bundle} [--bin BIN]
Anew:    {anew}

The node was started as: {command}
{program}
Bench {version}, Python {python}, {system}.
"""

_PROGRAM_HERE = """\
That program is program/{program}; what else it needs is not in here. Name another with --bin."""
_PROGRAM_OURS = "That program comes with vsr. Name it with --bin vsr-node."
_PROGRAM_LEFT_OUT = "That program is not in here, as it is too large or gone. Name it with --bin."
PROGRAM_BYTES_MAX = 50_000_000

WORDS = {True: "valid", False: "invalid", "unknown": "unknown"}


def title_of(results: Mapping[str, Any]) -> str:
    """Return what was tested, in a line."""
    test = results["test"]
    faults = ", ".join(test["nemeses"]) or "no nemesis"
    return f"{test['workload']} on {len(test['nodes'])} nodes, {faults}, seed {test['seed']}"


def junit_of(runs: Sequence[Mapping[str, Any]]) -> bytes:
    """Return JUnit XML: a suite a run, a case for each thing that is judged.

    What is invalid is a failure; what could not be judged is an error, as no gate should let it
    pass; faults that touched nothing, where they need not, are skipped.
    """
    root = ElementTree.Element("testsuites")
    for results in runs:
        cases = list(_cases(results))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=title_of(results),
            tests=str(len(cases)),
            failures=str(sum(kind == "failure" for _, kind, _ in cases)),
            errors=str(sum(kind == "error" for _, kind, _ in cases)),
            skipped=str(sum(kind == "skipped" for _, kind, _ in cases)),
            time=f"{results['bench']['duration_s']:.3f}",
        )
        for name, kind, text in cases:
            case = ElementTree.SubElement(
                suite, "testcase", classname=results["test"]["workload"], name=name
            )
            if kind:
                first_line = text.splitlines()[0] if text else ""
                ElementTree.SubElement(
                    case, kind, message=_printable(first_line)
                ).text = _printable(f"{text}\n{results['repeat']}")
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _cases(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, kind ("" for passed) and text of all that is judged."""
    kinds = {True: "", False: "failure", "unknown": "error"}
    workload = results["workload"]
    cases = [("history", kinds[workload["valid"]], workload["explanation"])]
    if results["availability"]["asked"] is not None:
        availability = results["availability"]
        text = f"ok fraction {availability['ok_fraction']}, asked for {availability['asked']}"
        cases.append(("availability", kinds[availability["valid"]], text))
    mistakes = results["mistakes"]
    told = "\n".join(
        f"{each['node']}: {each['detail']}: {each['line']}" for each in mistakes["first"]
    )
    cases.append(("protocol", "failure" if mistakes["count"] else "", told))
    if results["never_ok"]:
        text = f"never ok: {', '.join(results['never_ok'])}"
        cases.append(("every function was ok at least once", "error", text))
    if results["bite"]["asked"]:
        kind = "error" if results["test"]["require_faults"] else "skipped"
        untouched = faults_touched_nothing(results)
        cases.append(("faults bit", kind if untouched else "", "the faults touched nothing"))
    return cases


def _printable(text: str) -> str:
    """Return text without the control characters that XML can't hold."""
    return "".join(c if c in "\t\n" or c >= " " else repr(c)[1:-1] for c in text)


def summary_of(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return Markdown for people: a section a run."""
    return "\n".join(line for results in runs for line in _summary_lines(results)) + "\n"


def _summary_lines(results: Mapping[str, Any]) -> list[str]:
    bite = results["bite"]
    lines = [
        f"### {title_of(results)}: {WORDS[results['valid']]}",
        "",
        "| operations | " + " | ".join(OUTCOMES) + " | p50 ms | p99 ms |",
        "|---|" + "---|" * (len(OUTCOMES) + 2),
    ]
    functions = results["stats"]["by_f"]
    for f in sorted(functions):
        quantiles = results["latency_ms"].get(f, {"p50": "", "p99": ""})
        counts = " | ".join(str(functions[f][name]) for name in OUTCOMES)
        lines.append(f"| {f} | {counts} | {quantiles['p50']} | {quantiles['p99']} |")
    lines.append("")
    if bite["asked"]:
        lines += [f"{bite['faults']} faults; {bite['told']}.", ""]
    if results["mistakes"]["count"]:
        lines.append("Mistakes of the nodes:")
        lines += [
            f"- {node}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"
            for node, kinds in sorted(results["mistakes"]["by_node"].items())
        ]
        lines.append("")
    if results["workload"]["valid"] is not True:
        lines += ["```", *results["workload"]["explanation"].splitlines(), "```", ""]
    return [*lines, f"Repeat with `{results['repeat']}`", ""]


def _is_own_node(command: Sequence[str]) -> bool:
    return tuple(command[: len(NODE)]) == NODE


def _program_of(command: Sequence[str]) -> Path | None:
    """Return the file that is the node, not its interpreter, unless that is too large to take."""
    if _is_own_node(command):
        return None
    files = [Path(word) for word in command[:3] if word != sys.executable and Path(word).is_file()]
    if not files or files[0].stat().st_size > PROGRAM_BYTES_MAX:
        return None
    return files[0]


def write_bundle(path: Path, folder: Path, results: Mapping[str, Any]) -> None:
    """Write an archive of a run's folder, with a README that says how to read and repeat it."""
    name = folder.resolve().name
    command = results["test"]["command"]
    program = _program_of(command)
    left_out = _PROGRAM_OURS if _is_own_node(command) else _PROGRAM_LEFT_OUT
    readme = README.format(
        title=title_of(results),
        verdict=WORDS[results["valid"]],
        bundle=path.name,
        anew=command_elsewhere(results["repeat"]),
        command=" ".join(command),
        program=_PROGRAM_HERE.format(program=program.name) if program else left_out,
        version=__version__,
        python=platform.python_version(),
        system=platform.system(),
    ).encode()
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder.resolve(), arcname=name)
        if program is not None:
            archive.add(program.resolve(), arcname=f"{name}/program/{program.name}")
        entry = tarfile.TarInfo(f"{name}/README.txt")
        entry.size = len(readme)
        archive.addfile(entry, BytesIO(readme))
