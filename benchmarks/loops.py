"""What others do: the loops that a good programmer writes, the one of most tutorials, and two public ones.

Nets are plain `torch` modules that answer with logits; every loop takes one epoch, and its caller the time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

from kdbook.data import Split

TEMPERATURE = 20.0
VIEWS = 25


def mlp(sizes: list[int]) -> nn.Sequential:
    """Fully connected net of plain modules."""
    layers = [nn.Flatten()]
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convnet(widths: list[int], classes: int = 10) -> nn.Sequential:
    """The plain form of `kdbook.nets.vision.ConvNet`, in the memory format that suits a CPU."""
    layers, before = [nn.Unflatten(1, (1, 28))], 1
    for width in widths:
        convolution = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
    return net.to(memory_format=torch.channels_last)


def soft_loss(s: Tensor, t: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """T^2 KL(teacher || student)."""
    log_p, log_q = (t / temperature).log_softmax(-1), (s / temperature).log_softmax(-1)
    return temperature**2 * F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def fused(net: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of all fast loops."""
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)


def tensor_loop(net: nn.Module, split: Split, batch_size: int, logits: Tensor | None = None, teacher=None) -> None:
    """The well-written loop: data and, if given, a teacher's `logits` (V, N, C) as tensors, without a DataLoader.

    With V = 25 each image is shifted by its own view. Without `logits` a `teacher` is asked, or labels are learned.
    """
    padded, optimizer = F.pad(split.x, (2, 2, 2, 2)), fused(net)
    windows = padded.unfold(1, 28, 1).unfold(2, 28, 1)  # (N, 5, 5, 28, 28), no copy
    order, view = torch.randperm(len(split)), torch.randint(VIEWS, (len(split),))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=-(-len(order) // batch_size) + 1)
    net.train()
    for rows, views in zip(order.split(batch_size), view.split(batch_size), strict=True):
        if split.views == VIEWS:
            x = windows[rows, 4 - views // 5, 4 - views % 5].float() / 255
        else:
            x = split.x[rows].float() / 255
        s = net(x)
        if logits is not None:
            loss = soft_loss(s, logits[views if len(logits) == VIEWS else 0, rows])
        elif teacher is not None:
            with torch.no_grad():
                t = teacher(x)
            loss = soft_loss(s, t)
        else:
            loss = F.cross_entropy(s, split.y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


class Pictures(Dataset):
    """Images one at a time, as tutorials have it: through PIL and torchvision's RandomCrop."""

    def __init__(self, split: Split):
        self.split = split
        steps = [transforms.ToPILImage(), transforms.RandomCrop(28, padding=2), transforms.ToTensor()]
        self.transform = transforms.Compose(steps)

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        return self.transform(self.split.x[i].numpy())[0], int(self.split.y[i])


def dataloader_loop(net: nn.Module, split: Split, batch_size: int, teacher: nn.Module) -> None:
    """The loop of tutorials: a DataLoader over single images, the teacher asked at every step, plain SGD."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    net.train()
    for x, _ in DataLoader(Pictures(split), batch_size, shuffle=True):
        with torch.no_grad():
            t = teacher(x)
        loss = soft_loss(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def distillation_box(net: nn.Module, split: Split, batch_size: int, teacher: nn.Module) -> None:
    """The same by torchdistill, as its examples set it up; ImportError where it is absent (the extra `peers`)."""
    from torchdistill.core.distillation import DistillationBox

    last = {"student_module_path": ".", "student_module_io": "output"}
    last |= {"teacher_module_path": ".", "teacher_module_io": "output"}
    soft = {"key": "KDLoss", "kwargs": {**last, "temperature": TEMPERATURE, "alpha": 0.0}}
    config = {
        "num_epochs": 1,
        "train_data_loader": {
            "dataset_id": "train",
            "sampler": {"class_or_func": RandomSampler},
            "kwargs": {"batch_size": batch_size},
        },
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only"},
        "optimizer": {"key": "SGD", "kwargs": {"lr": 0.01, "momentum": 0.9, "nesterov": True}},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": {"kd": {"criterion": soft, "weight": 1.0}}}},
    }
    pictures = {"train": Pictures(split)}
    box = DistillationBox(teacher, net, pictures, config, torch.device("cpu"), None, False, 1, None)
    box.pre_epoch_process(epoch=0)
    for x, y, more in box.train_data_loader:
        box.post_forward_process(loss=box.forward_process(x, y, more))
    box.post_epoch_process()


class Block(nn.Module):
    """A layer of GPT-2, written the short way."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.before, self.between = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x : Tensor (B, N, width)."""
        texts, tokens, width = x.shape
        split = self.asked(self.before(x)).view(texts, tokens, 3, self.heads, width // self.heads)
        seen = F.scaled_dot_product_attention(*split.permute(2, 0, 3, 1, 4), is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(texts, tokens, width))
        return x + self.down(F.gelu(self.up(self.between(x)), approximate="tanh"))


class ShortGPT(nn.Module):
    """GPT-2 in forty lines, with tied embeddings, as nanoGPT shows it."""

    def __init__(self, layers: int, width: int, heads: int, vocabulary: int, length: int):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.last = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, N, V) of texts (B, N)."""
        h = self.words(x) + self.places.weight[: x.shape[1]]
        for block in self.blocks:
            h = block(h)
        return F.linear(self.last(h), self.words.weight)


def text_loop(net: nn.Module, texts: Tensor, batch_size: int) -> None:
    """Next tokens of texts (N, L), 0 as filling: batches of like length, cut to their longest, and fused Adam."""
    lengths, optimizer = (texts > 0).sum(1), torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=-(-len(texts) // batch_size) + 1)
    mixed = torch.randperm(len(texts))
    batches = mixed[lengths[mixed].argsort()].split(batch_size)
    net.train()
    for at in torch.randperm(len(batches)).tolist():
        rows = batches[at]
        x = texts[rows, : int(lengths[rows].max())]
        logits, targets = net(x[:, :-1]), x[:, 1:]
        rows = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
        loss = (rows * (targets > 0)).sum() / (targets > 0).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
