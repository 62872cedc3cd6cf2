"""Results for other programs and places: JUnit XML, a Markdown summary, an archive of the run."""

import platform
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from vsr_node import __version__
from vsr_node.bench.stored.results import OUTCOMES, Results
from vsr_node.checker.validity import Validity
from vsr_node.shell_command import command_elsewhere
from vsr_node.start import NODE

README = """\
A run of vsr_node's bench: {title}, {verdict}.

Read:    results.json, report.html (if there is one), bench.log,
         history.jsonl (what clients asked, and the replies), messages.jsonl, faults.jsonl,
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

_KINDS = {Validity.VALID: "", Validity.INVALID: "failure", Validity.UNKNOWN: "error"}
"""JUnit's element for a case with this verdict; empty if it passed."""


def title_of(results: Results) -> str:
    """Return what was tested, in one line."""
    test = results.test
    faults = ", ".join(test.nemeses) or "no nemesis"
    return f"{test.workload} on {len(test.nodes)} nodes, {faults}, seed {test.seed}"


def junit_of(runs: Sequence[Results]) -> bytes:
    """Return JUnit XML: a suite for each run, a case for each thing that is judged.

    An invalid case is a failure. A case that could not be judged is an error, as no gate should let
    it pass. Faults that touched nothing, and were not required to, are skipped.
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
            time=f"{results.bench.duration_s:.3f}",
        )
        if results.strength is not None:
            properties = ElementTree.SubElement(suite, "properties")
            for count, value in asdict(results.strength).items():
                ElementTree.SubElement(properties, "property", name=count, value=str(value))
        for name, kind, text in cases:
            case = ElementTree.SubElement(
                suite, "testcase", classname=results.test.workload, name=name
            )
            if kind:
                first_line = text.splitlines()[0] if text else ""
                ElementTree.SubElement(
                    case, kind, message=_printable(first_line)
                ).text = _printable(f"{text}\n{results.repeat}")
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _cases(results: Results) -> list[tuple[str, str, str]]:
    """Return the name, kind (empty for passed) and text of all that is judged."""
    workload, availability, mistakes = results.workload, results.availability, results.mistakes
    cases = [("history", _KINDS[workload.valid], workload.explanation)]
    if availability.asked is not None:
        text = f"ok fraction {availability.ok_fraction}, asked for {availability.asked}"
        cases.append(("availability", _KINDS[availability.valid], text))
    lines = "\n".join(f"{each.node}: {each.detail}: {each.line}" for each in mistakes.first)
    cases.append(("protocol", "failure" if mistakes.count else "", lines))
    if results.never_ok:
        text = f"never ok: {', '.join(results.never_ok)}"
        cases.append(("every function was ok at least once", "failure", text))
    if results.bite.asked:
        kind = "error" if results.test.require_faults else "skipped"
        untouched = results.bite.touched_nothing
        cases.append(("faults bit", kind if untouched else "", "the faults touched nothing"))
    if results.valid is Validity.VALID and results.weakness is not None:
        cases.append(("proves something", "skipped", f"proves little: {results.weakness}"))
    if results.interrupted:
        cases.append(("to the end", "error", f"the run was cut short, {results.verdict}"))
    return cases


def _printable(text: str) -> str:
    """Return text with the control characters escaped that XML can't hold."""
    return "".join(c if c in "\t\n" or c >= " " else repr(c)[1:-1] for c in text)


def summary_of(runs: Sequence[Results]) -> str:
    """Return Markdown for people: a section for each run."""
    return "\n".join(line for results in runs for line in _summary_lines(results)) + "\n"


def _summary_lines(results: Results) -> list[str]:
    lines = [
        f"### {title_of(results)}: {results.verdict}",
        "",
        "| operations | " + " | ".join(OUTCOMES) + " | p50 ms | p99 ms |",
        "|---|" + "---|" * (len(OUTCOMES) + 2),
    ]
    for f, counts in sorted(results.stats.by_f.items()):
        latency = results.latency_ms.get(f)
        quantiles = " |  | " if latency is None else f" | {latency.p50} | {latency.p99} "
        numbers = " | ".join(str(getattr(counts, name)) for name in OUTCOMES)
        lines.append(f"| {f} | {numbers}{quantiles}|")
    lines.append("")
    if results.strength is not None:
        named = asdict(results.strength).items()
        lines += [", ".join(f"{name.replace('_', ' ')} {number}" for name, number in named), ""]
    if results.valid is Validity.VALID and results.weakness is not None:
        lines += [f"It proves little: {results.weakness}.", ""]
    if results.bite.asked:
        lines += [f"{results.bite.faults} faults; {results.bite.told}.", ""]
    if results.mistakes.count:
        lines.append("Mistakes of the nodes:")
        lines += [
            f"- {node}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"
            for node, kinds in sorted(results.mistakes.by_node.items())
        ]
        lines.append("")
    if results.anomalies:
        lines += [f"Anomalies: {', '.join(results.anomalies)}.", ""]
    if results.as_maelstrom not in (None, results.valid):
        lines += [f"Maelstrom would call this run {results.as_maelstrom.word}.", ""]
    if results.workload.valid is not Validity.VALID:
        lines += ["```", *results.workload.explanation.splitlines(), "```", ""]
    return [*lines, f"Repeat with `{results.repeat}`", ""]


def _is_own_node(command: Sequence[str]) -> bool:
    return tuple(command[: len(NODE)]) == NODE


def _program_of(command: Sequence[str]) -> Path | None:
    """Return the file of the node, not of its interpreter; None if it is missing or too large."""
    if _is_own_node(command):
        return None
    files = [Path(word) for word in command[:3] if word != sys.executable and Path(word).is_file()]
    if not files or files[0].stat().st_size > PROGRAM_BYTES_MAX:
        return None
    return files[0]


def write_bundle(path: Path, folder: Path, results: Results) -> None:
    """Write an archive of a run's folder, with a README on how to read and repeat it."""
    name = folder.resolve().name
    command = results.test.command
    program = _program_of(command)
    left_out = _PROGRAM_OURS if _is_own_node(command) else _PROGRAM_LEFT_OUT
    readme = README.format(
        title=title_of(results),
        verdict=results.verdict,
        bundle=path.name,
        anew=command_elsewhere(results.repeat),
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
