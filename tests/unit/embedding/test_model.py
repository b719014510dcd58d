"""DINO's vision transformer: its arithmetic, its checkpoints, and what computes it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import tiny_vit
from syncd_embedding import runtimes
from syncd_embedding.errors import EmbeddingError, ExtraMissing, ModelError, RuntimeUnusable
from syncd_embedding.model import Model, load
from syncd_embedding.settings import ModelSettings, Runtime
from syncd_embedding.weights import backbone

# Made once by the vision_transformer.py that DINO publishes (facebookresearch/dino, 2021), in float64, with the weights
# and the pixels of tiny_vit: the first six numbers of the class token's features, their norm, and
# the first six of the patches' mean.
GOLDEN = {
    (56, 56): (
        [-0.652578, 1.525324, -0.600989, 1.642823, -0.842938, 0.618291],
        11.427672,
        [-0.402914, 0.490601, 0.441366, -0.551776, -0.108786, -0.583199],
    ),
    (40, 72): (
        [-1.24469, 1.214313, -0.13048, 1.62011, -0.591107, 0.465666],
        11.490332,
        [-0.587226, 0.708835, 0.482227, -0.526668, -0.048635, -0.670075],
    ),
    (24, 120): (
        [-1.038113, 1.41238, 0.099372, 1.096102, -0.552034, 0.459274],
        11.439561,
        [-0.694372, 0.537924, 0.280864, -0.511093, 0.134567, -0.424029],
    ),
}
IMAGES = [tiny_vit.pixels(*size) for size in GOLDEN]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vit.save_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def model(file: Path) -> Model:
    return load(ModelSettings(str(file), pool="both", normalize=False))  # type: ignore[arg-type] # as from a configuration


@pytest.mark.parametrize("size", GOLDEN)
def test_features_are_those_of_the_published_reference(model: Model, size: tuple[int, int]) -> None:
    first, norm, mean = GOLDEN[size]
    (vector,) = model.vectors([tiny_vit.pixels(*size)])
    assert vector[:6] == pytest.approx(first, abs=5e-6)
    assert np.linalg.norm(vector[:128]) == pytest.approx(norm, rel=1e-6)
    assert vector[128:134] == pytest.approx(mean, abs=5e-6)


def test_images_of_different_shapes_and_equal_token_counts_share_a_batch(model: Model) -> None:
    colour = np.stack([IMAGES[1].T] * 3, axis=2)
    alone = np.concatenate([model.vectors([image]) for image in (IMAGES[1], colour, IMAGES[2])])
    assert model.group(IMAGES[1]) == model.group(colour) == model.group(IMAGES[2]) == 1 + 45
    assert model.vectors([IMAGES[1], colour, IMAGES[2]]) == pytest.approx(alone, abs=1e-5)


def test_pools(file: Path, model: Model) -> None:
    both = model.vectors(IMAGES[:1])[0]
    for pool, expected in (("cls", both[:128]), ("mean", both[128:])):
        (vector,) = load(ModelSettings(str(file), pool=pool)).vectors(IMAGES[:1])  # type: ignore[arg-type]
        assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def _checkpoint(**more: Any) -> dict[str, Any]:
    head = {"head.mlp.0.weight": torch.ones(2), "head.last_layer.weight_g": torch.ones(2)}
    other = {f"module.backbone.{name}": tensor + 1 for name, tensor in tiny_vit.weights().items()}
    teacher = {f"backbone.{name}": tensor for name, tensor in tiny_vit.weights().items()} | head
    whole = {"student": other, "teacher": teacher, "optimizer": {}, "epoch": 3, "args": argparse.Namespace(arch="x")}
    return {**whole, "dino_loss": {"center": torch.ones(2)}, **more}


def test_of_a_training_checkpoint_the_teacher_is_taken_and_the_rest_is_named(file: Path, tmp_path: Path) -> None:
    torch.save(_checkpoint(), tmp_path / "checkpoint.pth")
    read = backbone(tmp_path / "checkpoint.pth")
    assert {"student", "optimizer", "epoch", "args", "dino_loss", "head.mlp.0.weight"} < set(read.not_needed)
    vectors = [load(ModelSettings(str(path))).vectors(IMAGES[:1]) for path in (file, tmp_path / "checkpoint.pth")]
    assert np.array_equal(*vectors)


def test_safetensors_are_read(file: Path, tmp_path: Path) -> None:
    save_file(tiny_vit.weights(), tmp_path / "model.safetensors")
    vectors = [load(ModelSettings(str(path))).vectors(IMAGES[:1]) for path in (file, tmp_path / "model.safetensors")]
    assert np.array_equal(*vectors)


class _Foreign:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("/tmp/was-run", "w")


SWAPPED = {**tiny_vit.weights(), "pos_embed": torch.ones(1, 48, 128)}
LESS = {name: tensor for name, tensor in tiny_vit.weights().items() if name != "blocks.1.attn.proj.bias"}


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ({"weights": _Foreign()}, "asks for (builtins|io|_io).open, beside tensors"),
        (_checkpoint(scheduler={"step": 1}), "'scheduler', which is no part of a DINO checkpoint"),
        (tiny_vit.weights() | {"blocks.0.ls1.gamma": torch.ones(128)}, "of a DINOv2"),
        ({"conv1.weight": torch.ones(2), "layer1.0.conv1.weight": torch.ones(2)}, "of a ResNet"),
        ({"fc.weight": torch.ones(2)}, "not those of a DINO vision transformer"),
        (tiny_vit.weights() | {"blocks.0.attn.extra": torch.ones(1)}, "not quite: blocks.0.attn.extra"),
        (LESS, "not quite: no blocks.1.attn.proj.bias"),
        (SWAPPED, "a vision transformer that DINO has not"),
        (tiny_vit.weights() | {"norm.bias": torch.full((128,), torch.nan)}, "numbers that are none, in norm.bias"),
        ([1, 2], "holds a list"),
    ],
)
def test_what_is_no_checkpoint_of_dino_is_refused(tmp_path: Path, saved: Any, says: str) -> None:
    torch.save(saved, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=says):
        load(ModelSettings(str(tmp_path / "weights.pth")))
    assert not Path("/tmp/was-run").exists()


@pytest.mark.parametrize("content", [b"", b"not a file of weights at all", b"PK\x03\x04 and then nothing"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("weights.pth", "weights.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name):
            load(ModelSettings(str(tmp_path / name)))


def test_missing_weights_say_what_to_fetch_and_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    place = tmp_path / "torch" / "hub" / "checkpoints" / "dino_deitsmall8_pretrain.pth"
    with pytest.raises(ModelError) as caught:
        load(ModelSettings("dino_vits8"))
    assert f"/dino_deitsmall8_pretrain.pth (87 MB) and put it at {place}" in str(caught.value)
    with pytest.raises(ModelError, match=r"hf download facebook/dinov2-small"):
        load(ModelSettings("facebook/dinov2-small"))
    with pytest.raises(ModelError, match=r"There are no weights at nowhere\.pth"):
        load(ModelSettings("nowhere.pth"))
    place.parent.mkdir(parents=True)
    tiny_vit.save_weights(tmp_path).rename(place)
    with pytest.raises(ModelError, match=r"ViT-128/8 .2 blocks., which is not dino_vits8"):
        load(ModelSettings("dino_vits8"))


def test_a_stated_checksum_is_held_against_the_file(file: Path) -> None:
    with pytest.raises(ModelError, match=r"has the checksum [0-9a-f]{64}, and 0000 is stated"):
        load(ModelSettings(str(file), sha256="0000"))


@pytest.mark.parametrize(
    ("runtime", "limit", "package"),
    [
        (Runtime.TORCH_BF16, 1e-4, "torch"),
        (Runtime.OPENVINO, 1e-6, "openvino"),
        (Runtime.OPENVINO_BF16, 1e-4, "openvino"),
        (Runtime.ONNX, 1e-6, "onnxscript"),
        (Runtime.ONNX_INT8, 2e-3, "onnxscript"),
    ],
)
def test_a_runtime_stays_within_its_deviation(model: Model, runtime: Runtime, limit: float, package: str) -> None:
    if find_spec(package) is None:
        with pytest.raises(ExtraMissing, match="pip install"):
            runtimes.use(model, runtime, "cpu")
        return
    if runtime is Runtime.OPENVINO_BF16 and not runtimes.cpu_has_bf16():
        with pytest.raises(RuntimeUnusable, match="does not compute in bfloat16"):
            runtimes.use(model, runtime, "cpu")
        return
    used = runtimes.use(model, runtime, "cpu")
    found = runtimes.deviation(model, IMAGES)
    assert used.runtime == runtime.value
    assert found < limit
    assert found > 0
    assert (found > 1e-9) == (runtime not in {Runtime.OPENVINO, Runtime.ONNX})


def test_openvino_tells_nobody_of_its_conversions(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from syncd_embedding import Embedder, ModelSettings\n"
        "Embedder(ModelSettings(sys.argv[1], runtime='openvino', device='cpu'))._worker.model\n"
        "assert 'openvino' in sys.modules and 'openvino_telemetry' not in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(file)], env=environment, check=True)
    assert not (tmp_path / "intel").exists()


def test_auto_takes_what_the_cpu_is_fastest_with(model: Model) -> None:
    expected = "openvino-bf16" if runtimes.cpu_has_bf16() else "openvino"
    assert runtimes.chosen_on_cpu(model, Runtime.AUTO).value == expected


def test_a_gpu_that_does_not_work_is_passed_over_unless_asked_for(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    used = runtimes.use(model, Runtime.TORCH)
    assert used.device == "cpu"
    assert "A GPU is there, but does not work" in used.notes[0]
    for device in ("cuda:0", "tpu", "mps"):
        with pytest.raises(RuntimeUnusable, match=f"The device {device} does not work"):
            runtimes.use(model, Runtime.TORCH, device)


@pytest.mark.parametrize("wrong", [{"size": 4}, {"max_side": 0}, {"value_range": (4095, 0)}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EmbeddingError, match=next(iter(wrong))):
        ModelSettings("dino_vits8", **wrong)


def test_a_vit_of_transformers_is_taken_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file(tiny_vit.weights(), tmp_path / "model.safetensors")
    if find_spec("transformers") is None:
        with pytest.raises(ExtraMissing, match=r"pip install '\.\[embedding-transformers\]'"):
            load(ModelSettings(str(tmp_path)))
        return
    from transformers import ViTConfig, ViTModel

    with pytest.raises(ModelError, match="is no model that transformers can load"):
        load(ModelSettings(str(tmp_path)))
    shape = {"hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 128, "image_size": 56, "patch_size": 8}
    ViTModel(ViTConfig(num_hidden_layers=1, **shape), add_pooling_layer=False).save_pretrained(tmp_path)
    loaded = load(ModelSettings(str(tmp_path), pool="both"))  # type: ignore[arg-type]
    assert loaded.vectors([IMAGES[1]] * 2).shape == (2, 128)
    assert loaded.group(IMAGES[1]) != loaded.group(IMAGES[2])


def test_a_torchvision_of_another_torch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "path" / "transformers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "config.json").write_text("{}")
    save_file(tiny_vit.weights(), tmp_path / "model.safetensors")
    with pytest.raises(ExtraMissing, match="torchvision that is installed does not fit torch") as caught:
        load(ModelSettings(str(tmp_path)))
    assert "pip uninstall torchvision" in str(caught.value)


def test_without_torch_the_extra_is_named() -> None:
    code = "import sys; sys.modules['torch'] = None; import syncd_embedding as e; e.VectorStore; e.Embedder"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ExtraMissing: Embeddings need the package torch" in done.stderr
    assert "pip install '.[embedding]'" in done.stderr
