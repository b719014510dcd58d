"""What computes a model's features: torch, OpenVINO or ONNX Runtime, on a CPU; torch on a GPU.

A runtime takes the place of a model's ``encode``, and nothing else of it, so that pixels, positions and pooling are the
same whatever computes. How far its vectors are from those of float32 is measured on the user's own images.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from syncd_embedding.errors import ExtraMissing, RuntimeUnusable, first_line, install
from syncd_embedding.model import Encode, Model
from syncd_embedding.pixels import Image
from syncd_embedding.settings import Runtime

DEVIATION_LIMIT = 5e-4
"""The largest 1 − cosine to float32 at which ``auto`` keeps a runtime in bfloat16; 1e-5 is what it usually costs."""


@dataclass(frozen=True)
class Used:
    """What computes, in words, and what was found out while choosing it."""

    runtime: str
    device: str
    notes: tuple[str, ...] = ()


def use(model: Model, runtime: Runtime, device: str = "auto", *, threads: int | None = None) -> Used:
    """Have a runtime compute a model's features from now on. Raises ExtraMissing, RuntimeUnusable.

    ``device``: auto, cpu, cuda or cuda:N; auto takes a GPU where one works. ``threads``: how many the CPU's may use.
    """
    gpu, notes = _gpu(device)
    if gpu is not None:
        if runtime not in {Runtime.AUTO, Runtime.TORCH, Runtime.TORCH_BF16}:
            raise RuntimeUnusable(f"The runtime {runtime.value} is for CPUs.", remedy="Give torch, or device: cpu.")
        return _on_gpu(model, gpu, half=runtime is not Runtime.TORCH)
    chosen = chosen_on_cpu(model, runtime)
    threads = threads or usable_cores()
    if chosen in {Runtime.TORCH, Runtime.TORCH_BF16}:
        model.encode = model.exact.encode
        if chosen is Runtime.TORCH_BF16:
            model.encode = _autocast(model.encode)
    elif not model.by_tokens:
        raise RuntimeUnusable(
            f"The runtime {runtime.value} is for DINO's own vision transformers, and {model.name} is none.",
            remedy="Give runtime: auto, torch or torch-bf16.",
        )
    elif chosen in {Runtime.OPENVINO, Runtime.OPENVINO_BF16}:
        model.encode = _openvino(model, half=chosen is Runtime.OPENVINO_BF16, threads=threads)
    else:
        model.encode = _onnx(model, small=chosen is Runtime.ONNX_INT8, threads=threads)
    return Used(chosen.value, "cpu", notes)


def deviation(model: Model, images: Sequence[Image]) -> float:
    """The largest 1 − cosine between a model's vectors of these images and those that torch gives in float32."""
    exact = model.exact
    largest = 0.0
    for image in images:
        here, there = (_direction(each.vectors([image])[0].astype(np.float64)) for each in (model, exact))
        # Of unit vectors that is 1 − cosine, without the rounding of a difference of nearly equal numbers.
        largest = max(largest, float(np.square(here - there).sum()) / 2)
    return largest


