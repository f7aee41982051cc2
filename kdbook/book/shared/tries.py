"""How a question of settings tries an arm: one arm a try, all of them told by the arm's own name."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kdbook.lab import Arm


def tried(name: str, arm: Arm, tries: Iterable[Mapping], draws: int) -> dict[str, Arm]:
    """The arm with each of the `tries`, which are settings, on so many draws."""
    return {
        " ".join([name, *(f"{setting}={value:g}" for setting, value in one.items())]): replace(
            arm, settings={**arm.settings, **one}, named=name, seeds=draws, teaches=False
        )
        for one in tries
    }
