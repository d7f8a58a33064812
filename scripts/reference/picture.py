"""The picture of the rooms: from the cart to the order system and back, and who comes in on the way."""

from __future__ import annotations

from typing import Final, NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT, BOX_HEIGHT = 1200, 470, 64
STYLE: Final = 'font-family="system-ui, sans-serif" font-size="13"'


class Box(NamedTuple):
    """A box: its name, what happens there, where it stands. The names of our own are rooms: folders or files of `gateway/`."""

    name: str
    what: str
    x: int
    y: int
    width: int = 140
    height: int = BOX_HEIGHT


# Others: people and systems.
OUTSIDE: Final = (
    Box("channel", "TMF663 carts", 10, 60, 130),
    Box("partner", "TMF622 orders", 10, 160, 130),
    Box("operator", "decides, looks", 10, 260, 130),
    Box("subscriber", "TMF events", 10, 360, 130),
    Box("order system", "TMF622", 1060, 60, 130, 164),
)
ROOMS: Final = (
    Box("login, callers", "who asks", 180, 60, 130, 264),
    Box("carts", "v4, v5, R17", 350, 60),
    Box("checkouts", "accepted: 202", 530, 60),
    Box("submission", "intent, one send", 710, 60),
    Box("upstream", "HTTP, outcomes", 890, 60, 130, 164),
    Box("partners", "order to cart", 350, 160),
    Box("ordering", "cart to calls", 530, 160),
    Box("tracking", "events are hints", 710, 160),
    Box("operators", "retry, adopt", 350, 260),
    Box("correlation", "from any id", 530, 260),
    Box("hub", "events out", 530, 360),
)
NOTES: Final = (
    ("one transaction", 600, 44),
    ("the order is read and compared before it is submitted, once, and followed to its end", 600, 452),
)
# Paths as SVG writes them; the last of each has the head.
ARROWS: Final = (
    "M140 92h38",
    "M140 192h38",
    "M140 292h38",
    "M310 92h38",
    "M310 192h38",
    "M310 292h38",
    # To a trace, beneath the operators.
    "M245 324v18H600V326",
    # From carts, partners and operators to checkouts.
    "M490 92h38",
    "M490 192h20V92h18",
    "M490 292h20V92h18",
    "M600 124v34",
    "M670 92h38",
    "M850 84h38",
    "M890 102H852",
    "M1020 92h38",
    "M1060 192H1022",
    "M890 192H852",
    "M780 160V126",
    # Events, to those who subscribed.
    "M780 224V392H672",
    "M530 392H142",
)


def picture() -> str:
    """Return the picture as SVG. Its texts fit their boxes in any font that a browser may take."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {STYLE} role="img">',
        "  <title>From a TMF663 cart to a TMF622 order, by the rooms of the code</title>",
        f'  <rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        "  <defs>",
        '    <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">',
        '      <path d="M0 0 8 4 0 8z" fill="#345"/>',
        "    </marker>",
        "  </defs>",
        *_frames(ROOMS, "#eef4fb", "#345"),
        *_frames(OUTSIDE, "#f6f1e7", "#864"),
        '  <g text-anchor="middle" fill="#123">',
        *(line for box in (*OUTSIDE, *ROOMS) for line in _texts(box)),
        *(f'    <text x="{x}" y="{y}">{escape(note)}</text>' for note, x, y in NOTES),
        "  </g>",
        '  <g stroke="#345" fill="none" marker-end="url(#head)">',
        *(f'    <path d="{path}"/>' for path in ARROWS),
        "  </g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _frames(boxes: tuple[Box, ...], fill: str, stroke: str) -> list[str]:
    return [
        f'  <g fill="{fill}" stroke="{stroke}">',
        *(f'    <rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>' for box in boxes),
        "  </g>",
    ]


def _texts(box: Box) -> list[str]:
    x, middle = box.x + box.width // 2, box.y + box.height // 2
    return [
        f'    <text x="{x}" y="{middle - 5}" font-weight="bold">{escape(box.name)}</text>',
        f'    <text x="{x}" y="{middle + 14}">{escape(box.what)}</text>',
    ]
