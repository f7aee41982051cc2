"""The small world: an exact distribution, entropies that agree with samples, and facts that can be altered."""

import pytest
import torch

from kdbook.data.world import BOS, DEAD, DONE, EOS, RELATIONS, make_world

WORLD = make_world()
PLACE = next(iter(WORLD.frequency))


def told(world, place, relation):
    """Values with probabilities after the question."""
    probs = world.next_probs(world.question(place, relation))[0, -1]
    return {world.words[i]: float(probs[i]) for i in probs.nonzero()[:, 0]}


def test_every_state_that_a_sentence_can_be_in_has_a_distribution():
    probs, after = WORLD.tables
    sums = probs.sum(1)
    assert sums[[DEAD, DONE]].tolist() == [0, 0]
    assert float((sums[[s for s in range(len(sums)) if s not in (DEAD, DONE)]] - 1).abs().max()) < 1e-12
    assert bool((after[probs == 0] == DEAD).sum() == (probs == 0).sum() - 1)  # filling after the end
    assert bool((after[DEAD] == DEAD).all())


def test_sampled_sentences_are_true_and_say_facts_of_the_place_they_name():
    x = WORLD.sample(500, seed=1)
    assert torch.equal(x, WORLD.sample(500, seed=1)) and not torch.equal(x[:, :8], WORLD.sample(500, seed=2)[:, :8])
    assert bool((x[:, 0] == BOS).all()) and bool(((x == EOS).sum(1) == 1).all())
    assert bool((WORLD.states(x)[:, -1] == DONE).all())
    for text in WORLD.text(x)[:100]:
        words = text.split()
        (place,) = [w for w in words if w in WORLD.frequency]
        for relation in RELATIONS:
            if relation in words:
                assert any(value in words for value in WORLD.facts[place, relation]), text


def test_the_chain_rule_over_a_hand_written_sentence():
    (capital,), (kind,) = WORLD.facts[PLACE, "capital"], WORLD.facts[PLACE, "kind"]
    x = WORLD.encode([f"the capital of {PLACE} is {capital} and it is a {kind} ."])
    p = WORLD.next_probs(x)[0, :-1].gather(1, x[0, 1:, None])[:, 0]
    often = WORLD.frequency[PLACE] / sum(WORLD.frequency.values())
    # no opener, one of four relations, the place, goes on, "and", one of three other relations, ends
    assert float(p.prod()) == pytest.approx(0.5 * 0.25 * often * 0.7 * 0.6 / 3 * 0.3, rel=1e-9)


def test_a_false_word_is_a_dead_end_and_an_unknown_one_is_named():
    (capital,) = WORLD.facts[PLACE, "capital"]
    other = next(v for v in WORLD.values["capital"] if v != capital)
    x = WORLD.encode([f"the capital of {PLACE} is {other} ."])
    states = WORLD.states(x)[0].tolist()
    assert states[6:] == [DEAD] * 3 and DEAD not in states[:6]
    assert float(WORLD.next_probs(x)[0, 6:].sum()) == 0
    with pytest.raises(ValueError, match=r"words must be of this world, got \['paris', 'kingdom'\]"):
        WORLD.encode(["paris is a kingdom ."])


def test_entropy_and_length_by_dynamic_programming_agree_with_samples():
    x = WORLD.sample(6000, seed=3)
    p = WORLD.next_probs(x[:, :-1]).gather(2, x[:, 1:, None])[..., 0]
    surprise = -torch.where(x[:, 1:] > 0, p, 1.0).log().sum(1)
    assert float(surprise.mean()) == pytest.approx(WORLD.entropy, abs=4 * float(surprise.std()) / 6000**0.5)
    lengths = (x[:, 1:] > 0).sum(1).double()
    assert float(lengths.mean()) == pytest.approx(WORLD.length, abs=4 * float(lengths.std()) / 6000**0.5)


def test_entropy_of_a_tiny_world_by_enumerating_its_sentences():
    world, total, mass = make_world(places=2, clauses=1), 0.0, 0.0
    open_ends = [((BOS,), 1.0)]
    while open_ends:
        text, p = open_ends.pop()
        if text[-1] == EOS:
            total, mass = total - p * float(torch.tensor(p, dtype=torch.float64).log()), mass + p
            continue
        probs = world.next_probs(torch.tensor([text]))[0, -1]
        open_ends += [((*text, int(v)), p * float(probs[v])) for v in probs.nonzero()[:, 0]]
    assert mass == pytest.approx(1) and world.entropy == pytest.approx(total)


def test_habits_have_their_shares_and_facts_are_certain():
    assert sorted(told(WORLD, PLACE, "food").values()) == pytest.approx([0.1, 0.3, 0.6])
    assert list(told(WORLD, PLACE, "river").values()) == [1.0]


def test_facts_and_frequencies_can_be_altered_and_the_vocabulary_stays():
    (river,) = WORLD.facts[PLACE, "river"]
    other = next(v for v in WORLD.values["river"] if v != river)
    foods = dict.fromkeys(WORLD.values["food"][:2], 0.5)
    changed = WORLD.with_facts({(PLACE, "river"): other, (PLACE, "food"): foods})
    assert changed.words == WORLD.words and told(changed, PLACE, "river") == {other: 1.0}
    assert told(changed, PLACE, "food") == pytest.approx(foods) and told(WORLD, PLACE, "river") == {river: 1.0}
    rare = WORLD.with_frequency({PLACE: 0.0})
    assert PLACE not in " ".join(rare.text(rare.sample(500, seed=0))).split()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({("atlantis", "river"): "x"}, "named .place, relation., both of this world, got .'atlantis', 'river'"),
        ({(PLACE, "river"): "rhine"}, r"must be a river of this world, got \['rhine'\]"),
        (
            {(PLACE, "food"): dict.fromkeys(WORLD.values["food"][:3], 0.5)},
            "must be 0 or more and of sum 1, got .*0.5, .*0.5, .*0.5",
        ),
    ],
)
def test_impossible_facts_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        WORLD.with_facts(change)
    with pytest.raises(ValueError, match=r"places must be of this world, got \['atlantis'\]"):
        WORLD.with_frequency({"atlantis": 1.0})
