"""How what was measured is told."""

import statistics


def told(name: str, values: dict[str, list[float]], unit: str, base: str = "") -> None:
    """A line for each row: median, smallest and largest, and the ratio to the base."""
    print(f"\n{name}")
    floor = statistics.median(values[base]) if base else 0.0
    for row, found in values.items():
        middle = statistics.median(found)
        ratio = f"   {middle / floor:5.2f} x {base}" if floor and row != base else ""
        print(f"  {row:28} {middle:9.2f} {unit:3} ({min(found):.2f} … {max(found):.2f}){ratio}")
