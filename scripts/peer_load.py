"""Loads a model folder with transformers in float32; prints seconds and the growth of peak memory in MiB as JSON.
usage: python peer_load.py FOLDER"""
import json
import resource
import sys
import time

import torch
import transformers

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
folder = sys.argv[1]
config = transformers.AutoConfig.from_pretrained(folder)
name = (config.architectures or [''])[0]
cls = getattr(transformers, name, None) or transformers.AutoModel
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
model = cls.from_pretrained(folder, dtype=torch.float32)
seconds = time.perf_counter() - began
print(json.dumps({'loadSeconds': seconds, 'loadMiB': (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}))
