"""A user's own data: what is read and what is left out, what varies, and what is refused with what to do."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from kdbook.data import own
from kdbook.data.own import NO_LABEL, Reader, own_items

X, Y = torch.arange(40.0).view(10, 4), torch.arange(10) % 3


class Noisy(Dataset):
    """The same labels with other inputs at every reading."""

    def __len__(self):
        return 10

    def __getitem__(self, at):
        return X[at] + torch.rand(4), Y[at]


def read(items, order=None, batch_size=4):
    """All inputs of a split as one tensor, and the slices that they came in."""
    order = torch.arange(len(items)) if order is None else order
    parts = [*items.batches(order, None, batch_size)]
    return torch.cat([x for x, _ in parts]), [(at.start, at.stop) for _, at in parts]


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (X.numpy(), Y.numpy()),
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=3, shuffle=True),
        {"": X, "y": Y},
    ],
)
def test_inputs_and_labels_are_the_same_from_every_kind_of_data(data):
    items = own_items(data)
    x, parts = read(items, torch.arange(10).flip(0))
    assert torch.equal(x, X.flip(0)) and torch.equal(items.y, Y)
    assert parts == [(0, 4), (4, 8), (8, 10)]


def test_a_split_stays_what_it_is(quadrants):
    split = quadrants()
    assert own_items(split) is split


def test_what_has_no_label_has_the_number_that_torch_ignores():
    for data in (X, (X, None), TensorDataset(X), [{"x": x} for x in X]):
        assert own_items(data).y.tolist() == [NO_LABEL] * 10


def test_of_a_mapping_the_texts_are_left_out_and_numbers_in_lists_are_read():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"input_ids": [[1, 2], [3, 0]], "text": ["a b", "c"], "label": [0, 1]})
    items = own_items(rows)
    assert items.x.keys() == {"input_ids"} and items.x["input_ids"].tolist() == [[1, 2], [3, 0]]
    assert items.y.tolist() == [0, 1]


def test_rows_are_chosen_by_mask_or_position_and_keep_their_index():
    items = own_items({"a": X, "b": -X, "labels": Y})
    few = items.rows(Y == 1)
    assert few.index.tolist() == [1, 4, 7] and torch.equal(few.x["b"], -X[Y == 1])
    assert few.rows(torch.tensor([2, 0])).index.tolist() == [7, 1]


def test_data_that_varies_is_read_anew_and_other_data_once():
    varying, fixed = own_items(Noisy()), own_items(TensorDataset(X, Y))
    assert isinstance(varying.x, Reader) and varying.x.varies and torch.equal(varying.y, Y)
    first, again = (read(varying)[0] for _ in range(2))
    assert not torch.equal(first, again) and torch.equal(first.floor(), X)
    assert isinstance(fixed.x, dict)


def test_large_data_is_read_anew_though_it_does_not_vary(monkeypatch):
    monkeypatch.setattr(own, "IN_MEMORY", 100)
    items = own_items(TensorDataset(X, Y)).rows(torch.tensor([5, 2, 9]))
    assert isinstance(items.x, Reader) and not items.x.varies
    assert torch.equal(read(items, torch.tensor([2, 0]))[0], X[[9, 5]])


def test_a_loaders_own_collate_function_is_used():
    def collate(rows):
        return {"doubled": 2 * torch.stack([x for x, _ in rows]), "labels": torch.stack([y for _, y in rows])}

    items = own_items(DataLoader(TensorDataset(X, Y), collate_fn=collate))
    assert torch.equal(items.x["doubled"], 2 * X) and torch.equal(items.y, Y)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("text", "train must be a Tensor or array, a pair .*, got str"),
        (3, "got int"),
        ([], "got list without samples"),
        ((X, Y[:4]), r"one row a sample, got \[10\] rows and 4 labels"),
        ((X, Y.float()), r"labels must be class numbers .* got Tensor torch.float32 \(10,\)"),
        ((X, torch.eye(3)[Y]), r"from one-hot by .argmax\(1\)"),
        ({"train": 3}, r"got \[0\] rows"),
        (
            [{"input_ids": [1] * n} for n in (1, 2, 3)],
            "cannot be put into batches .*: give a DataLoader with a collate_fn",
        ),
        ([(np.zeros(2), 0), (np.zeros(3), 0)], "cannot be put into batches"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_with_what_to_do(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        own_items(data)