def _direction(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def usable_cores() -> int:
    """How many processors this process may use: its affinity, and its control group's quota where one is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def cpu_has_bf16() -> bool:
    """Whether OpenVINO is there and the CPU computes in bfloat16 by itself."""
    if find_spec("openvino") is None:
        return False
    with _without_telemetry():
        import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def chosen_on_cpu(model: Model, runtime: Runtime) -> Runtime:
    """What ``auto`` stands for here; any other is itself."""
    if runtime is not Runtime.AUTO:
        return runtime
    if not model.by_tokens:
        return Runtime.TORCH
    if find_spec("openvino") is not None:
        return Runtime.OPENVINO_BF16 if cpu_has_bf16() else Runtime.OPENVINO
    with_onnx = all(find_spec(name) is not None for name in ("onnxruntime", "onnx", "onnxscript"))
    return Runtime.ONNX if with_onnx else Runtime.TORCH


def _autocast(encode: Encode) -> Encode:
    def computed(tokens: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return encode(tokens)

    return computed


def _openvino(model: Model, *, half: bool, threads: int) -> Encode:
    try:
        with _without_telemetry():
            import openvino
    except ImportError:
        raise ExtraMissing("The runtime openvino is not installed.", remedy=install("embedding")) from None
    if half and not cpu_has_bf16():
        raise RuntimeUnusable(
            "This CPU does not compute in bfloat16; OpenVINO would only pretend to.", remedy="Give runtime: openvino."
        )
    example = torch.zeros(2, 5, model.width)
    with torch.inference_mode(), _quietly(), _without_telemetry():
        converted = openvino.convert_model(model.network.encoder, example_input=example)
    converted.reshape([-1, -1, model.width])
    precision = openvino.Type.bf16 if half else openvino.Type.f32
    compiled = openvino.Core().compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, all threads on it
        },
    )
    request = compiled.create_infer_request()

    def computed(tokens: Tensor) -> Tensor:
        found = request.infer({0: tokens.contiguous().numpy()}, share_inputs=True, share_outputs=False)
        return torch.from_numpy(found[0])

    return computed


def _onnx(model: Model, *, small: bool, threads: int) -> Encode:
    try:
        import onnx  # noqa: F401 # what exports
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError:
        raise ExtraMissing("The runtime onnx is not installed.", remedy=install("embedding-onnx")) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a host may be shared
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="syncd-onnx-") as folder:
        exported = _export(model, Path(folder))
        if small:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            smaller = Path(folder) / "int8.onnx"
            with _quietly():
                quantize_dynamic(exported, smaller, per_channel=True, weight_type=QuantType.QInt8)
            exported = smaller
        session = onnxruntime.InferenceSession(str(exported), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def computed(tokens: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: tokens.contiguous().numpy()})[0])

    return computed


def _export(model: Model, folder: Path) -> Path:
    exported = folder / "encoder.onnx"
    batch, length = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("length", min=2, max=1 << 16)
    with torch.inference_mode(), _quietly():
        torch.onnx.export(
            model.network.encoder,  # type: ignore[arg-type]
            (torch.zeros(3, 7, model.width),),
            str(exported),
            dynamo=True,
            dynamic_shapes=({0: batch, 1: length},),
            verbose=False,
        )
    return exported


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what converters say to those who develop them, of themselves and of packages that are not needed."""
    root, exporter = logging.getLogger(), logging.getLogger("torch.onnx")
    level = exporter.level
    root.addFilter(_not_of_quantization)
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(_not_of_quantization)
        exporter.setLevel(level)


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """OpenVINO would tell its makers of each conversion, unasked; without that package, which it can do without, not.

    Where the program that calls us has imported it before, that program has decided.
    """
    name = "openvino_telemetry"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # how Python is told that a module is not to be found
    try:
        yield
    finally:
        sys.modules.pop(name, None)


def _not_of_quantization(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


def _gpu(device: str) -> tuple[torch.device | None, tuple[str, ...]]:
    """The GPU that is to be used, if one is; where ``auto`` passes one over, a note says why."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return None, ()
    try:
        wanted = torch.device("cuda" if device == "auto" else device)
        if wanted.type != "cuda":
            raise RuntimeError(f"syncd computes on CPUs and on CUDA devices, not on {wanted.type}")
        torch.zeros(8, 8, device=wanted).matmul(torch.zeros(8, 8, device=wanted)).cpu()
    except (RuntimeError, AssertionError) as error:
        first = first_line(error)
        if device == "auto":
            return None, (f"A GPU is there, but does not work ({first}); the CPU computes.",)
        raise RuntimeUnusable(
            f"The device {device} does not work: {first}", remedy="Give device: cpu, or mend the driver (nvidia-smi)."
        ) from None
    return wanted, ()


def _on_gpu(model: Model, device: torch.device, *, half: bool) -> Used:
    model.network.to(device, torch.bfloat16 if half else torch.float32)
    model.device = device
    network: Any = model.network.encoder if model.by_tokens else model.network
    # Compiled for changing shapes: batches have many lengths, and each compilation takes seconds.
    compiled: Any = torch.compile(network, dynamic=True)
    side = 4 * model.patch
    example = torch.zeros((2, 17, model.width) if model.by_tokens else (1, 3, side, side), device=device)
    notes: tuple[str, ...] = ()
    try:
        with torch.inference_mode():
            compiled(example.to(next(model.network.parameters()).dtype))
    except (RuntimeError, ImportError, OSError) as error:  # it needs Triton, and Triton a C compiler
        compiled = network
        notes = (f"The network could not be compiled for the GPU ({first_line(error)}); it computes as it is, slower.",)
    model.encode = compiled
    name = torch.cuda.get_device_name(device)
    return Used(Runtime.TORCH_BF16.value if half else Runtime.TORCH.value, f"{device} ({name})", notes)
