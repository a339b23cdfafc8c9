"""Reference answers for tests/formats/python-regex.test.ts, peft-targets.test.ts and tests/methods/save.test.ts:
Python's `re`, which modules PEFT's own functions choose, and the fields of a saved config that say nothing.

    pip install torch peft && python scripts/goldens/patterns.py > tests/fixtures/patterns.json
"""
import json
import random
import re
import signal
import warnings

import peft
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key

warnings.simplefilter("ignore")

MODULES = [
    "model.embed_tokens",
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.self_attn.k_proj",
    "model.layers.0.mlp.down_proj",
    "model.layers.1.self_attn.q_proj",
    "model.layers.10.self_attn.q_proj",
    "model.layers.10.mlp.experts.3.up_proj",
    "encoder.block.2.layer.0.SelfAttention.k",
    "blocks.0.attn.k",
    "blocks.0.mlp.fc1",
    "q_proj",
    "lm_head",
]
KEYS = [
    "q_proj", "model.layers.0.self_attn.q_proj", "^model.layers.0.self_attn.q_proj", "layers.0.self_attn.q_proj",
    "self_attn.*", "^q_proj", "base_model.model.layers.0.self_attn.q_proj", "layers.0", ".*(k)$", "k$", "(q|k)_proj",
    "q_proj|lm_head", r".*\.0\..*", r"model\.layers\.(0|1)\..*_proj", r"layers\.\d+\.self_attn\.[qk]_proj",
    r"layers\.\d{2}\..*", r"(?P<layer>layers)\.1\..*", r"(?!.*mlp).*_proj", r"(?<!self_attn\.)q_proj", "", ".*",
    "q.proj", "[kq]", r"\bk", r"attn\.k\Z", "a{", "q_proj)|(k_proj", "(?:a+)+b", "_proj",
]
TARGETS = [
    {"target_modules": ["q_proj", "k"]},
    {"target_modules": ["self_attn.q_proj"], "exclude_modules": ["model.layers.1.self_attn.q_proj"]},
    {"target_modules": ["proj"]},
    {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [0, 10]},
    {"target_modules": ["q_proj", "k", "up_proj"], "layers_to_transform": 10},
    {"target_modules": ["q_proj", "k"], "layers_to_transform": [0, 2], "layers_pattern": "block"},
    {"target_modules": ["q_proj", "k"], "layers_to_transform": [0], "layers_pattern": ["blocks", "layers"]},
    {"target_modules": r".*\.self_attn\.(q|k)_proj"},
    {"target_modules": r"(?:.*?(?:layers).*?(?:self_attn|mlp).*?(?:q_proj|down_proj).*?)|(?:\bblocks\.[\d]{1,}\.attn\.(?:k))"},
    {"target_modules": "q_proj"},
    {"target_modules": ["q_proj", "lm_head"], "exclude_modules": r".*layers\.1\..*"},
    {"target_modules": ["q_proj", "k_proj", "lm_head"], "modules_to_save": ["lm_head", "layers.10"]},
]
ATOMS = [
    "a", "b", ".", r"\.", r"\d", r"\w", "[ab]", "[^a]", "[a-c.]", "q_proj", "^", "$", r"\b", "(?:a|b)", "(a|)", "(?=a)",
    "(?!b)", "(?<=a)", "(?<!b)", "0", r"\D", "{", r"\Z", r"\A", r"\B", r"\s", "[]a]", r"[\d.]", "-", "(?<=ab)", "]",
    "}", r"[a\-z]", r"\x61", "(?P<n>a)",
]
REPEATS = ["", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??"]
TEXTS = ["", "a", "b", "ab", "a.b", "aab", "a.q_proj", "layers.10.q_proj", "b0", "a{", "x-y", "a]", "a\n", "ab.ab"]

rng = random.Random(1)


def random_pattern(depth=0):
    text = ""
    for _ in range(rng.randint(1, 4)):
        if depth < 2 and rng.random() < 0.2:
            text += rng.choice(["(", "(?:"]) + random_pattern(depth + 1)
            text += rng.choice(["", "|" + random_pattern(depth + 1)]) + ")"
        else:
            text += rng.choice(ATOMS)
        text += rng.choice(REPEATS)
    return text


def too_long(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, too_long)


def bits(pattern):
    """`match` and `fullmatch` on every text as one string of 0 and 1; None where Python refuses the pattern."""
    try:
        compiled = re.compile(pattern)
    except re.error:
        return None
    return "".join(str(int(bool(f(text)))) for text in TEXTS for f in (compiled.match, compiled.fullmatch))


def chosen(fields, name):
    """Whether PEFT adapts the module; an excluded one is an object of its own kind."""
    found = check_target_module_exists(LoraConfig(**fields), name)
    return found is True or isinstance(found, re.Match)


cases = {}
while len(cases) < 400:
    pattern = random_pattern()
    signal.setitimer(signal.ITIMER_REAL, 0.05)  # Python's own matcher backtracks
    try:
        cases[pattern] = bits(pattern)
    except TimeoutError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

out = {
    "made_with": {"peft": peft.__version__},
    "modules": MODULES,
    # PEFT gives the key back where it matches, else the name; a full path matches itself
    "keys": {key: [name == key or get_pattern_key([key], name) == key for name in MODULES] for key in KEYS},
    "targets": [[fields, [chosen(fields, name) for name in MODULES]] for fields in TARGETS],
    # as saved; the version is the one that this kit names
    "defaults": {**LoraConfig().to_dict(), "peft_type": "LORA", "inference_mode": True, "peft_version": "0.21.0"},
    "texts": TEXTS,
    "patterns": cases,
}
lines = [f'"{name}": {json.dumps(out[name])}' for name in ("made_with", "modules", "defaults", "texts")]
lines.append('"keys": {\n' + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in out["keys"].items()) + "\n}")
lines.append('"targets": [\n' + ",\n".join(json.dumps(case) for case in out["targets"]) + "\n]")
lines.append('"patterns": {\n' + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in cases.items()) + "\n}")
print("{\n" + ",\n".join(lines) + "\n}")
