"""What holds for every tier."""

import os

from hypothesis import settings

# Tests import ONNX Runtime themselves; it reports its use to its vendor unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# No example has a deadline: machines are busy. A change is judged by the same examples each time;
# who looks for new ones runs without CI set.
settings.register_profile("curious", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "curious")
