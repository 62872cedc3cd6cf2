"""Shows a run to people: the explained verdict as text, and one self-contained page.

drawing = draw(Path("store/latest"))
print("\\n".join(drawing.explanation), drawing.page or drawing.problem)
"""

from vsr_node.report.contents import PageContents, key_of_request
from vsr_node.report.drawing import Drawing, draw, violations_of, write_page
from vsr_node.report.messages import Message, Messages, Request, Sighting
from vsr_node.report.recorded_run import FaultSpan, RecordedRun
from vsr_node.report.server import RunServer
from vsr_node.report.steps import About, ReplicaChange, ReplicaState, Step, Steps

__all__ = [
    "About",
    "Drawing",
    "FaultSpan",
    "Message",
    "Messages",
    "PageContents",
    "RecordedRun",
    "ReplicaChange",
    "ReplicaState",
    "Request",
    "RunServer",
    "Sighting",
    "Step",
    "Steps",
    "draw",
    "key_of_request",
    "violations_of",
    "write_page",
]
