"""A teacher behind an API: what are labels, samples, the top k log-probabilities and all logits worth, call by call?

A call is the first words of a true sentence, which the teacher completes. It may return the likeliest completion (by
greedy choice or by a beam: sequence-level distillation, Kim & Rush 2016), a sample, a sample with the k largest
log-probabilities at each of its tokens, or with all logits. Students of a seed start alike and take as many steps on as
many calls. How far each is from the truth is exact, as is the share of completions that are true.
"""

from kdbook.book.shared.small_world import (
    TEST,
    WORDS,
    kl_to,
    seeded_gpt,
    stored_gpt,
    texts_of,
    train_students,
    true_share,
    world,
)
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.losses.sequence import token_kd
from kdbook.nets.gpt import GPT
from kdbook.show import CONTROL, SOFT, Look, by_arm, curve, figure, looks, names, plain, seeds, yours
from kdbook.training.objectives import TeacherForced, labels, soft, top_k
from kdbook.training.sequences import beam, greedy, log_probs, sample

VERSION, DATA = 2, "world"
SEEDS = {"full": (5, 0), "quick": (1, 0)}  # students; the teacher is that of `exposure_bias`
COLUMNS = columns(
    "arm seed teacher_seed calls kl kl_teacher greedy_true beam_true argmax_mass",
    arm="what the teacher returns; data: true sentences instead of a teacher; teacher: the teacher itself",
    seed="seed of weights, prompts and order",
    calls="completions that the teacher was asked for",
    kl="KL(truth || model) of the completion of a true beginning, nats",
    kl_teacher="KL(teacher || model) of the same, nats",
    greedy_true="greedy completions of held-out beginnings that are true, %",
    beam_true="the same for a beam of four, %",
    argmax_mass="probability that the model gives its own greedy completion, %, mean",
)
PROMPT = 4  # tokens of a call, <bos> included
CALLS = {"full": (128, 512, 2_048, 8_192), "quick": (64, 256, 256, 512)}  # few, some, many, most
# what the teacher returns -> label, role, how its texts come about
ANSWERS = {
    "data": ("true\nsentences", "teacher", "truth"),
    "greedy": ("greedy\ntexts", "plain", "greedy"),
    "beam": ("beam\ntexts", "plain", "beam"),
    "samples": ("samples", "hard", "sample"),
    "top1_rest": ("top 1,\none bucket", "shifted", "sample"),
    "top1_zero": ("top 1,\nzero", "control", "sample"),
    "top5_rest": ("top 5,\none bucket", "shifted", "sample"),
    "top5_zero": ("top 5,\nzero", "control", "sample"),
    "top20_rest": ("top 20,\none bucket", "shifted", "sample"),
    "top20_zero": ("top 20,\nzero", "control", "sample"),
    "full": ("all logits", "soft", "sample"),
}
WRITE = {"greedy": greedy, "beam": beam, "sample": sample}


