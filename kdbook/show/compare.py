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

# Two values closer than this are equal: the rounding left over when numbers of order one cancel.
ROUNDING = 1e-15
MESSAGES_PER_FIGURE = 5


def compare_figures(expected_dir: str | Path, actual_dir: str | Path, *, rtol: float | None = None) -> list[str]:
    """Say in what two folders of ``<figure>.json`` files differ.

    Parameters
    ----------
    expected_dir, actual_dir : str or Path
        Folders that `kdbook.show.save` has written.
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
    expected_dir, actual_dir = Path(expected_dir), Path(actual_dir)
    expected, actual = ({path.stem: path for path in folder.glob("*.json")} for folder in (expected_dir, actual_dir))
    if not expected:
        return [f"{expected_dir}: no figure to compare with"]
    messages = [f"{name}: missing in {actual_dir}" for name in sorted(expected.keys() - actual.keys())]
    messages += [f"{name}: not expected, found in {actual_dir}" for name in sorted(actual.keys() - expected.keys())]
    for name in sorted(expected.keys() & actual.keys()):
        found = _compare_files(expected[name], actual[name], rtol)
        messages += [f"{name}: {text}" for text in found[:MESSAGES_PER_FIGURE]]
        if len(found) > MESSAGES_PER_FIGURE:
            messages.append(f"{name}: and {len(found) - MESSAGES_PER_FIGURE} more differences")
    return messages


def _compare_files(expected_path, actual_path, rtol):
    figures = []
    for path in (expected_path, actual_path):
        try:
            figures.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            return [f"{path} is not readable JSON: {error}"]
    expected, actual = figures
    numbers = [(where, value) for where, value in _values(actual) if _is_number(value)]
    not_finite = [f"{where} is {value}, not finite" for where, value in numbers if not math.isfinite(value)]
    if rtol is not None:
        return not_finite + list(_differences(expected, actual, rtol))
    try:
        return not_finite + list(_skeleton_differences(expected, actual))
    except (AttributeError, KeyError, TypeError) as error:
        return [f"not the saved form of a figure: {type(error).__name__} {error}"]


def _values(value, where=""):
    """Yield the path and the value of everything in JSON; of a list its length, of an object its fields."""
    if isinstance(value, dict):
        yield where or "figure", f"fields {sorted(value)}"
        for key, item in value.items():
            yield from _values(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        yield where, f"{len(value)} entries"
        for i, item in enumerate(value):
            yield from _values(item, f"{where}[{i}]")
    else:
        yield where, value


def _differences(expected, actual, rtol):
    """Yield a sentence for every place where two JSON values differ."""
    found = dict(_values(actual))
    for where, value in _values(expected):
        if where in found and not _same(value, found[where], rtol):
            yield f"{where} is {found[where]!r}, expected {value!r}"


def _same(expected, actual, rtol):
    if _is_number(expected) and _is_number(actual):
        # A number that is not finite is reported as such, once.
        return not math.isfinite(actual) or math.isclose(expected, actual, rel_tol=rtol, abs_tol=ROUNDING)
    return type(expected) is type(actual) and expected == actual


def _skeleton_differences(expected, actual):
    """Yield a sentence for every difference in a figure's axes: their number, titles, labels and expected series."""
    if len(expected["axes"]) != len(actual["axes"]):
        yield f"{len(actual['axes'])} axes, expected {len(expected['axes'])}"
        return
    for i, (old, new) in enumerate(zip(expected["axes"], actual["axes"], strict=True)):
        for field in ("title", "xlabel", "ylabel"):
            if old[field] != new[field]:
                yield f"axes[{i}].{field} is {new[field]!r}, expected {old[field]!r}"
        missing = Counter(map(_drawn_as, old["series"])) - Counter(map(_drawn_as, new["series"]))
        if any(map(_has_gaps, new["series"])) and not any(map(_has_gaps, old["series"])):
            yield f"axes[{i}] has missing numbers, which the expected figure has not"
        for (kind, label), count in sorted(missing.items()):
            yield f"axes[{i}] lacks {count} {kind} series" + (f" labelled {label!r}" if label else " without a label")


def _has_gaps(series):
    # A number that is masked or not a number is saved as null.
    return any(value is None for _, value in _values(series))


def _drawn_as(series):
    # matplotlib numbers what has no label: "_child3" says only how many were drawn before.
    label = series.get("label") or ""
    return series["kind"], "" if label.startswith("_") else label


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


@click.command()
@click.argument("expected", type=click.Path(exists=True, file_okay=False))
@click.argument("actual", type=click.Path(exists=True, file_okay=False))
@click.option("--rtol", type=click.FloatRange(min=0), help="Compare every number; without it only axes and finiteness.")
def main(expected, actual, rtol):
    """Compare the figures of the folder ACTUAL with those of the folder EXPECTED."""
    messages = compare_figures(expected, actual, rtol=rtol)
    for message in messages:
        click.echo(message)
    if messages:
        raise SystemExit(1)
    how = "axes, and every number finite" if rtol is None else f"every number within rtol {rtol:g}"
    click.echo(f"{len(list(Path(expected).glob('*.json')))} figures agree: {how}")


if __name__ == "__main__":
    main()
