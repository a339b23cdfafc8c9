"""From the kit's file to a model in PyTorch, once for every line read."""
import json
import sys
import time

from peer_models import arguments, build

folder, layout = arguments()
build(folder, layout["config"])  # imports are not loading
print(json.dumps({"ready": True}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    build(folder, layout["config"])
    print(json.dumps({"ms": (time.perf_counter() - started) * 1e3}), flush=True)
