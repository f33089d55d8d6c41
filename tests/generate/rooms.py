"""The picture of rooms and arrows in docs/architecture.md, drawn from the imports."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.conftest import ROOT

FILE = ROOT / "docs" / "architecture.md"
SERVICE = ROOT / "service"
BETWEEN = re.compile(r"(<!-- rooms -->\n).*?(<!-- end of rooms -->\n)", re.DOTALL)
Arrows = dict[str, set[str]]


def text() -> str:
    outer = _arrows(1, "service")
    inner = _arrows(2, "service.domain")
    drawn = f"{_mermaid(outer)}\nInside the domain:\n\n{_mermaid(inner)}"
    return BETWEEN.sub(lambda found: found[1] + drawn + found[2], FILE.read_text(encoding="utf-8"))


def _arrows(depth: int, within: str) -> Arrows:
    """Which room imports which. A room is a package or a module so many names below `service`."""
    arrows: Arrows = defaultdict(set)
    for file in sorted(SERVICE.rglob("*.py")):
        module = _name(file)
        if module.startswith(f"{within}.") and "client" not in file.parts:
            room = _room(module, depth)
            arrows[room] |= {
                _room(one, depth)
                for one in _imports(file)
                if one.startswith(f"{within}.") and _room(one, depth) != room
            }
    return arrows


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _room(module: str, depth: int) -> str:
    return module.split(".")[depth]


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "service":
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


def _mermaid(arrows: Arrows) -> str:
    """Without the arrows that others imply."""
    lines = ["```mermaid", "graph TD"]
    for room in sorted(arrows):
        direct = {one for one in arrows[room] if not any(one in _reached(other, arrows) for other in arrows[room])}
        lines += [f"  {_node(room)} --> {_node(one)}" for one in sorted(direct)]
    return "\n".join((*lines, "```", ""))


def _node(room: str) -> str:
    return room if room.isidentifier() and not room.startswith("_") else f'{room.strip("_")}["{room}"]'


def _reached(room: str, arrows: Arrows) -> set[str]:
    """Every room below this one, itself not counted."""
    found: set[str] = set()
    waiting = list(arrows.get(room, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += arrows.get(one, ())
    return found
