"""What people look at after a run: the explained verdict as text, and one self-contained page.

drawing = draw(Path("store/latest"))
print("\\n".join(drawing.explanation), drawing.page or drawing.problem)
"""

from vsr_node.report.drawing import Drawing, draw
from vsr_node.report.server import RunServer

__all__ = ["Drawing", "RunServer", "draw"]
