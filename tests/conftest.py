"""What holds for every tier."""

import os

from hypothesis import settings

# Tests import ONNX Runtime themselves; it reports its use to its vendor unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# A change is judged by the same examples each time; who looks for new ones runs without CI set.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
