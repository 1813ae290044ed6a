"""What holds for every tier."""

import os

# Tests import ONNX Runtime themselves; it reports its use to its vendor unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
