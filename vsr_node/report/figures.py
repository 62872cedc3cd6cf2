"""Drawings of anomalies, as SVG without scripts: who saw what of a set, a log or a counter.

- A set: reads down, elements across; an element that was known before a read began and is absent
  from it is marked.
- A log: offsets across, sends and polls down; what a poll leaves out is marked.
- A counter: reads across; the band of sums that each can have seen, and what it returned.
- Transactions: those of a cycle in order of time, and an arrow from each to the one after it.
"""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vsr_node.checker.history import Call, canonical_text, pair_calls
from vsr_node.checker.judgement import Anomaly, Edge
from vsr_node.checker.verdict import clipped
from vsr_node.checker.workloads.counters import read_sums
from vsr_node.checker.workloads.log_operations import TRANSFERS, Transfer, transfer_of
from vsr_node.checker.workloads.values import ValueKey, key_of, key_text, keys_of
from vsr_node.report.judged import Judged
from vsr_node.report.recorded_run import RecordedRun
from vsr_node.report.surroundings import seconds

Item = TypeVar("Item")

ROWS_MAX = 12
COLUMNS_MAX = 11
BARS_MAX = 24
BOXES_MAX = 12

STYLE = """
figure.anomaly { margin: 0.6rem 0; }
figcaption { color: var(--faint); font-size: 0.85rem; }
svg text { font: 0.8rem ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--text); }
svg text.label { fill: var(--faint); }
svg text.middle { text-anchor: middle; }
svg text.there { fill: var(--ok); }
svg text.missing { fill: var(--bad); font-weight: 700; }
svg rect.proof { fill: none; stroke: var(--accent); }
svg text.head { font-weight: 700; }
svg rect.box { fill: var(--back); stroke: var(--faint); }
svg path { fill: none; stroke: var(--accent); stroke-width: 2; }
svg polygon { fill: var(--accent); }
svg .rw path { stroke-dasharray: 7 4; }
svg .process path, svg .real-time path { stroke-width: 1.5; stroke-dasharray: 2 3; }
svg rect.band { fill: var(--fault); stroke: var(--line); }
"""
"""The style of the drawings, for pages that have some."""

_CELL_WIDTH, _ROW_HEIGHT, _LABEL_WIDTH = 56, 22, 250
_HEAD_HEIGHT = 26
_BAND_HEIGHT, _MARGIN, _SCALE_WIDTH, _BAR_WIDTH = 180, 24, 120, 44
_BOX_WIDTH, _BOX_HEIGHT, _BOX_STEP, _ARC_RISE = 170, 84, 200, 24
_BOX_STEPS_MAX, _BOX_CHARACTERS_MAX = 4, 18
_LABEL_CHARACTERS_MAX, _CELL_CHARACTERS_MAX = 34, 7


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row has in a column, and whether that is wrong."""

    text: str
    kind: str
    """A class of the style sheet: there, or missing."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of operations, and columns of what they can have seen."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, bool, Mapping[int, Cell]]]
    """A label, whether the row proves the anomaly, and its cells by column."""


def figure(run: RecordedRun, judged: Judged, anomaly: Anomaly) -> str:
    """Return a drawing of an anomaly as SVG, "" if its workload has none."""
    proof = set(anomaly.events)
    calls = [call for call in pair_calls(run.events) if call.outcome != "fail"]
    if judged.workload in ("broadcast", "g-set"):
        return _svg_of(_set_grid(anomaly, calls, proof))
    if judged.workload == "kafka":
        return _svg_of(_log_grid(anomaly, calls, proof))
    if judged.workload in ("g-counter", "pn-counter"):
        return _band(run, proof)
    return _cycle(anomaly, calls)


# --- Sets ---------------------------------------------------------------------------------------


