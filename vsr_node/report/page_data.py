"""The data of a page's scripts: columns and bodies, deflated, in base64, an element each."""

import base64
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from vsr_node.report.contents import OUTCOMES, Operations, PageContents, microseconds
from vsr_node.report.lanes import Lane, Span
from vsr_node.report.messages import FATES, body_blocks, columns_of
from vsr_node.report.node_logs import LogLine
from vsr_node.report.surroundings import opening_of

BLOCK_MESSAGES = 2048

COLUMNS = ("sent", "took", "source", "destination", "kind", "fate")


def data_elements(
    contents: PageContents, operations: Operations, lanes: Sequence[Lane], room: int
) -> Iterator[str]:
    """Yield the data as elements that no browser runs, at most ``room`` bytes."""
    messages = contents.messages
    columns = columns_of(messages.kept, messages.nodes)
    begin = [_block(name, _bytes(getattr(columns, name))) for name in COLUMNS]
    begin.append(_block("operations", orjson.dumps(operations.columns())))
    main = {
        "faults": [
            [
                microseconds(f.begin),
                None if f.end is None else microseconds(f.end),
                f.name,
                f.text,
            ]
            for f in contents.run.faults
        ],
        "lanes": [_lane(lane) for lane in lanes],
        "viewWord": "term" if any(s.field == "term" for s in messages.sightings) else "view",
        "nodes": messages.nodes,
        "names": columns.names.texts,
        "kinds": columns.kinds.texts,
        "fates": FATES,
        "outcomes": OUTCOMES,
        "log": _log(contents.log),
        "failed": contents.run.valid is False,
        "messages": len(messages.kept),
        "messagesTotal": messages.total,
        "blockMessages": BLOCK_MESSAGES,
        "violations": [
            {
                "operations": [
                    operations.number_of[each.invoked] for each in violation.part.operations
                ],
                "culprit": operations.number_of[violation.part.culprit.invoked],
                "begin": microseconds(opening_of(violation)),
            }
            for violation in contents.violations
        ],
    }
    begin.append(_block("main", orjson.dumps(main)))
    if contents.steps is not None:
        begin.append(_block("steps", orjson.dumps(contents.steps.columns())))
    yield from begin
    yield from _bodies(contents, operations, room - sum(map(len, begin)))


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "node": lane.node,
        "conditions": [
            [*_times(each.span), each.kind, each.whole, each.text, each.fault]
            for each in lane.conditions
        ],
        "views": [[*_times(span), number] for span, number in lane.views],
        "leads": [_times(span) for span in lane.leads],
    }


def _times(span: Span) -> tuple[int, int | None]:
    return microseconds(span.begin), None if span.end is None else microseconds(span.end)


def _log(lines: Sequence[LogLine]) -> dict[str, list[Any]]:
    return {
        "time": [-1 if line.time < 0 else microseconds(line.time) for line in lines],
        "node": [line.node for line in lines],
        "text": [line.text for line in lines],
        "alarming": [line.alarming for line in lines],
    }


def _bodies(contents: PageContents, operations: Operations, room: int) -> Iterator[str]:
    """Yield as many blocks of bodies as there is room for, those around violations first."""
    kept = contents.messages.kept
    blocks = [
        _block(f"bodies-{number}", block)
        for number, block in enumerate(body_blocks(kept, BLOCK_MESSAGES))
    ]
    moments = [
        operations.calls[operations.number_of[violation.part.culprit.invoked]].invocation.time
        for violation in contents.violations
    ]

    def distance(number: int) -> int:
        sent = kept[min(number * BLOCK_MESSAGES + BLOCK_MESSAGES // 2, len(kept) - 1)].sent
        return min((abs(sent - moment) for moment in moments), default=sent)

    for number in sorted(range(len(blocks)), key=distance):
        room -= len(blocks[number])
        if room >= 0:
            yield blocks[number]


def _block(name: str, content: bytes) -> str:
    text = base64.b64encode(zlib.compress(content, 6)).decode()
    return f'<script type="application/octet-stream" id="data-{name}">{text}</script>'


def _bytes(column: "array[int]") -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()
