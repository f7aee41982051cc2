import copy
import json

import pytest
from click.testing import CliRunner

from kdbook.show.compare import compare_figures, main

FIGURE = {
    "name": "errors",
    "axes": [
        {
            "title": "Test errors",
            "xlabel": "arm",
            "ylabel": "errors of 10,000",
            "series": [
                {"kind": "bar", "label": "reference", "x": ["hard", "distilled"], "y": [146.0, 74.0]},
                {"kind": "line", "label": "", "x": [0, 1], "y": [1e-9, None]},
                {"kind": "image", "label": "", "values": [[0.0, 0.5], [1.0, None]]},
            ],
        }
    ],
}
Y = ["axes", 0, "series", 0, "y"]
SERIES = ["axes", 0, "series"]


def changed(path, value):
    """A copy of FIGURE with the entry at `path` replaced."""
    figure = copy.deepcopy(FIGURE)
    *parents, last = path
    place = figure
    for key in parents:
        place = place[key]
    place[last] = value
    return figure


def compare(tmp_path, expected, actual, **kwargs):
    """Write two folders, each a dict of name to figure (or text), and compare them."""
    for folder, figures in (("expected", expected), ("actual", actual)):
        (tmp_path / folder).mkdir()
        for name, figure in figures.items():
            text = figure if isinstance(figure, str) else json.dumps(figure)
            (tmp_path / folder / f"{name}.json").write_text(text)
    return compare_figures(tmp_path / "expected", tmp_path / "actual", **kwargs)


@pytest.mark.parametrize("rtol", [None, 0.0, 1e-6])
def test_equal_figures_give_no_message(tmp_path, rtol):
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": FIGURE}, rtol=rtol) == []


def test_missing_and_unexpected_figures_are_named(tmp_path):
    messages = compare(tmp_path, {"a": FIGURE, "b": FIGURE}, {"b": FIGURE, "c": FIGURE})
    assert messages == [f"a: only in {tmp_path / 'expected'}", f"c: only in {tmp_path / 'actual'}"]


def test_an_empty_expected_folder_is_a_difference(tmp_path):
    assert "no figure to compare with" in compare(tmp_path, {}, {"errors": FIGURE})[0]


def test_a_missing_folder_counts_as_empty(tmp_path):
    assert compare_figures(tmp_path / "none", tmp_path) == [f"{tmp_path / 'none'}: no figure to compare with"]


def test_numbers_within_rtol_are_equal_and_beyond_it_are_reported(tmp_path):
    near, far = changed(Y, [146.0, 74.0 * (1 + 0.9e-6)]), changed(Y, [146.0, 74.0 * (1 + 1.1e-6)])
    messages = compare(tmp_path, {"near": FIGURE, "far": FIGURE}, {"near": near, "far": far}, rtol=1e-6)
    assert len(messages) == 1
    assert messages[0].startswith("far: axes[0].series[0].y[1] is 74.0000")


def test_small_numbers_are_compared_relatively_too(tmp_path):
    actual = changed(["axes", 0, "series", 1, "y"], [1.1e-9, None])
    assert len(compare(tmp_path, {"errors": FIGURE}, {"errors": actual}, rtol=1e-6)) == 1


def test_rounding_around_zero_is_no_difference(tmp_path):
    actual = changed(["axes", 0, "series", 2, "values", 0, 0], -1e-16)
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": actual}, rtol=1e-6) == []


def test_numbers_are_not_compared_without_rtol(tmp_path):
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [900.0])}) == []


@pytest.mark.parametrize("rtol", [None, 1e-6])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_reported_once(tmp_path, rtol, value):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [146.0, value])}, rtol=rtol)
    assert messages == [f"errors: axes[0].series[0].y[1] is {value}, not finite"]


def test_a_masked_entry_is_not_a_number(tmp_path):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [146.0, None])}, rtol=1e-6)
    assert messages == ["errors: axes[0].series[0].y[1] is None, expected 74.0"]