def _set_grid(anomaly: Anomaly, calls: Sequence[Call], proof: set[int]) -> Grid:
    subject = key_of(anomaly.subject)
    adds = {key_of(call.invocation.value): call for call in calls if _adds(call)}
    elements = _around(list(dict.fromkeys((*adds, subject))), {subject}.__contains__, COLUMNS_MAX)
    reads = [call for call in calls if call.invocation.f == "read" and call.outcome == "ok"]
    known = _known(elements, adds, reads)
    shown = _around(reads, lambda read: _proves(read, proof), ROWS_MAX)
    return Grid(
        f"Reads and elements around {clipped(key_text(subject))}",
        [key_text(element) for element in elements],
        [(_label(read), _proves(read, proof), _seen(read, elements, known)) for read in shown],
    )


def _adds(call: Call) -> bool:
    return call.invocation.f in ("add", "broadcast")


def _members(read: Call) -> list[ValueKey]:
    value = None if read.completion is None else read.completion.value
    return keys_of(value) if isinstance(value, list) else []


def _known(
    elements: Sequence[ValueKey], adds: Mapping[ValueKey, Call], reads: Sequence[Call]
) -> dict[ValueKey, int]:
    """Return the event from which on each element is known, where there is one."""
    known = {
        element: add.completion.index
        for element in elements
        if (add := adds.get(element)) is not None
        and add.completion is not None
        and add.outcome == "ok"
    }
    for read in reads:
        assert read.completion is not None
        for element in set(elements).intersection(_members(read)):
            known[element] = min(read.completion.index, known.get(element, read.completion.index))
    return known


def _seen(
    read: Call, elements: Sequence[ValueKey], known: Mapping[ValueKey, int]
) -> dict[int, Cell]:
    members = _members(read)
    cells: dict[int, Cell] = {}
    for column, element in enumerate(elements):
        times = members.count(element)
        if times:
            cells[column] = Cell("●" if times == 1 else f"{times} ●", "there")
        elif element in known and known[element] < read.invocation.index:
            cells[column] = Cell("✗", "missing")
    return cells


# --- Logs ---------------------------------------------------------------------------------------


def _log_grid(anomaly: Anomaly, calls: Sequence[Call], proof: set[int]) -> Grid:
    key = str(anomaly.subject)
    transfers = [transfer_of(call) for call in calls if call.invocation.f in TRANSFERS]
    rows = [(each, placed) for each in transfers if (placed := _placed(each, key))]

    def proves(row: tuple[Transfer, Mapping[int, str]]) -> bool:
        return _proves(row[0].call, proof)

    # The operation with the fewest messages is the most telling one: a send, as a rule.
    focus = min((placed for each, placed in filter(proves, rows)), key=len, default={})
    offsets = sorted({offset for _, placed in rows for offset in placed})
    columns = _around(offsets, focus.__contains__, COLUMNS_MAX)
    near = [row for row in rows if proves(row) or not row[1].keys().isdisjoint(columns)]
    return Grid(
        f"Offsets of key {clipped(key)}",
        [str(offset) for offset in columns],
        [
            (
                _label(each.call),
                proves((each, placed)),
                _transferred(each, placed, columns, _place_before(each, key, rows)),
            )
            for each, placed in _around(near, proves, ROWS_MAX)
        ],
    )


def _placed(transfer: Transfer, key: str) -> dict[int, str]:
    """Return what an operation sent or polled of a key, by offset."""
    records = [*(sent for sent in transfer.sent if sent.key == key), *transfer.polled.get(key, ())]
    return {each.offset: key_text(each.message) for each in records if each.offset is not None}


def _place_before(
    transfer: Transfer, key: str, of_key: Sequence[tuple[Transfer, Mapping[int, str]]]
) -> int | None:
    """Return the last offset that the client had polled before, None if this is no poll."""
    if key not in transfer.polled:
        return None
    begun = transfer.call.invocation
    last = None
    for each, _ in of_key:
        event = each.call.invocation
        if event.process == begun.process and event.index < begun.index and key in each.polled:
            last = next(
                (r.offset for r in reversed(each.polled[key]) if r.offset is not None), last
            )
    return last