def arms(profile: str) -> dict[str, Arm]:
    """A student for each kind of answer and number of calls; those that learn on the same texts train together."""
    net = {**WORDS, "layers": 1, "width": 32, "batch_size": 64, "lr": 1e-2, "count": 1_000, "visits": 8_192}
    if profile == "quick":
        net |= {"width": 24, "batch_size": 32, "count": 200, "visits": 512}
    few, some, many, most = CALLS[profile]
    asked = dict.fromkeys(ANSWERS, (few, some, many)) | {"beam": (many,)}
    asked |= dict.fromkeys(("top1_zero", "top5_zero", "top20_rest", "top20_zero"), (some,))
    asked |= dict.fromkeys(("data", "samples"), (few, some, many, most))  # texts without probabilities
    found = {}
    for calls in sorted({few, some, many, most}):
        for name, (label, role, written) in ANSWERS.items():
            settings = {"calls": calls, "written": written, "epochs": net["visits"] // calls, "samples": calls}
            arm = Arm(label, role, net | settings, ("exposure_bias/teacher",), cohort=f"{written} {calls}", named=name)
            found |= {f"{name}_{calls}": arm} if calls in asked[name] else {}
    return found


def rule(arm: str):
    """What a student minimises on its texts."""
    if arm.startswith("top"):
        k, _, missing = arm.removeprefix("top").partition("_")
        return top_k(int(k), missing)
    return soft(token_kd) if arm == "full" else labels()


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Ask the teacher, train all students of these texts, and score them."""
    first, (source,), s = trials[0], trials[0].needs, trials[0].settings
    x = tools.remember(("true", s["calls"], first.seed), lambda: world(tools).sample(s["calls"], first.seed))
    if s["written"] != "truth":
        x = texts_of(source, s["calls"], first.seed, tools, x[:, :PROMPT], WRITE[s["written"]])
    asks = any(t.arm.startswith(("top", "full")) for t in trials)
    objective = TeacherForced([rule(t.arm) for t in trials], stored_gpt(source, tools) if asks else None)
    models, _ = train_students([seeded_gpt(t) for t in trials], objective, x, first, tools)
    shared = {"teacher_seed": source.seed, "calls": s["calls"]}
    return [{**shared, **scored(model, s["count"], source, tools)} for model in models]


def scored(model: GPT, count: int, source: Trial, tools: Tools) -> dict:
    """Divergences on held-out true sentences, and what becomes of their beginnings."""
    truth = world(tools)
    x = tools.remember(("held out", count), lambda: truth.sample(count, TEST))
    theirs = tools.remember(("log p", source.id, count), lambda: log_probs(stored_gpt(source, tools), x).double())
    log_q, counted = log_probs(model, x).double(), x[:, 1:] > 0
    counted[:, : PROMPT - 1] = False
    from_teacher = (theirs.exp() * (theirs - log_q)).sum(-1)
    likeliest, found = (write(model, x[: count // 4, :PROMPT]) for write in (greedy, beam))
    told = log_probs(model, likeliest).gather(2, likeliest[:, 1:, None])[..., 0]
    mass = told.masked_fill(likeliest[:, 1:] == 0, 0)[:, PROMPT - 1 :].sum(1).exp()
    return {
        "kl": float(kl_to(truth, x, log_q)[counted].sum() / count),
        "kl_teacher": float(from_teacher[counted].sum() / count),
        "greedy_true": true_share(truth, likeliest),
        "beam_true": true_share(truth, found),
        "argmax_mass": 100 * float(mass.mean()),
    }


ARMS = {arm.named: arm for arm in arms("full").values()}


@figure("api_calls", chapter="09", size=(9, 4.6), legend=None)
def calls(axes, both):
    """How many samples buy back the soft target?

    Distance from the truth against the number of calls, on logarithmic axes, for students with equal steps. Samples
    come down from few calls to more and then stay; all logits lie lowest with few calls, and five log-probabilities a
    token between the two; the likeliest texts stay far above.
    """
    marks = {"greedy": "s-", "data": "o-", "samples": "o-", "top1_rest": "^-", "top5_rest": "v-", "full": "o-"}
    shown = looks(
        ARMS,
        marks,
        greedy="likeliest text (greedy)",
        data="true sentences, no teacher",
        top1_rest="samples, top 1",
        top5_rest="samples, top 5",
        full="samples, all logits",
    )
    shown["top1_rest"] = shown["top1_rest"]._replace(colour=CONTROL)  # told apart from the top five
    for arm, look in shown.items():
        rows = both.rows(arm=arm) if arm in ("samples", "full") else both.alone().rows(arm=arm)
        curve(axes, rows, "calls", "kl", look, mark=marks[arm], own="yours (quick)" if arm == "full" else None)
    plain(axes.xaxis, sorted(both.reference.calls.unique()), "log")
    plain(axes.yaxis, scale="log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(
        title="What an answer is worth", xlabel="calls of the teacher", ylabel="KL(truth || student), nats a completion"
    )
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


@figure("api_missing_mass", chapter="09", size=(10, 4.2))
def missing_mass(axes, both):
    """Two ways to treat what the API does not tell, by how many log-probabilities it tells.

    Distance from the truth for the top one, five and twenty log-probabilities, with all other mass in one more bucket
    or taken as zero, beside all logits and samples alone. With one log-probability the choice matters, with twenty it
    does not.
    """

    shown = looks(ARMS, ["samples", *(arm for arm in ANSWERS if arm.startswith("top")), "full"])
    by_arm(axes, both.map(lambda table: of_calls(table, 1)), "kl", shown, own="yours (quick)")
    plain(axes.yaxis, scale="log")
    axes.set(title="The mass that is not told, at one number of calls", ylabel="KL(truth || student), nats")


@figure("sequence_level", chapter="09", size=(11, 4.2), grid=(1, 2))
def sequence_level(left, right, both):
    """Kim & Rush 2016: what do the teacher's likeliest texts do to a student?

    Left, the share of true completions when the student is decoded greedily and with a beam; right, its probability of
    its own greedy completion. A student of the teacher's likeliest texts puts most mass on one text, and its distance
    from the truth, in the table of the chapter, is the largest of all.
    """
    both = both.map(lambda table: of_calls(table, -1))
    shown = {name: Look(ARMS[name].label, SOFT) for name in ("data", "samples", "greedy", "beam", "full")}
    by_arm(right, both, "argmax_mass", shown, own=None)
    for at, arm in enumerate(shown):
        ours, mine = both.rows(arm=arm)
        first = at == 0
        seeds(left, at - 0.2, ours.greedy_true, SOFT, "greedy" if first else None)
        seeds(left, at + 0.2, ours.beam_true, CONTROL, "beam of four" if first else None)
        if mine is not None:
            yours(left, at, mine.greedy_true, "yours (quick), greedy" if first else None)
    names(left, [look.label for look in shown.values()])
    left.set(title="Completions that are true", ylabel="%")
    right.set(title="Mass on the student's own greedy completion", ylabel="%")


def of_calls(table, place: int):
    """Rows at one of the numbers of calls that nearly all arms have: in the middle (1) or the largest (-1)."""
    return table[table.calls == sorted(table[table.arm == "full"].calls.unique())[place]]
