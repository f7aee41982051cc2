from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.losses import kd_loss
from kdbook.losses.feature import attention_transfer, hint_loss
from kdbook.losses.relation import flow_of_solution, similarity_preserving
from kdbook.nets.vision import MLP, ConvNet
from kdbook.training import ApiTeacher, Batch, CachedTeacher, LiveTeacher, fit, sgd
from kdbook.training.objectives import Contrastive, Distillation, Flow, HardLabels, Pairwise, Regressed, Transfer


@pytest.fixture
def batch(quadrants):
    split = quadrants()
    return Batch(split.images(), split.y, split.index, 12, True)


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return MLP([36, 6, 5, 4]), MLP([36, 9, 8, 4])


def test_a_regressed_student_answers_as_before_and_has_the_teachers_shape_where_asked(nets, batch):
    student, _ = nets
    plain = student(batch.x)
    model = Regressed(student, {0: nn.Linear(6, 9), -1: nn.Linear(5, 8)})
    logits, features = model(batch.x)
    assert torch.equal(logits, plain.logits)
    assert [f.shape[1] for f in features] == [9, 8]
    torch.testing.assert_close(features[0], model.regressors["0"](plain.features[0]))
    assert len(plain.features) == 2 and plain.features[0].shape[1] == 6


def test_the_rows_are_labels_soft_targets_and_the_term_by_their_weights(nets, batch):
    student, teacher = nets
    term = Pairwise(similarity_preserving, (-1,))
    response = Distillation(LiveTeacher(teacher), 2.0, 0.25)
    rows, parts = Transfer(LiveTeacher(teacher), term, 3.0, response)(student, batch)
    z, v = student(batch.x), teacher(batch.x)
    extra = similarity_preserving(z.features[-1], v.features[-1], reduction="none")
    plain = kd_loss(z.logits, v.logits, batch.y, temperature=2.0, alpha=0.25, reduction="none")
    torch.testing.assert_close(rows, plain + 3 * extra)
    torch.testing.assert_close(parts["term"], extra)


def test_without_soft_targets_labels_remain(nets, batch):
    student, teacher = nets
    term = Pairwise(similarity_preserving, (-1,))
    rows, _ = Transfer(LiveTeacher(teacher), term, 0.0, HardLabels())(student, batch)
    torch.testing.assert_close(rows, F.cross_entropy(student(batch.x).logits, batch.y, reduction="none"))


def test_hints_alone_train_the_student_up_to_the_guided_layer_and_the_regressor_only(nets, batch):
    student, teacher = nets
    model = Regressed(student, {0: nn.Linear(6, 9)})
    hints = Transfer(LiveTeacher(teacher), Pairwise(hint_loss, (0,)), beta=1.0)
    hints(model, batch)[0].mean().backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {f"{part}.{p}" for part in ("student.layers.0", "regressors.0") for p in ("weight", "bias")}


def test_a_term_over_several_layers_is_their_mean_and_the_flow_goes_between_two(batch):
    torch.manual_seed(0)
    student, teacher = ConvNet((3, 4)), ConvNet((3, 4), depth=2)
    x = torch.rand(5, 28, 28)
    s, t = student(x).features, teacher(x).features
    images = batch._replace(x=x)
    found = Pairwise(attention_transfer, (0, 1))(None, s, t, images)
    each = [attention_transfer(s[i], t[i], reduction="none") for i in (0, 1)]
    torch.testing.assert_close(found, (each[0] + each[1]) / 2)
    found = Flow(flow_of_solution, (0, 1))(None, s, t, images)
    torch.testing.assert_close(found, flow_of_solution(s[0], s[1], t[0], t[1], reduction="none"))


def test_a_teacher_behind_an_api_is_refused_with_its_name(nets, batch):
    student, teacher = nets
    api = ApiTeacher(LiveTeacher(teacher), "top_k", 2)
    with pytest.raises(ValueError, match="needs the teacher's hidden layers, and ApiTeacher shows none"):
        Transfer(api, Pairwise(similarity_preserving, (-1,)), beta=1.0)(student, batch)


def test_an_mlp_is_refused_where_maps_are_compared(nets, batch):
    student, teacher = nets
    with pytest.raises(ValueError, match="must have shape"):
        Transfer(LiveTeacher(teacher), Pairwise(attention_transfer, (0,)), beta=1.0)(student, batch)


@pytest.fixture
def numbered(quadrants):
    """Images with the sample indices 0, 1, 2 ..., and a teacher's embeddings of them."""
    split = quadrants()
    split = replace(split, index=torch.arange(len(split)))
    torch.manual_seed(0)
    return split, CachedTeacher.of(MLP([36, 8, 4]), split, layers=(-1,))


def contrastive_run(split, teacher, epochs, checkpoint=None, stop_after=None):
    torch.manual_seed(3)
    student = MLP([36, 6, 4])
    model = Regressed(student, {-1: nn.Linear(6, 5)}, teacher_head=nn.Linear(8, 5))
    term = Contrastive(len(split), 5, 7)
    objective = Transfer(teacher.showing((-1,)), term, 0.1, HardLabels())

    def progress(epoch, _):
        if epoch == stop_after:
            raise KeyboardInterrupt

    settings = {"epochs": epochs, "batch_size": 8, "optimizer": sgd(0.05), "seed": 1, "checkpoint": checkpoint}
    fit(model, objective, split, **settings, progress=progress)
    return model, term


def test_contrastive_training_moves_both_heads_and_both_memories(numbered):
    split, teacher = numbered
    torch.manual_seed(3)
    before = Regressed(MLP([36, 6, 4]), {-1: nn.Linear(6, 5)}, teacher_head=nn.Linear(8, 5)).state_dict()
    memory = Contrastive(len(split), 5, 7).student.embeddings.clone()
    model, term = contrastive_run(split, teacher, 2)
    after = model.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert not torch.equal(term.student.embeddings, memory)
    assert term.teacher.log_z is not None


def test_an_interrupted_contrastive_training_resumes_bit_by_bit(numbered, tmp_path, monkeypatch):
    monkeypatch.setattr("kdbook.training.loop.CHECKPOINT_SECONDS", 0.0)
    split, teacher = numbered
    whole, term = contrastive_run(split, teacher, 4)
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        contrastive_run(split, teacher, 4, path, stop_after=2)
    resumed, resumed_term = contrastive_run(split, teacher, 4, path)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
    assert torch.equal(term.student.embeddings, resumed_term.student.embeddings)
    assert torch.equal(term.teacher.log_z, resumed_term.teacher.log_z)
