"""Small BERTs: the library's own answers, scores before the softmax, and a student begun from its teacher's layers."""

import pytest
import torch

from kdbook.nets.bert import Bert, start_from_teacher

SMALL = {"width": 16, "heads": 2, "vocabulary": 40, "length": 12}


def texts():
    """A pair of texts, and a shorter text with filling."""
    return torch.tensor([[2, 7, 8, 3, 9, 10, 3], [2, 11, 12, 13, 3, 0, 0]])


@pytest.fixture(params=["bert", "distilbert"])
def model(request):
    torch.manual_seed(0)
    return Bert(layers=2, kind=request.param, **SMALL).eval()


@torch.no_grad()
def test_words_are_those_that_the_library_says(model):
    x = texts()
    asked = {"input_ids": x, "attention_mask": (x > 0).long()}
    if model.kind == "bert":
        asked["token_type_ids"] = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0] * 7])
    torch.testing.assert_close(model(x).logits[x > 0], model.net(**asked).logits[x > 0])


@torch.no_grad()
def test_filling_changes_nothing(model):
    x = texts()[1:]
    long, short = model(x), model(x[:, :5])
    for a, b in zip(long.features, short.features, strict=True):
        torch.testing.assert_close(a[:, :5], b)


@torch.no_grad()
def test_the_softmax_of_the_scores_is_the_librarys_attention(model):
    x = texts()[:1]
    hidden = model.hidden(x)
    model.net.set_attn_implementation("eager")
    body = model.net.bert if model.kind == "bert" else model.net.distilbert
    asked = {"token_type_ids": torch.tensor([[0, 0, 0, 0, 1, 1, 1]])} if model.kind == "bert" else {}
    found = body(input_ids=x, output_attentions=True, **asked).attentions
    for layer in (1, 2):
        torch.testing.assert_close(model.scores(hidden, layer).softmax(-1), found[layer - 1])


@torch.no_grad()
def test_a_classifier_reads_the_mean_of_real_tokens():
    torch.manual_seed(0)
    model = Bert(layers=1, classes=3, **SMALL).eval()
    out = model(texts())
    second = out.features[-1][1, :5].mean(0)
    torch.testing.assert_close(out.logits[1], model.head(second))
    assert out.logits.shape == (2, 3) and len(out.features) == 2


@torch.no_grad()
def test_a_classifier_of_pairs_reads_the_words_of_each_text_their_difference_and_their_product():
    torch.manual_seed(0)
    net = Bert(layers=1, width=8, heads=2, classes=3, pair=True).eval()
    x = torch.tensor([[2, 7, 8, 3, 9, 3, 0], [2, 7, 3, 9, 8, 5, 3]])  # separators are 3
    assert net.second(x).long().tolist() == [[0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]]
    last = net.hidden(x)[-1]
    u = torch.stack([last[0, :3].mean(0), last[1, :2].mean(0)])
    v = torch.stack([last[0, 4], last[1, 3:6].mean(0)])
    expected = net.head(torch.cat([u, v, (u - v).abs(), u * v], 1))
    torch.testing.assert_close(net(x).logits, expected)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_word_predictor_may_begin_with_the_frequencies_of_texts(kind):
    net = Bert(layers=1, width=8, heads=2, vocabulary=9, kind=kind)
    x, h = torch.tensor([[2, 7, 7, 7, 3], [2, 8, 3, 0, 0]]), torch.ones(1, 8)
    before = net.words(h)[0]
    net.start_from_frequencies(x)
    # one of each of the nine besides the three and the one that were counted; special tokens are not
    expected = torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 4, 2]).div(13).log()
    torch.testing.assert_close(net.words(h)[0] - before, expected)


@torch.no_grad()
def test_a_student_begins_as_its_teachers_every_second_layer():
    torch.manual_seed(0)
    teacher = Bert(layers=4, **SMALL).eval()
    for p in teacher.parameters():
        p.add_(0.1 * torch.randn_like(p))  # biases and norms too
    student = start_from_teacher(Bert(layers=2, kind="distilbert", **SMALL).eval(), teacher)
    types = teacher.net.bert.embeddings.token_type_embeddings.weight
    types.zero_()  # the student has none
    x = texts()[1:, :5]
    theirs, ours = teacher.hidden(x), student.hidden(x)
    torch.testing.assert_close(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1])
    third = teacher.layers[2](ours[1])
    torch.testing.assert_close(ours[2], third[0] if isinstance(third, tuple) else third)
    torch.testing.assert_close(student.words(ours[2]), teacher.words(ours[2]))


def test_what_a_student_takes_over_is_a_copy():
    teacher = Bert(layers=2, **SMALL)
    student = start_from_teacher(Bert(layers=1, kind="distilbert", **SMALL), teacher)
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    with torch.no_grad():
        for p in student.parameters():
            p.add_(1)
    assert all(torch.equal(before[k], v) for k, v in teacher.state_dict().items())


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="kind must be 'bert' or 'distilbert', got 'gpt'"):
        Bert(layers=1, kind="gpt", **SMALL)
    with pytest.raises(ValueError, match="multiple of the 3 heads"):
        Bert(layers=1, **{**SMALL, "heads": 3})
    with pytest.raises(ValueError, match="at most 12 tokens a text, got 13"):
        Bert(layers=1, **SMALL)(torch.full((1, 13), 7))
    with pytest.raises(ValueError, match="half the teacher's 4 layers, got 1"):
        start_from_teacher(Bert(layers=1, kind="distilbert", **SMALL), Bert(layers=4, **SMALL))
    with pytest.raises(ValueError, match="must be of the teacher's shape"):
        wide = Bert(layers=2, **{**SMALL, "width": 32})
        start_from_teacher(Bert(layers=1, kind="distilbert", **SMALL), wide)
