"""Models of text: what is scored does not depend on the order, and another shape is not mistaken."""

import pytest
import torch
import torch.nn.functional as F

from kdbook.book.shared import texts
from kdbook.data.wordpiece import load_corpus
from kdbook.lab import Store, steps
from kdbook.lab.arms import trial
from kdbook.lab.tools import Progress, Tools
from kdbook.nets.bert import Bert
from kdbook.training.masked import mask_tokens

NET = {"width": 8, "heads": 2}


@pytest.fixture
def tools(tmp_path):
    return Tools(Store(tmp_path), torch.device("cpu"), Progress([], quiet=True))


def test_held_out_loss_and_accuracy_are_means_over_the_same_hidden_tokens(tools):
    torch.manual_seed(0)
    model = Bert(layers=1, **NET).eval()
    found = texts.masked_scores(model, tools, samples=90)
    assert found == texts.masked_scores(model, tools, samples=90)
    split = load_corpus("test", 90)
    order = (split.x > 0).sum(1).argsort(stable=True)
    torch.manual_seed(2019)
    shown, labels = mask_tokens(split.x[order], 2048)
    at = labels >= 0
    with torch.no_grad():
        logits = model(shown).logits[at]
    assert found["masked_loss"] == pytest.approx(float(F.cross_entropy(logits, labels[at])), rel=1e-5)
    assert found["masked_accuracy"] == pytest.approx(100 * float((logits.argmax(-1) == labels[at]).float().mean()))


def test_accuracy_does_not_depend_on_the_order_of_texts(tools):
    torch.manual_seed(0)
    model = Bert(layers=1, classes=4, **NET).eval()
    split = texts.task_split("part_of_speech", "validation", 60, 32, tools)
    shuffled = split.rows(torch.randperm(60))
    with torch.no_grad():
        right = (model(split.x).logits.argmax(-1) == split.y).float().mean()
    assert texts.accuracy(model, split) == texts.accuracy(model, shuffled) == pytest.approx(100 * float(right))


def test_a_stored_model_of_another_shape_is_named(tools):
    teacher = trial("distilbert", "quick", "teacher", 0)
    tools.store.write(teacher, {}, {"seconds": 0}, tensors=steps.weights(Bert(layers=1, width=64, heads=4)))
    with pytest.raises(ValueError, match="distilbert/teacher-0-.* holds another model: \\['net.bert"):
        texts.stored_bert(teacher, tools)
