"""Drawing a directed acyclic graph in layers, as SVG.

The method is that of Sugiyama, in its simplest form: layers by longest path, long edges broken by invisible nodes, the
order in each layer by barycentres, coordinates by the mean of the neighbours.

References
----------
K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", IEEE Transactions on
Systems, Man, and Cybernetics 11 (1981) 109-125.
"""

from __future__ import annotations

import shutil
import subprocess
from html import escape

LETTER, LINE, PADDING = 6.7, 15.0, 8.0
GAP, RISE = 18.0, 34.0
SWEEPS = 12


class Drawn:
    """A box of the drawing: its lines of text, the boxes above it that it is joined to, its colour, and what a pointer shows."""

    __slots__ = ("fill", "lines", "parents", "title")

    def __init__(self, lines: list[str], parents: list[int], fill: str, title: str) -> None:
        self.lines, self.parents, self.fill, self.title = lines, parents, fill, title

    @property
    def width(self) -> float:
        """Width of the box."""
        return LETTER * max(map(len, self.lines)) + 2 * PADDING

    @property
    def height(self) -> float:
        """Height of the box."""
        return LINE * len(self.lines) + 2 * PADDING - 3


class Layers:
    """Where the boxes stand, with an invisible one wherever an edge crosses a layer.

    Attributes
    ----------
    rows : list of list of int
        The boxes of each layer from left to right. Numbers from ``len(boxes)`` on are invisible ones.
    edges : list of (int, int)
        From one layer to the next.
    x : list of float
        The middle of each box.
    """

    def __init__(self, boxes: list[Drawn]) -> None:
        self.layer = _layers([b.parents for b in boxes])
        self.widths = [b.width for b in boxes]
        self.edges: list[tuple[int, int]] = []
        self._break_long_edges([b.parents for b in boxes])
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for i, k in enumerate(self.layer):
            self.rows[k].append(i)
        self.above: list[list[int]] = [[] for _ in self.layer]
        self.below: list[list[int]] = [[] for _ in self.layer]
        for a, b in self.edges:
            self.above[b].append(a)
            self.below[a].append(b)
        self.x = [0.0] * len(self.layer)
        self._order()
        self._place()

    def _break_long_edges(self, parents: list[list[int]]) -> None:
        chains: dict[int, list[int]] = {}  # box -> itself and the invisible ones below it, shared by all its long edges
        for child, above in enumerate(parents):
            for p in dict.fromkeys(above):
                chain = chains.setdefault(p, [p])
                while self.layer[chain[0]] + len(chain) < self.layer[child]:
                    self.edges.append((chain[-1], len(self.layer)))
                    chain.append(len(self.layer))
                    self.layer.append(self.layer[p] + len(chain) - 1)
                    self.widths.append(4.0)
                self.edges.append((chain[self.layer[child] - self.layer[p] - 1], child))

    def _order(self) -> None:
        """Sort each layer by the mean place of the neighbours in the layer before it, downwards and upwards in turn."""
        place = [0.0] * len(self.layer)
        for row in self.rows:
            for k, i in enumerate(row):
                place[i] = k
        for sweep in range(SWEEPS):
            near = self.below if sweep % 2 else self.above
            for row in self.rows[::-1] if sweep % 2 else self.rows:
                row.sort(key=lambda i: sum(place[j] for j in near[i]) / len(near[i]) if near[i] else place[i])
                for k, i in enumerate(row):
                    place[i] = k

    def _place(self) -> None:
        """Move each box towards its neighbours, as far as those beside it let it."""
        for row in self.rows:
            for i, x in zip(row, self._spread(row, [0.0] * len(row)), strict=True):
                self.x[i] = x
        for sweep in range(2 * SWEEPS):
            near = self.below if sweep % 2 else self.above
            for row in self.rows[::-1] if sweep % 2 else self.rows:
                wanted = [sum(self.x[j] for j in near[i]) / len(near[i]) if near[i] else self.x[i] for i in row]
                for i, x in zip(row, self._spread(row, wanted), strict=True):
                    self.x[i] = x
        left = min((x - self.widths[i] / 2 for i, x in enumerate(self.x)), default=0.0)
        self.x = [x - left for x in self.x]

    def _spread(self, row: list[int], wanted: list[float]) -> list[float]:
        """Places near those wanted at which no boxes overlap: the mean of pushing to the right and pushing to the left."""
        right, left = list(wanted), list(wanted)
        for k in range(1, len(row)):
            right[k] = max(right[k], right[k - 1] + self._distance(row[k - 1], row[k]))
        for k in range(len(row) - 2, -1, -1):
            left[k] = min(left[k], left[k + 1] - self._distance(row[k], row[k + 1]))
        return [(a + b) / 2 for a, b in zip(right, left, strict=True)]

    def _distance(self, a: int, b: int) -> float:
        return (self.widths[a] + self.widths[b]) / 2 + GAP


