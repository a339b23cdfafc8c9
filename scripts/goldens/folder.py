"""golden.json for a model folder of Hugging Face, as `gora models verify` reads it: outputs, gradient norms and greedy tokens of
transformers in float32 on the CPU. Token ids and pixels come from a seed.
usage: OMP_NUM_THREADS=2 python folder.py FOLDER [--gguf FILE.gguf] [--size PIXELS]
Made with torch 2.15, transformers 5.24."""
import argparse
import json
import os

import numpy as np
import torch
import transformers

parser = argparse.ArgumentParser()
parser.add_argument('folder')
parser.add_argument('--gguf')
parser.add_argument('--size', type=int)
args = parser.parse_args()
transformers.utils.logging.set_verbosity_error()


def numbers(x, digits=7):
    a = np.asarray(x.detach() if isinstance(x, torch.Tensor) else x)
    if a.dtype.kind in 'iub':
        return a.tolist()
    walk = lambda v: [walk(y) for y in v] if isinstance(v, list) else float(f'{v:.{digits}g}')
    return walk(a.astype(np.float32).tolist())


extra = {'gguf_file': args.gguf} if args.gguf else {}
config = transformers.AutoConfig.from_pretrained(args.folder, **extra)
name = (config.architectures or ['LlamaForCausalLM'])[0]
model = getattr(transformers, name).from_pretrained(args.folder, dtype=torch.float32, **extra).eval()
if args.gguf:  # weights read from a GGUF count as quantised: copy them
    plain = type(model)(config)
    plain.load_state_dict(model.state_dict())
    model = plain.float().eval()
g = torch.Generator().manual_seed(20261127)
outputs = {}
if hasattr(config, 'num_channels'):
    size = args.size or config.image_size
    inputs = {'pixel_values': torch.randn(2, config.num_channels, size, size, generator=g)}
    out = model(**inputs)
    outputs['last_hidden_state'] = out.last_hidden_state
    loss = (out.last_hidden_state**2).sum()
elif 'CausalLM' in name:
    ids = torch.randint(3, config.vocab_size - 1, (2, 12), generator=g)
    inputs = {'input_ids': ids, 'attention_mask': torch.ones_like(ids), 'labels': ids.clone(), 'greedy_prompt': ids[:1, :6]}
    out = model(input_ids=ids, labels=ids)
    # all logits of a large vocabulary would be a file of megabytes
    outputs['loss'] = loss = out.loss
    with torch.no_grad():
        outputs['greedy'] = model.generate(inputs['greedy_prompt'], max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)
else:
    ids = torch.randint(999, config.vocab_size - 1, (2, 24), generator=g)
    mask = torch.ones_like(ids)
    ids[1, 17:], mask[1, 17:] = config.pad_token_id or 0, 0
    inputs = {'input_ids': ids, 'attention_mask': mask}
    out = model(**inputs)
    outputs['last_hidden_state'] = out.last_hidden_state
    loss = (out.last_hidden_state**2).sum()
golden = {
    'class': name,
    'inputs': {k: numbers(v) for k, v in inputs.items()},
    'outputs': {k: numbers(v) for k, v in outputs.items()},
}
if args.size:
    golden['image_size'] = args.size
loss.backward()
if 'CausalLM' in name:
    names = {n: float(f'{p.grad.norm().item():.7g}') for n, p in model.named_parameters() if p.grad is not None}
    golden['grad_norms'] = names
json.dump(golden, open(os.path.join(args.folder, 'golden.json'), 'w'))
print(name, {k: tuple(np.shape(v)) for k, v in outputs.items()}, os.path.getsize(os.path.join(args.folder, 'golden.json')), 'bytes')
