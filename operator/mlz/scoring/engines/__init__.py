"""Engine-neutral pieces are in base; one module for each engine type."""
