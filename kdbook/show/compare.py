"""Are two folders of figures the same? Compares the arrays behind the pictures, never the pixels.

``python -m kdbook.show.compare EXPECTED ACTUAL --rtol 1e-6`` holds every number of every figure to a relative
tolerance. Without ``--rtol`` only the skeleton is compared (figures, axes, what is drawn on them) and every number must
be finite: the right question for a quick run, whose numbers differ from the full results and whose reader's own run is
drawn besides.
"""

import json
import math
from collections import Counter
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False)
ROUNDING = 1e-15  # what is left when numbers of order one cancel
FEW = 5  # messages a figure


def compare_figures(expected_dir: str | Path, actual_dir: str | Path, *, rtol: float | None = None) -> list[str]:
    """Say in what two folders of ``<figure>.json`` files differ.

    Parameters
    ----------
    expected_dir, actual_dir : str or Path
        Folders that `kdbook.show.figures.save` has written.
    rtol : float, optional
        Relative tolerance of every number; the figures must then agree in everything else as well. If None, the names
        of the figures and the titles, labels and series of their axes are compared, and `actual_dir` may draw more
        series on the same axes.

    Returns
    -------
    list of str
        One sentence a difference, at most a handful a figure; empty if there is none.

    Raises
    ------
    ValueError
        If `rtol` is negative or not finite.
    """
    if rtol is not None and not (math.isfinite(rtol) and rtol >= 0):
        raise ValueError(f"rtol must be finite and not negative, got {rtol}")
    old, new = ({path.stem: path for path in Path(folder).glob("*.json")} for folder in (expected_dir, actual_dir))
    if not old:
        return [f"{expected_dir}: no figure to compare with"]
    messages = [f"{name}: only in {expected_dir if name in old else actual_dir}" for name in sorted(old.keys() ^ new)]
    for name in sorted(old.keys() & new):
        found = [f"{name}: {text}" for text in _differences(old[name], new[name], rtol)]
        messages += found[:FEW] + [f"{name}: and {len(found) - FEW} more differences"] * (len(found) > FEW)
    return messages


def _differences(expected: Path, actual: Path, rtol: float | None) -> list[str]:
    try:
        figures = [json.loads(path.read_text(encoding="utf-8")) for path in (expected, actual)]
        before, after = (_skeleton(figure) for figure in figures)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"{actual} is not the saved form of a figure: {type(error).__name__} {error}"]
    old, new = (dict(_leaves(figure)) for figure in figures)
    found = [f"{where} is {v}, not finite" for where, v in new.items() if isinstance(v, float) and not math.isfinite(v)]
    if rtol is None:
        return found + [f"{what}: {count} fewer than expected" for what, count in sorted((before - after).items())]
    for where in {**old, **new}:
        if not _same(old.get(where, "absent"), new.get(where, "absent"), rtol):
            found.append(f"{where} is {new.get(where, 'absent')!r}, expected {old.get(where, 'absent')!r}")
    return found


def _leaves(value, where: str = ""):
    """Path and value of every text, number and gap of JSON."""
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, f"{where}[{key}]" if isinstance(value, list) else f"{where}.{key}".strip("."))
    else:
        yield where, value


def _skeleton(figure: dict) -> Counter:
    """What is drawn: texts of each axes, and how many series of a kind, a label, and with or without gaps."""
    found = Counter({f"axes {len(figure['axes'])}": 1})
    for at, axes in enumerate(figure["axes"]):
        found.update(f"axes[{at}].{text} {axes[text]!r}" for text in ("title", "xlabel", "ylabel"))
        found.update(f"axes[{at}] {series['kind']} series {series['label']!r}" for series in axes["series"])
        found[f"axes[{at}] whole"] = int(all(value is not None for _, value in _leaves(axes["series"])))
    return found


def _same(expected, actual, rtol: float) -> bool:
    if {type(expected), type(actual)} <= {int, float}:
        return not math.isfinite(actual) or math.isclose(expected, actual, rel_tol=rtol, abs_tol=ROUNDING)
    return type(expected) is type(actual) and expected == actual


@click.command()
@click.argument("expected", type=FOLDER)
@click.argument("actual", type=FOLDER)
@click.option("--rtol", type=click.FloatRange(min=0), help="Compare every number; without it only axes and finiteness.")
def main(expected, actual, rtol):
    """Compare the figures of the folder ACTUAL with those of the folder EXPECTED."""
    if messages := compare_figures(expected, actual, rtol=rtol):
        click.echo("\n".join(messages))
        raise SystemExit(1)
    click.echo(f"{len([*Path(expected).glob('*.json')])} figures agree within {'their axes' if rtol is None else rtol}")


if __name__ == "__main__":
    main()
