"""The data of a page's scripts: columns and bodies, deflated, in base64, an element each."""

import base64
import sys
import zlib
from array import array
from collections.abc import Iterator

import orjson

from vsr_node.report.contents import Operations, PageContents, microseconds
from vsr_node.report.messages import FATES, body_blocks, columns_of
from vsr_node.report.surroundings import LATE_OPERATIONS

VIEWS_MAX = 20_000
BLOCK_MESSAGES = 2048

COLUMNS = ("sent", "took", "source", "destination", "kind", "fate")


def data_elements(contents: PageContents, operations: Operations, room: int) -> Iterator[str]:
    """Yield the data as elements that no browser runs, at most ``room`` bytes."""
    messages = contents.messages
    columns = columns_of(messages.kept, messages.nodes)
    begin = [_block(name, _bytes(getattr(columns, name))) for name in COLUMNS]
    begin.append(_block("operations", orjson.dumps(operations.columns())))
    sightings = messages.sightings[:VIEWS_MAX]
    numbers = {node: number for number, node in enumerate(messages.nodes)}
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
        "views": [
            [numbers[seen.node], microseconds(seen.time), seen.view_number]
            for seen in sightings
            if seen.node in numbers
        ],
        "members": messages.members,
        "nodes": messages.nodes,
        "names": columns.names.texts,
        "kinds": columns.kinds.texts,
        "fates": FATES,
        "failed": contents.run.valid is False,
        "messages": len(messages.kept),
        "messagesTotal": messages.total,
        "blockMessages": BLOCK_MESSAGES,
        "violations": [
            {
                "operations": [
                    operations.number_of[each.invoked] for each in violation.part.operations
                ],
                "late": LATE_OPERATIONS,
                "culprit": operations.number_of[violation.part.culprit.invoked],
            }
            for violation in contents.violations
        ],
    }
    begin.append(_block("main", orjson.dumps(main)))
    if contents.steps is not None:
        begin.append(_block("steps", orjson.dumps(contents.steps.columns())))
    yield from begin
    yield from _bodies(contents, operations, room - sum(map(len, begin)))


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