def _transferred(
    transfer: Transfer, placed: Mapping[int, str], columns: Sequence[int], last: int | None
) -> dict[int, Cell]:
    cells: dict[int, Cell] = {}
    is_poll = not transfer.sent
    low = min(placed) if last is None or last > min(placed) else last
    for column, offset in enumerate(columns):
        if offset in placed:
            cells[column] = Cell(placed[offset], "there")
        elif is_poll and low < offset < max(placed):
            cells[column] = Cell("✗", "missing")
    return cells


# --- Counters -----------------------------------------------------------------------------------


def _band(run: RecordedRun, proof: set[int]) -> str:
    """Draw the sums that each read can have seen as a bar, and what it returned as a point."""
    reads = [(call, _value(call), sums) for call, sums in read_sums(run.events)]
    shown = _around(
        [each for each in reads if each[1] is not None],
        lambda each: _proves(each[0], proof),
        BARS_MAX,
    )
    numbers = [n for _, value, sums in shown for n in (sums.least, sums.greatest, value or 0)]
    low, high = min(numbers, default=0), max(numbers, default=0)

    def y(number: int) -> float:
        return _MARGIN + (_BAND_HEIGHT - 2 * _MARGIN) * (high - number) / max(1, high - low)

    parts = [_text(4, y(number) + 4, str(number), "label") for number in sorted({low, high})]
    for place, (call, value, sums) in enumerate(shown):
        x = _SCALE_WIDTH + _CELL_WIDTH * place
        top, bottom = y(sums.greatest) - 5, y(sums.least) + 5
        tip = f"{_label(call)}: {value}, possible {sums.least} to {sums.greatest}"
        kind = "missing" if _proves(call, proof) else "there"
        parts.append(
            f'<g><title>{html.escape(tip)}</title><rect class="band" x="{x}" y="{top:.1f}" '
            f'width="{_BAR_WIDTH}" height="{bottom - top:.1f}"/></g>'
        )
        text = f"● {value}"
        parts.append(_text(x + _BAR_WIDTH / 2, y(value or 0) + 4, text, f"{kind} middle"))
    title = "Reads of the counter, and the sums that each can have seen"
    return _element(title, _SCALE_WIDTH + _CELL_WIDTH * len(shown), _BAND_HEIGHT, parts)


def _value(read: Call) -> int | None:
    """Return what a read returned, None if that is no integer."""
    value = None if read.completion is None else read.completion.value
    return value if isinstance(value, int) else None


# --- Transactions -------------------------------------------------------------------------------


def _cycle(anomaly: Anomaly, calls: Sequence[Call]) -> str:
    """Draw a cycle as boxes in order of time and an arrow for each edge, "" if there is none."""
    if not anomaly.edges:
        return ""
    by_index = {call.invocation.index: call for call in calls}
    names = {edge.before: f"T{place}" for place, edge in enumerate(anomaly.edges, start=1)}
    shown = sorted(names)[:BOXES_MAX]
    x_of = {index: _BOX_STEP * place + _BOX_WIDTH / 2 for place, index in enumerate(shown)}
    rise = _ARC_RISE * len(shown)
    parts = [
        _arrow(edge, x_of[edge.before], x_of[edge.after], rise)
        for edge in anomaly.edges
        if edge.before in x_of and edge.after in x_of
    ]
    for index in shown:
        parts += _box(names[index], by_index[index], x_of[index] - _BOX_WIDTH / 2, rise)
    width = _BOX_STEP * len(shown)
    title = "Arrows: what shows that one comes before the other; dashed rw, dotted time"
    return _element(title, width, 2 * rise + _BOX_HEIGHT, parts)


def _box(name: str, call: Call, x: float, y: float) -> Iterator[str]:
    size = f'width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}"'
    yield f'<rect class="box" x="{x:g}" y="{y:g}" {size} rx="5"/>'
    value = (call.completion or call.invocation).value
    yield _text(x + 6, y + 16, f"{name} process {call.invocation.process}", "head")
    for place, step in enumerate(value[:_BOX_STEPS_MAX] if isinstance(value, list) else []):
        text = clipped(canonical_text(step), _BOX_CHARACTERS_MAX)
        yield _text(x + 6, y + 31 + 15 * place, text, "label")


