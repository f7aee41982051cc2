import json
import os

import numpy as np
import pandas as pd
import pytest

from kdbook.lab import Results, results
from kdbook.lab.results import output_folder, read_results, save_results

TABLE = pd.DataFrame(
    {"arm": ["hard", "hard", "soft"], "seed": [0, 1, 0], "errors": [146, 150, 74], "kl": [0.1, None, 1 / 3]}
)


@pytest.fixture
def made():
    arrays = {"hard.0.loss": np.arange(3.0), "hard.1.loss": np.ones(3), "soft.0.images": np.zeros((2, 4, 4), np.uint8)}
    return Results(TABLE, arrays, {"device": "cpu", "seconds": 1.5, "VERSION": 1})


def test_results_are_a_table_with_arrays_and_an_origin(made):
    assert isinstance(made, pd.DataFrame) and made.equals(TABLE)
    assert made.info["device"] == "cpu"
    assert made.array("hard", "loss", 1).tolist() == [1, 1, 1]


def test_selections_are_plain_tables(made):
    for selection in (made[made.arm == "hard"], made[["arm", "errors"]], made.sort_values("errors"), made.copy()):
        assert type(selection) is pd.DataFrame
    assert made.groupby("arm").errors.mean().to_dict() == {"hard": 148.0, "soft": 74.0}


def test_results_share_no_array_table_with_the_one_that_made_them():
    arrays = {"hard.0.loss": np.zeros(1)}
    made = Results(TABLE, arrays)
    arrays.clear()
    assert made.array("hard", "loss").tolist() == [0] and made.info == {}


def test_arrays_of_all_seeds_are_stacked_in_the_order_of_the_seeds():
    arrays = {f"hard.{s}.loss": np.array([s]) for s in (10, 2, 0)} | {"hard_too.0.loss": np.array([9])}
    assert Results(TABLE, arrays).stack("hard", "loss").tolist() == [[0], [2], [10]]


@pytest.mark.parametrize("ask", [lambda r: r.array("hard", "loss", 7), lambda r: r.stack("soft", "loss")])
def test_an_array_that_is_not_there_is_named_with_those_that_are(made, ask):
    with pytest.raises(KeyError, match=r"no array .*; there are hard.0.loss, hard.1.loss, soft.0.images"):
        ask(made)


def test_what_is_saved_is_read_back(tmp_path, made):
    save_results(made, "toy", tmp_path)
    found = read_results("toy", tmp_path)
    pd.testing.assert_frame_equal(pd.DataFrame(found), TABLE)
    assert found.info == made.info
    assert found.arrays.keys() == made.arrays.keys()
    for key, array in made.arrays.items():
        assert np.array_equal(found.arrays[key], array) and found.arrays[key].dtype == array.dtype


def test_saving_the_same_results_twice_gives_the_same_bytes(tmp_path, made):
    for folder in ("a", "b"):
        save_results(made, "toy", tmp_path / folder)
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == ["toy.csv", "toy.json", "toy.npz"]
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)


def test_results_without_arrays_have_no_file_of_arrays(tmp_path):
    save_results(Results(TABLE), "toy", tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["toy.csv", "toy.json"]
    assert read_results("toy", tmp_path).arrays == {}


def test_the_origin_is_readable_json_with_sorted_keys(tmp_path, made):
    save_results(made, "toy", tmp_path)
    text = (tmp_path / "toy.json").read_text()
    assert list(json.loads(text)) == ["VERSION", "device", "seconds", "sha256"] and text.endswith("}\n")


def test_missing_results_say_how_to_make_them(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="run `python -m kdbook run tuning`") as raised:
        read_results("tuning", tmp_path)
    assert str(tmp_path / "tuning.csv") in str(raised.value)
    monkeypatch.setattr(results, "REFERENCE", tmp_path / "full")
    for profile in ("full", "gpu"):
        with pytest.raises(FileNotFoundError, match=f"run `python -m kdbook run tuning --profile {profile}`"):
            read_results("tuning", tmp_path / profile)


def test_the_output_folder_is_that_of_the_environment_or_one_for_each_profile(monkeypatch, tmp_path):
    monkeypatch.setenv("KDBOOK_OUT", str(tmp_path))
    assert output_folder("quick") == tmp_path and output_folder("gpu") == tmp_path / "gpu"
    monkeypatch.delenv("KDBOOK_OUT")
    assert output_folder("quick") == results.REPOSITORY / "build" / "quick"
    assert output_folder("full") == results.REPOSITORY / "build" / "full"
    assert output_folder("gpu") == results.REPOSITORY / "build" / "gpu"
