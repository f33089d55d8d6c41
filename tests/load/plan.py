"""How much is measured: everything, or a short smoke test of the benchmark itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    quick: bool = False

    @property
    def rounds(self) -> int:
        """Rounds of pairs, interleaved: A B A B A B."""
        return 1 if self.quick else 3

    @property
    def few(self) -> int:
        """How many single measurements of a kind, or 0 for as many as they deserve."""
        return 4 if self.quick else 0

    def seconds(self, wanted: float) -> float:
        return wanted / 4 if self.quick else wanted