def _layers(parents: list[list[int]]) -> list[int]:
    """Each box below all its parents; one without parents just above its first child."""
    layer = [0] * len(parents)
    for i, above in enumerate(parents):
        layer[i] = max((layer[p] + 1 for p in above), default=0)
    first: dict[int, int] = {}
    for i, above in enumerate(parents):
        for p in above:
            first[p] = min(first.get(p, layer[i]), layer[i])
    return [k if above or i not in first else first[i] - 1 for i, (k, above) in enumerate(zip(layer, parents, strict=True))]


def svg(boxes: list[Drawn]) -> str:
    """The drawing of a graph whose boxes come after those that they are joined to."""
    layers = Layers(boxes)
    height = max((b.height for b in boxes), default=0.0)
    margin = 10.0
    top = [margin + k * (height + RISE) for k in range(len(layers.rows))]

    def bottom_of(i: int) -> float:
        return top[layers.layer[i]] + (boxes[i].height if i < len(boxes) else height)

    parts = []
    for a, b in layers.edges:
        x0, y0, x1, y1 = layers.x[a] + margin, bottom_of(a), layers.x[b] + margin, top[layers.layer[b]]
        bend = (y1 - y0) / 2
        path = f"M{x0:.1f} {y0:.1f}C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}"
        if b >= len(boxes):
            parts.append(f'<path d="{path}V{y1 + height:.1f}"/>')
        else:
            parts.append(f'<path d="{path}" marker-end="url(#arrow)"/>')
    texts = []
    for i, box in enumerate(boxes):
        x, y = layers.x[i] + margin, top[layers.layer[i]]
        lines = "".join(
            f'<text x="{x:.1f}" y="{y + PADDING + LINE * k + 9:.1f}"{"" if k == 0 else small}>{escape(line)}</text>'
            for k, line in enumerate(box.lines)
        )
        texts.append(
            f'<g><title>{escape(box.title)}</title><rect x="{x - box.width / 2:.1f}" y="{y:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="5" fill="{box.fill}" stroke="#64748b"/>{lines}</g>'
        )
    right = max((layers.x[i] + layers.widths[i] / 2 for i in range(len(layers.x))), default=0.0) + 2 * margin
    full = (top[-1] + height if top else 0.0) + margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right:.0f}" height="{full:.0f}" viewBox="0 0 {right:.0f} {full:.0f}">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>'
        f'<rect width="{right:.0f}" height="{full:.0f}" fill="#ffffff"/>'
        f'<g fill="none" stroke="#64748b">{"".join(parts)}</g>'
        f'<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="11" text-anchor="middle" '
        f'fill="#0f172a">{"".join(texts)}</g></svg>'
    )


small = ' fill="#475569"'


def svg_by_graphviz(dot: str, *, required: bool = False) -> str | None:
    """The drawing that Graphviz makes of a graph in its language; ``None`` if it is not installed and not required."""
    program = shutil.which("dot")
    if program is None:
        if required:
            raise FileNotFoundError("Graphviz's program dot was not found; install Graphviz, or leave graphviz=True out")
        return None
    found = subprocess.run([program, "-Tsvg"], input=dot, capture_output=True, text=True, check=True)
    return found.stdout[found.stdout.index("<svg") :]
