"""Objectives of language models: masks, and students side by side that learn what each would learn alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.data.wordpiece import MASK, Tokens
from kdbook.losses.transformer import (
    attention_score_loss,
    cosine_hidden_loss,
    hidden_state_loss,
    masked_lm_distillation,
)
from kdbook.nets.bert import Bert
from kdbook.training import Batch, adam, fit
from kdbook.training.masked import mask_tokens
from kdbook.training.objectives import (
    LayerDistillation,
    LayerRecipe,
    MaskedLM,
    Projected,
    TripleDistillation,
    TripleRecipe,
)

SMALL = {"width": 8, "heads": 2, "vocabulary": 40, "length": 12}


def split(texts=24):
    torch.manual_seed(1)
    x = torch.randint(MASK + 1, 40, (texts, 10))
    x[:, 0], x[::2, 7:] = 2, 0
    return Tokens(x, torch.arange(texts) % 3, torch.arange(texts), bucket=8)


def batch(data):
    return Batch(data.x, data.y, data.index, 12, True)


def model(seed=0, layers=1, **more):
    torch.manual_seed(seed)
    return Bert(layers=layers, **{**SMALL, **more})


def test_fifteen_in_a_hundred_ordinary_tokens_are_hidden_most_of_them_behind_the_mask():
    torch.manual_seed(0)
    x = torch.randint(0, 1000, (400, 100))
    shown, labels = mask_tokens(x, 1000)
    chosen = labels >= 0
    assert torch.equal(labels[chosen], x[chosen]) and torch.equal(shown[~chosen], x[~chosen])
    assert not bool(chosen[x <= MASK].any())
    share = float(chosen[x > MASK].float().mean())
    masked, same = (float((shown[chosen] == y).float().mean()) for y in (MASK, x[chosen]))
    assert (share, masked, same) == pytest.approx((0.15, 0.8, 0.1), abs=0.01)
    assert int(shown.min()) >= 0 and bool((shown[chosen] >= MASK).all())


def test_masks_differ_from_epoch_to_epoch_and_not_from_run_to_run():
    seen = []

    class Watching(MaskedLM):
        def __call__(self, net, batch):
            before = torch.get_rng_state()
            seen.append(mask_tokens(batch.x, 40)[1].sum().item())
            torch.set_rng_state(before)
            return super().__call__(net, batch)

    runs = []
    for _ in range(2):
        seen.clear()
        net = model()
        data = Tokens(split().x[:8], split().y[:8], split().index[:8], bucket=8)
        fit(net, Watching(), data, epochs=3, batch_size=8, optimizer=adam(1e-3), seed=4, progress=False)
        runs.append((list(seen), net.net.get_input_embeddings().weight.detach().clone()))
    assert runs[0][0] == runs[1][0] and torch.equal(runs[0][1], runs[1][1])
    assert len(set(runs[0][0])) == 3


def test_masked_language_modelling_learns_a_text_by_heart():
    data, net = split(8), model(width=32)
    history = fit(net, MaskedLM(), data, epochs=150, batch_size=8, optimizer=adam(1e-2), seed=0, progress=False)
    assert history.epochs[-1]["loss"] < 0.6 * history.epochs[0]["loss"]


def test_each_student_minimises_its_own_triple_loss():
    data, teacher = batch(split()), model(9, layers=2)
    students = nn.ModuleList(model(i, kind="distilbert") for i in range(3))
    recipes = [TripleRecipe((5.0, 2.0, 1.0), 2.0), TripleRecipe((0.0, 1.0, 0.0)), TripleRecipe((0.0, 0.0, 3.0))]
    torch.manual_seed(5)
    rows, _ = TripleDistillation(teacher, recipes)(students, data)
    torch.manual_seed(5)
    shown, labels = mask_tokens(data.x, 40)
    theirs, real = teacher(shown), data.x > 0
    full, masked, cosine = (s(shown) for s in students)
    last = theirs.features[-1]
    expected = masked_lm_distillation(full.logits, theirs.logits, labels, full.features[-1], last, real)
    at = labels >= 0
    torch.testing.assert_close(rows.mean(1)[0], expected)
    torch.testing.assert_close(rows.mean(1)[1], F.cross_entropy(masked.logits[at], labels[at]))
    torch.testing.assert_close(rows.mean(1)[2], 3 * cosine_hidden_loss(cosine.features[-1], last, real))


def test_soft_targets_at_hidden_words_only_leave_the_others_and_the_cosine_as_they_are():
    data, teacher = batch(split()), model(9, layers=2)
    students = nn.ModuleList([model(0, kind="distilbert")])
    torch.manual_seed(5)
    rows, _ = TripleDistillation(teacher, [TripleRecipe((5.0, 2.0, 1.0), 2.0)], everywhere=False)(students, data)
    torch.manual_seed(5)
    shown, labels = mask_tokens(data.x, 40)
    theirs, ours, at = teacher(shown), students[0](shown), labels >= 0
    log_p, log_q = ((out.logits[at] / 2).log_softmax(-1) for out in (theirs, ours))
    soft = 4 * F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")
    cosine = cosine_hidden_loss(ours.features[-1], theirs.features[-1], data.x > 0)
    expected = 5 * soft + 2 * F.cross_entropy(ours.logits[at], labels[at]) + cosine
    torch.testing.assert_close(rows.mean(1)[0], expected)


def test_students_side_by_side_become_what_each_becomes_alone():
    teacher, recipes = model(9, layers=2).requires_grad_(False), [TripleRecipe(), TripleRecipe((0.0, 1.0, 0.0))]
    settings = {"epochs": 2, "batch_size": 8, "optimizer": adam(1e-2), "seed": 3, "progress": False}
    together = nn.ModuleList(model(i, kind="distilbert") for i in range(2))
    fit(together, TripleDistillation(teacher, recipes), split(), **settings)
    for i, recipe in enumerate(recipes):
        alone = nn.ModuleList([model(i, kind="distilbert")])
        fit(alone, TripleDistillation(teacher, [recipe]), split(), **settings)
        for a, b in zip(alone[0].parameters(), together[i].parameters(), strict=True):
            torch.testing.assert_close(a, b)


def test_each_thin_student_matches_the_layers_of_its_recipe():
    data, teacher = batch(split()), model(9, layers=4, width=16)
    recipes = [
        LayerRecipe((2, 4)),
        LayerRecipe((1, 2), attention=False, embedding=False),
        LayerRecipe((3, 4), attention=False, hidden=False),
        LayerRecipe((2, 4), hidden=False, embedding=False, softmaxed=True),
    ]
    students = nn.ModuleList(Projected(model(i, layers=2), 8, 16) for i in range(4))
    rows, _ = LayerDistillation(teacher, recipes)(students, data)
    theirs, real = teacher.hidden(data.x), data.x > 0
    ours = [s.student.hidden(data.x) for s in students]

    def states(i, mine, layer):
        return hidden_state_loss(ours[i][mine], theirs[layer], real, students[i].hidden)

    def embedding(i):
        return hidden_state_loss(ours[i][0], theirs[0], real, students[i].embedding)

    def attention(i, soften=lambda s: s):
        pairs = ((students[i].student.scores(ours[i], m), teacher.scores(theirs, g)) for m, g in ((1, 2), (2, 4)))
        return sum(attention_score_loss(*map(soften, pair), real) for pair in pairs)

    def softmax(scores):
        return (scores + torch.where(real, 0.0, -1e9)[:, None, None]).softmax(-1)

    expected = [
        embedding(0) + attention(0) + states(0, 1, 2) + states(0, 2, 4),
        states(1, 1, 1) + states(1, 2, 2),
        embedding(2),
        attention(3, softmax),
    ]
    torch.testing.assert_close(rows.mean(1), torch.stack(expected))
