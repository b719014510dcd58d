import subprocess
import sys
import time

from benchmarks.meter import Meter, forget_peak, peak_mb, resident_mb

BURN = "import time\nwhile time.process_time() < 0.3: pass"
BURN_IN_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}], check=True)\ninput()"


def test_own_time_is_cpu_time_and_not_time_asleep() -> None:
    meter = Meter({})
    before = meter.read()
    time.sleep(0.2)
    used = meter.read().since(before)
    assert used.wall >= 0.2
    assert used.own < 0.1


def test_a_server_is_charged_with_its_children_after_they_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN_IN_A_CHILD], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        meter = Meter({"server": server.pid})
        deadline = time.monotonic() + 60
        while meter.read().servers["server"] < 0.25:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.communicate(b"\n")


def test_the_peak_is_forgotten_and_found_again() -> None:
    forget_peak()
    held = bytearray(200_000_000)
    del held
    high = peak_mb()
    assert high > resident_mb() + 100
    if sys.platform == "linux":
        forget_peak()
        assert peak_mb() < high - 100
