"""Figures that tests measure, told at the end of the run."""


class Figures:
    """Lines by the Show (acceptance) they belong to, in the order in which they came."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, line: str) -> None:
        """One line for the summary."""
        self.lines.append(line)
