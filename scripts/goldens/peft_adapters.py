"""Tiny models and adapters that PEFT trained on them for three steps, with the logits after loading: tests/fixtures/adapters.
usage: OMP_NUM_THREADS=1 python peft_adapters.py OUT      (torch, transformers, peft, safetensors)"""
import json, os, shutil, sys
import torch
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel
from transformers import LlamaConfig, LlamaForCausalLM

OUT = sys.argv[1]
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
shutil.rmtree(OUT, ignore_errors=True)


def numbers(x, digits=9):
    short = lambda v: [short(y) for y in v] if isinstance(v, list) else float(f'{v:.{digits}g}') if isinstance(v, float) else v
    return short(x.detach().tolist())


torch.manual_seed(1)
tokens = torch.randint(3, 24, (1, 5))
text = {'input_ids': tokens, 'attention_mask': torch.ones_like(tokens)}
BASES = {
    'llama': (LlamaForCausalLM, LlamaConfig(vocab_size=24, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
              num_key_value_heads=1, max_position_embeddings=16, tie_word_embeddings=True), {**text, 'labels': tokens}),
    'gpt2': (GPT2LMHeadModel, GPT2Config(vocab_size=24, n_embd=8, n_layer=1, n_head=2, n_positions=16, resid_pdrop=0.0, embd_pdrop=0.0,
             attn_pdrop=0.0), {**text, 'labels': tokens}),
    'bert': (BertForSequenceClassification, BertConfig(vocab_size=24, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
             max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3), {**text, 'labels': torch.tensor([2])}),
}
for name, (kind, config, _) in BASES.items():
    torch.manual_seed(len(name))
    model = kind(config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() > 1: value.mul_(8)  # so that every layer matters
    model.save_pretrained(f'{OUT}/{name}')
    for extra in ('generation_config.json',):
        if os.path.exists(f'{OUT}/{name}/{extra}'): os.remove(f'{OUT}/{name}/{extra}')


def adapter(name, base, config, dtype=torch.float32, pissa=False, steps=3):
    kind, _, inputs = BASES[base]
    folder = f'{OUT}/{name}'
    torch.manual_seed(100 + len(name))
    model = get_peft_model(kind.from_pretrained(f'{OUT}/{base}'), config)
    model.train()
    if pissa:
        model.peft_config['default'].init_lora_weights = True
        model.save_pretrained(folder + '/_init')
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2, weight_decay=0.0)
    for step in range(steps):
        optimiser.zero_grad()
        model(**inputs).loss.backward()
        optimiser.step()
        if isinstance(config, AdaLoraConfig): model.base_model.update_and_allocate(step)
    if pissa: model.save_pretrained(folder, path_initial_model_for_weight_conversion=folder + '/_init')
    else: model.save_pretrained(folder)
    for extra in os.listdir(folder):
        path = f'{folder}/{extra}'
        if os.path.isdir(path): shutil.rmtree(path)
        elif extra == 'README.md': os.remove(path)
    file = f'{folder}/adapter_model.safetensors'
    save_file({k: v.to(dtype).contiguous() for k, v in load_file(file).items()}, file, {'format': 'pt'})
    path = f'{folder}/adapter_config.json'
    fields = json.load(open(path))
    fields['base_model_name_or_path'] = base
    json.dump({k: v for k, v in fields.items() if v is not None}, open(path, 'w'), sort_keys=True)
    plain = {k: v for k, v in inputs.items() if k != 'labels'}
    loaded = PeftModel.from_pretrained(kind.from_pretrained(f'{OUT}/{base}'), folder).eval()
    with torch.no_grad(): logits = loaded(**plain).logits
    golden = {'base': base, 'inputs': {k: numbers(v) for k, v in inputs.items()}, 'outputs': {'logits': numbers(logits, 7)}}
    json.dump(golden, open(f'{folder}/golden.json', 'w'), separators=(',', ':'))
    print(name, [list(v.shape) for v in load_file(file).values() if 0 in v.shape][:2])


lora = lambda task, **more: LoraConfig(task_type=task, **{'r': 3, 'lora_alpha': 6, **more})
LM, CLS = 'CAUSAL_LM', 'SEQ_CLS'
adapter('llama-all-linear-bf16', 'llama', lora(LM, target_modules='all-linear'), torch.bfloat16)
adapter('llama-patterns', 'llama', lora(LM, use_rslora=True, target_modules=['q_proj', 'v_proj', 'down_proj', 'up_proj'], exclude_modules=['layers.0.mlp.up_proj'],
        rank_pattern={'q_proj': 2, 'model.layers.1.mlp.down_proj': 5}, alpha_pattern={'^model.layers.0.self_attn.v_proj': 9, 'down_proj': 2}))
adapter('llama-one-layer', 'llama', lora(LM, target_modules=['q_proj', 'o_proj'], layers_to_transform=[1], layers_pattern='layers'))
adapter('llama-pattern-targets', 'llama', lora(LM, target_modules=r'.*\.(self_attn|mlp)\.(k_proj|gate_proj)'))
adapter('llama-adalora', 'llama', AdaLoraConfig(task_type=LM, init_r=4, target_r=1, lora_alpha=8, tinit=0, tfinal=1, total_step=4, deltaT=1,
        target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj']))
adapter('llama-pissa', 'llama', lora(LM, init_lora_weights='pissa', target_modules=['q_proj', 'down_proj']), pissa=True)
adapter('llama-dora-rslora', 'llama', lora(LM, use_dora=True, use_rslora=True, target_modules=['v_proj', 'gate_proj']))
adapter('gpt2-lora', 'gpt2', lora(LM, fan_in_fan_out=True, target_modules=['c_attn', 'c_proj', 'c_fc']))
adapter('gpt2-dora', 'gpt2', lora(LM, fan_in_fan_out=True, use_dora=True, target_modules=['c_attn', 'mlp.c_proj']))
adapter('gpt2-adalora', 'gpt2', AdaLoraConfig(task_type=LM, init_r=3, target_r=2, lora_alpha=8, tinit=0, tfinal=1, total_step=4, deltaT=1,
        fan_in_fan_out=True, target_modules=['c_attn', 'c_fc']))
adapter('bert-classifier-f16', 'bert', lora(CLS, target_modules=['query', 'value', 'intermediate.dense']), torch.float16)
adapter('bert-dora', 'bert', lora(CLS, use_dora=True, target_modules=['key', 'output.dense']))
adapter('bert-all-linear', 'bert', lora(CLS, target_modules='all-linear'))  # with the pooler, which no method here adapts
adapter('bert-saved-modules', 'bert', lora(None, target_modules=['query'], modules_to_save=['classifier', 'pooler']))
