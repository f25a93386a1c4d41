"""Frames: of what has changed on the screen, that part alone is drawn and written.

Textual's own compositor draws all lines of all widgets that stand beside a change, cuts them where
any widget ends, and throws most of it away: 5 ms for each frame of an answer.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from textual._compositor import Compositor, CompositorUpdate
from textual.geometry import Region
from textual.strip import Strip

Part = tuple[Region, Sequence[Strip]]
"""A rectangle of the screen, and its lines."""


class Frame(CompositorUpdate):
    """Rectangles that are written, each line where it belongs."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = list(parts)

    def render_segments(self, console: Console) -> str:
        """What is written to the terminal; see CompositorUpdate."""
        return "".join(
            f"\x1b[{row};{region.x + 1}H{strip.render(console)}"
            for region, strips in self.parts
            for row, strip in enumerate(strips, region.y + 1)
        )


class Frames(Compositor):
    """Draws what is seen of each widget where something has changed, from the front to the back."""

    def render_partial_update(self) -> Frame | None:  # type: ignore[override] - both are updates
        """What has changed since the last frame; None for nothing. See Compositor."""
        screen, dirty = self.size.region, self._dirty_regions.copy()
        self._dirty_regions.clear()
        inside = {region.intersection(screen) for region in dirty}
        changed = [one for one in inside if one and not _within(one, inside)]
        return Frame(self._parts(changed)) if changed else None

    def render_full_update(self, simplify: bool = False) -> CompositorUpdate:  # type: ignore[override]
        """All of the screen; see Compositor. What is to be simplified is a picture for a file."""
        if simplify:
            return super().render_full_update(simplify)
        self._dirty_regions.clear()
        return Frame(self._parts([self.size.region]))

    def _parts(self, left: list[Region]) -> Iterator[Part]:
        for widget, (region, clip) in self.visible_widgets.items():
            seen, rest = region.intersection(clip), []
            for piece in left:
                if part := piece.intersection(seen):
                    yield part, widget.render_lines(part.translate(-region.offset))
                    rest += around(piece, part)
                else:
                    rest.append(piece)
            left = rest
            if not left:
                return


def _within(region: Region, others: Iterable[Region]) -> bool:
    return any(other != region and other.contains_region(region) for other in others)


def around(whole: Region, part: Region) -> list[Region]:
    """What is left of a region without a part of it: above, at the left, at the right, below."""
    found = [
        Region(whole.x, whole.y, whole.width, part.y - whole.y),
        Region(whole.x, part.y, part.x - whole.x, part.height),
        Region(part.right, part.y, whole.right - part.right, part.height),
        Region(whole.x, part.bottom, whole.width, whole.bottom - part.bottom),
    ]
    return [region for region in found if region]
