"""Answers written without this package: right ones pass, and what learners and published code do gets its hint."""

import re

import pytest
import torch
import torch.nn.functional as F

from kdbook.teach import chapter_01 as c1
from kdbook.teach import chapter_02 as c2
from kdbook.teach import chapter_03 as c3
from kdbook.teach import chapter_04 as c4
from kdbook.teach import chapter_05 as c5
from kdbook.teach import chapter_06 as c6
from kdbook.teach import chapter_07 as c7
from kdbook.teach import chapter_08 as c8
from kdbook.teach import chapter_09 as c9
from kdbook.teach import chapter_10 as c10
from kdbook.teach.feedback import Answer

from . import wrong_formulas, wrong_language, wrong_nets, wrong_numbers
from .own import (
    best_bias,
    bucket,
    combined,
    distance,
    entropy,
    exits,
    jsd,
    kd,
    lower_the_others,
    mutual,
    progressive,
    soft_loss,
    softmax,
    temperature,
)
from .test_exercises import CHECKS

RIGHT = [
    (c1.check_soft_targets, softmax),
    (c1.check_information, lambda p: entropy(p.mean(0)) - entropy(p).mean()),
    (c1.check_missing_bias, best_bias),
    (c1.check_repaired_cross_entropy, lambda s, t, T: F.cross_entropy(s / T, (t / T).softmax(-1))),
    (c2.check_dark_mass, lambda z, T: 1 - softmax(z, T).max(-1).values),
    (c2.check_temperature_for_top, temperature),
    (c2.check_repaired_stack, softmax),
    (c3.check_kd_loss, kd),
    (c3.check_soft_gradient, lambda s, t, T: (softmax(s, T) - softmax(t, T)) / T),
    (c3.check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False) / 2),
    (c3.check_repaired_soft_loss, lambda s, t, T: T**2 * soft_loss(s, t, T)),
    (c3.check_repaired_mixture, kd),
    (c4.check_attention_map, lambda f: F.normalize((f**2).mean(1).reshape(len(f), -1))),
    (c4.check_relational_distance, lambda s, t: F.smooth_l1_loss(distance(s), distance(t))),
    (c5.check_mutual_loss, mutual),
    (c5.check_progressive_targets, progressive),
    (c5.check_repaired_exits, exits),
    (c6.check_dustbin_correction, lower_the_others),
    (c6.check_one_specialist, combined),
    (c6.check_repaired_objective, lambda q, p: F.kl_div(q.log(), p, reduction="sum")),
    (c7.check_share_kept, 100 * 1.9 / 2.2),
    (c7.check_words_needed, 50_000),
    (c7.check_ensemble, lambda z: z.log_softmax(-1).logsumexp(0)),
    (c7.check_depthwise_saving, 73_728 / (576 + 8_192)),
    (c7.check_share_closed, 100 * 1.2 / 10.7),
    (c7.check_mixup, lambda x, w, p: torch.stack([w[i] * x[i] + (1 - w[i]) * x[p[i]] for i in range(5)])),
    (c8.check_retention, 100 * (77.0 * 9 - 56.3) / (79.5 * 9 - 53.5)),
    (c8.check_layer_map, lambda ours, theirs: list(range(theirs // ours, theirs + 1, theirs // ours))),
    (c8.check_cosine_loss, lambda s, t, m: 1 - (F.normalize(s[m]) * F.normalize(t[m])).sum(-1).mean()),
    (c8.check_repaired_token_loss, lambda s, t, m, T: T**2 * soft_loss(s[m], t[m], T)),
    (c9.check_generalized_jsd, jsd),
    (c9.check_missing_mass, bucket),
    (c9.check_token_mean, lambda x, m: torch.cat(x)[torch.cat(m)].mean()),
    (c9.check_entropy, lambda z, T: entropy(softmax(z, T))),
    (c9.check_uses, ["research"]),
    (c9.check_uses, "research"),
    (c9.check_sharpened, 0.7**2 / (0.7**2 + 0.3**2)),
    (c10.check_repaired_own_loss, kd),
    (c10.check_fair_epochs, 303),
]


WRONG = [*wrong_numbers.WRONG, *wrong_formulas.WRONG, *wrong_nets.WRONG, *wrong_language.WRONG]
NAMES = {id(check): name for name, check in CHECKS.items()}
GENERIC = ("Not answered yet", "Too small", "Too large", "Where it differs most")


def ways(answers):
    """Answers that should get one hint; a tuple is a set of them, but for a choice or a decimal comma."""
    return answers if isinstance(answers, tuple) and not all(isinstance(a, int) for a in answers) else (answers,)


SAID = [
    pytest.param(check, hint, answer, set(table) - {hint}, id=f"{NAMES[id(check)]}-{hint}-{n}")
    for check, table in WRONG
    for hint, answers in table.items()
    for n, answer in enumerate(ways(answers))
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_of_ones_own_passes(check, answer):
    assert check(answer).passed, check(answer)


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize(("check", "hint", "answer", "others"), SAID)
def test_a_wrong_answer_gets_a_hint_of_its_own_and_none_of_another_mistake(check, hint, answer, others):
    said = check(answer)
    assert not said.passed
    assert hint in said.message, said
    assert not [other for other in others if other in said.message and other not in hint]
    assert not said.message.startswith(GENERIC)


def test_every_exercise_has_eight_wrong_answers_of_learners():
    counted = {NAMES[id(check)]: sum(len(ways(answers)) for answers in table.values()) for check, table in WRONG}
    assert counted.keys() == {name for name in CHECKS if "check_" in name}
    assert {name: count for name, count in counted.items() if count < 8} == {}


@pytest.mark.parametrize(
    "check", [check for check, _ in WRONG if isinstance(check, Answer)], ids=lambda c: NAMES[id(c)]
)
def test_a_number_may_be_rounded_to_the_digits_that_are_enough_and_to_no_fewer(check):
    enough, one_less = (float(f"{check.right:.{digits}g}") for digits in (check.digits, max(check.digits - 1, 1)))
    assert check(enough).passed
    assert check(one_less).passed == (one_less == enough or abs(one_less / check.right - 1) < check.rtol)


@pytest.mark.parametrize("check", [c for c, _ in WRONG if hasattr(c, "tries")], ids=lambda c: NAMES[id(c)])
def test_an_answer_that_is_written_into_the_code_is_refused(check):
    given, _ = check.tries[0]
    result = check.right(*given)
    said = check(lambda *_: result)
    assert not said.passed
    assert not said.message.startswith(GENERIC), said


def test_a_second_input_finds_an_answer_that_is_written_into_the_code_of_the_other_exercises():
    for check, number in ((c1.check_missing_bias, 4.0), (c2.check_temperature_for_top, 3.44)):
        assert not check(lambda *_, number=number: number).passed
    for check, right in ((c5.check_mutual_loss, mutual), (c5.check_repaired_exits, exits)):
        result = right(c5.PEERS, c5.LABELS)
        assert not check(lambda *_, result=result: result).passed


@pytest.mark.filterwarnings("ignore:reduction")
def test_hints_ask_and_do_not_order():
    spoken = {check(answer).message for check, _, answer, _ in (param.values for param in SAID)}
    orders = re.compile(r"(^|[.;:] )(Divide|Multiply|Subtract|Use|Take|Replace|Mix|Average|Sum|Square|Give) ")
    assert [message for message in spoken if orders.search(message)] == []
