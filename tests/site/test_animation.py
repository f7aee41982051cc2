"""The animation that opens the README."""

import re

import pytest
import torch

from ..scripts import ROOT, load_script

script = load_script("site/animation.py")


def scales(svg, digit):
    """Heights of a bar, as shares, at each temperature."""
    (frames,) = re.findall(rf"@keyframes p{digit} {{(.*)}}\n", svg)
    return [float(share) for share in re.findall(r"scaleY\(([\d.]+)\)", frames)]


def test_the_committed_animation_is_that_of_the_committed_logits(monkeypatch, tmp_path):
    monkeypatch.setattr(script, "OUT", tmp_path / "drawn.svg")
    script.main()
    assert (ROOT / "site" / "static" / "soft_target.svg").read_text() == script.OUT.read_text()


def test_bars_are_the_softmax_of_the_logits_at_each_temperature():
    svg = script.animation(torch.zeros(28, 28, dtype=torch.uint8), 0, torch.tensor([2.0, 0.0, *[-60.0] * 8]))
    assert len(scales(svg, 0)) == len(script.TEMPERATURES)
    assert scales(svg, 0)[0] == pytest.approx(0.8808, abs=1e-4)  # 1 / (1 + exp(-2))
    assert scales(svg, 1)[2] == pytest.approx(0.2689, abs=1e-4)  # 1 / (1 + exp(1)), T = 2


def test_it_moves_without_a_script_and_stands_still_for_who_asked_for_less_motion():
    svg = script.OUT.read_text()
    assert "<script" not in svg and "href" not in svg
    assert "prefers-reduced-motion" in svg and svg.count('class="t still"') == 1