def _arrow(edge: Edge, begin: float, end: float, rise: float) -> str:
    """Draw an arrow above the boxes if it leads forward in time, else below them."""
    forward = begin < end
    side = -1 if forward else 1
    y = rise if forward else rise + _BOX_HEIGHT
    begin, end = begin + (8 if forward else -8), end - (8 if forward else -8)
    height = side * min(rise - 12, 24 + abs(end - begin) / 8)
    middle, top = (begin + end) / 2, y + height
    kind = edge.kind.replace(" ", "-")
    head = f"{end:g},{y:g} {end - 5:g},{y + 9 * side:g} {end + 5:g},{y + 9 * side:g}"
    return (
        f'<g class="{kind}"><title>{html.escape(edge.sentence)}</title>'
        f'<path d="M{begin:g},{y:g} C{begin:g},{top:g} {end:g},{top:g} {end:g},{y + 6 * side:g}"/>'
        f'<polygon points="{head}"/></g>'
        + _text(middle, y + height * 0.75 + (-4 if forward else 14), edge.kind, "label middle")
    )


# --- All ----------------------------------------------------------------------------------------


def _proves(call: Call, proof: set[int]) -> bool:
    return call.invocation.index in proof


def _label(call: Call) -> str:
    event = call.invocation
    where = f"{event.node} " if event.node else ""
    return f"{seconds(event.time)} {where}process {event.process} {event.f}"


def _around(items: Sequence[Item], is_wanted: Callable[[Item], object], count: int) -> list[Item]:
    """Return the wanted items and those nearest to them, ``count`` at most, in their order."""
    wanted = [place for place, item in enumerate(items) if is_wanted(item)][-count:]
    chosen = set(wanted)
    for distance in range(1, len(items)):
        for place in (each + step for each in wanted or [0] for step in (-distance, distance)):
            if 0 <= place < len(items) and len(chosen) < count:
                chosen.add(place)
        if len(chosen) >= count:
            break
    return [items[place] for place in sorted(chosen)]


def _svg_of(grid: Grid) -> str:
    """Return a grid as SVG."""
    width = _LABEL_WIDTH + _CELL_WIDTH * len(grid.columns)
    height = _HEAD_HEIGHT + _ROW_HEIGHT * len(grid.rows)
    return _element(grid.title, width, height, [*_head(grid), *_body(grid)])


def _head(grid: Grid) -> Iterator[str]:
    for column, name in enumerate(grid.columns):
        x = _LABEL_WIDTH + _CELL_WIDTH * (column + 0.5)
        yield _text(x, 16, clipped(name, _CELL_CHARACTERS_MAX), "label middle")


def _body(grid: Grid) -> Iterator[str]:
    for row, (label, proves, cells) in enumerate(grid.rows):
        top = _HEAD_HEIGHT + _ROW_HEIGHT * row
        if proves:
            width = _LABEL_WIDTH + _CELL_WIDTH * len(grid.columns)
            yield f'<rect class="proof" x="0" y="{top}" width="{width}" height="{_ROW_HEIGHT}"/>'
        yield _text(4, top + 15, clipped(label, _LABEL_CHARACTERS_MAX), "label")
        for column, cell in cells.items():
            x = _LABEL_WIDTH + _CELL_WIDTH * (column + 0.5)
            yield _text(
                x, top + 15, clipped(cell.text, _CELL_CHARACTERS_MAX), f"{cell.kind} middle"
            )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>'


def _element(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    name = html.escape(title)
    return (
        f'<figure class="anomaly"><figcaption>{name}</figcaption><div class="scroll">'
        f'<svg role="img" aria-label="{name}" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}">{"".join(parts)}</svg></div></figure>'
    )