def test_another_length_is_one_difference(tmp_path):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [146.0])}, rtol=1e-6)
    assert messages == ["errors: axes[0].series[0].y[1] is 'absent', expected 74.0"]


def test_an_integer_equals_the_same_float(tmp_path):
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [146, 74])}, rtol=0.0) == []


def test_a_truth_value_is_not_a_number(tmp_path):
    assert len(compare(tmp_path, {"errors": changed(Y, [1])}, {"errors": changed(Y, [True])}, rtol=1e-6)) == 1


@pytest.mark.parametrize("rtol", [None, 1e-6])
@pytest.mark.parametrize("field", ["title", "xlabel", "ylabel"])
def test_another_title_or_axis_label_is_reported(tmp_path, rtol, field):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": changed(["axes", 0, field], "other")}, rtol=rtol)
    assert messages and all(f"axes[0].{field} " in message for message in messages)


@pytest.mark.parametrize("rtol", [None, 1e-6])
def test_another_number_of_axes_is_reported(tmp_path, rtol):
    actual = changed(["axes"], FIGURE["axes"] * 2)
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": actual}, rtol=rtol)


def test_a_lost_series_is_reported_without_rtol(tmp_path):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": changed(SERIES, FIGURE["axes"][0]["series"][1:])})
    assert messages == ["errors: axes[0] bar series 'reference': 1 fewer than expected"]


def test_the_readers_own_series_may_stand_beside_the_expected_ones(tmp_path):
    yours = {"kind": "bar", "label": "yours", "x": ["hard"], "y": [300.0]}
    bars, line, image = FIGURE["axes"][0]["series"]
    assert compare(tmp_path, {"errors": FIGURE}, {"errors": changed(SERIES, [bars, yours, line, image])}) == []


def test_many_differences_of_one_figure_are_cut_short(tmp_path):
    messages = compare(tmp_path, {"f": changed(Y, [1.0] * 50)}, {"f": changed(Y, [2.0] * 50)}, rtol=1e-6)
    assert len(messages) == 6 and messages[-1] == "f: and 45 more differences"


def test_a_damaged_file_is_named(tmp_path):
    messages = compare(tmp_path, {"errors": FIGURE}, {"errors": '{"name": "err'})
    assert len(messages) == 1 and "actual/errors.json is not the saved form of a figure: JSONDecodeError" in messages[0]


@pytest.mark.parametrize("other", [[], {}, {"axes": None}, {"axes": [3]}])
def test_json_that_is_no_figure_is_a_difference(tmp_path, other):
    assert "not the saved form of a figure" in compare(tmp_path, {"errors": FIGURE}, {"errors": other})[0]


@pytest.mark.parametrize("rtol", [-1e-6, float("nan"), float("inf")])
def test_a_senseless_tolerance_is_refused(tmp_path, rtol):
    with pytest.raises(ValueError, match="rtol must be finite and not negative, got"):
        compare_figures(tmp_path, tmp_path, rtol=rtol)


def test_the_command_line_says_what_agrees_and_fails_on_a_difference(tmp_path):
    compare(tmp_path, {"errors": FIGURE}, {"errors": changed(Y, [146.0, 75.0])})
    folders = [str(tmp_path / "expected"), str(tmp_path / "actual")]
    loose, strict = CliRunner().invoke(main, folders), CliRunner().invoke(main, [*folders, "--rtol", "1e-6"])
    assert loose.exit_code == 0 and loose.output == "1 figures agree within their axes\n"
    assert strict.exit_code == 1 and strict.output == "errors: axes[0].series[0].y[1] is 75.0, expected 74.0\n"


def test_a_gap_where_the_expected_figure_has_none_is_reported(tmp_path):
    whole = changed(SERIES, [FIGURE["axes"][0]["series"][0]])
    gap = copy.deepcopy(whole)
    gap["axes"][0]["series"][0]["y"][1] = None
    assert compare(tmp_path, {"f": whole}, {"f": gap}) == ["f: axes[0] whole: 1 fewer than expected"]
