"""The Python half of `npm run prove:peft`: transformers and PEFT at the other end of a pipe.

One JSON request a line on standard input, one JSON answer a line on standard output. Needs torch, transformers, peft
0.21 or newer. Everything on the CPU in float32, one thread.
"""
import contextlib
import json
import os
import shutil
import sys
import warnings

import peft
import peft.optimizers
import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoModelForImageClassification, AutoModelForSeq2SeqLM
from transformers import AutoModelForSequenceClassification

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
warnings.simplefilter("ignore")
torch.set_num_threads(1)

CLASSES = {
    "causal": (AutoModelForCausalLM, "CAUSAL_LM"),
    "seq2seq": (AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM"),
    "text": (AutoModelForSequenceClassification, "SEQ_CLS"),
    "image": (AutoModelForImageClassification, None),
}


def make(folder, name):
    """A tiny random model, loud enough that every layer matters."""
    torch.manual_seed(len(name) + sum(map(ord, name)))
    common = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
    made = {
        "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(
            **common, num_key_value_heads=2, vocab_size=96, max_position_embeddings=64, initializer_range=0.2)),
        "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(
            n_embd=32, n_layer=2, n_head=4, n_inner=48, vocab_size=96, n_positions=64, initializer_range=0.2,
            bos_token_id=1, eos_token_id=2)),
        "t5": lambda: transformers.T5ForConditionalGeneration(transformers.T5Config(
            d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, vocab_size=96, feed_forward_proj="gated-gelu",
            tie_word_embeddings=False, initializer_factor=1.0, decoder_start_token_id=0)),
        "bert": lambda: transformers.BertForSequenceClassification(transformers.BertConfig(
            **common, vocab_size=96, max_position_embeddings=64, num_labels=3, initializer_range=0.2)),
        "vit": lambda: transformers.ViTForImageClassification(transformers.ViTConfig(
            **common, image_size=16, patch_size=4, num_labels=3, initializer_range=0.2)),
    }[name]()
    made.save_pretrained(folder)


def load(kind, base, labels=None):
    cls, _ = CLASSES[kind]
    extra = {} if labels is None else dict(num_labels=labels)
    torch.manual_seed(0)  # a new head is overwritten by the adapter's
    with contextlib.redirect_stdout(sys.stderr):
        return cls.from_pretrained(base, dtype=torch.float32, **extra).eval()


def tensors(inputs):
    return {name: torch.tensor(value) for name, value in inputs.items()}


def logits_of(model, inputs):
    model.eval()
    given = {name: value for name, value in tensors(inputs).items() if name != "labels"}
    if "decoder_input_ids" not in given and "labels" in inputs and getattr(model.config, "is_encoder_decoder", False):
        raise ValueError("an encoder-decoder needs decoder_input_ids")
    with torch.no_grad():
        return model(**given).logits.double().flatten().tolist()


def loss_of(model, inputs):
    return model(**{name: value for name, value in tensors(inputs).items() if name != "decoder_input_ids"}).loss


def train(model, inputs, steps, lr, method=None):
    """AdamW steps on one batch; the optimisers of LoRA+ and LoRA-FA are PEFT's own."""
    model.train()
    # dropout would make two runs differ and is no part of what is shown
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    if method == "lora+":
        optimiser = peft.optimizers.create_loraplus_optimizer(
            model, torch.optim.AdamW, lr=lr, loraplus_lr_ratio=4.0, weight_decay=0.0)
    elif method == "lora-fa":
        optimiser = peft.optimizers.create_lorafa_optimizer(model, r=4, lora_alpha=8, lr=lr)
    else:
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=0.0)
    losses = []
    for step in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model, inputs)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if getattr(model, "peft_type", None) == "ADALORA":
            model.base_model.update_and_allocate(step)
    return losses


def fresh(request):
    """An adapter made and trained by PEFT alone, in the form that the method has there."""
    kind, method, targets = request["kind"], request["method"], request["targets"]
    base = load(kind, request["base"], request.get("labels"))
    task = CLASSES[kind][1]
    common = dict(lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type=task)
    if request.get("labels") and task is None:
        common["modules_to_save"] = ["classifier"]
    steps, converted = request["steps"], False
    torch.manual_seed(7)
    if method == "adalora":
        config = AdaLoraConfig(init_r=4, target_r=2, tinit=1, tfinal=1, deltaT=1, total_step=steps + 1, **common)
    elif method in ("pissa", "olora"):
        # PEFT drops modules_to_save when it converts
        common["task_type"] = None if task == "SEQ_CLS" else task
        config, converted = LoraConfig(r=4, init_lora_weights=method, **common), True
    elif method == "lora-ga":
        common["task_type"] = None if task == "SEQ_CLS" else task
        config, converted = LoraConfig(r=4, init_lora_weights="lora_ga", lora_ga_config=peft.LoraGAConfig(),
                                       use_rslora=True, **common), True
        from peft.tuners.lora.loraga import preprocess_loraga
        preprocess_loraga(base, config, lambda: loss_of(base, request["inputs"]).backward())
    elif method in ("gora", "ls-lora", "lora-one", "eva"):
        ranks = {name: 1 + i % 5 for i, name in enumerate(request["layers"])}
        alphas = {name: 4 + i % 3 for i, name in enumerate(request["layers"])} if method == "ls-lora" else {}
        config = LoraConfig(r=4, use_rslora=method != "eva", rank_pattern=ranks, alpha_pattern=alphas,
                            init_lora_weights=False, **common)
    else:
        config = LoraConfig(r=4, use_rslora=method == "rslora", use_dora=method == "dora", **common)
    with contextlib.redirect_stdout(sys.stderr):
        model = get_peft_model(base, config)
    to = request["to"]
    if converted:
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(os.path.join(to, "initial"))
    losses = train(model, request["inputs"], steps, request["lr"], method)
    got = logits_of(model, request["inputs"])
    if converted:
        model.save_pretrained(to, path_initial_model_for_weight_conversion=os.path.join(to, "initial"))
        shutil.rmtree(os.path.join(to, "initial"))
    else:
        model.save_pretrained(to)
    return {"logits": got, "losses": losses}


def serve(request):
    op = request["op"]
    if op == "versions":
        return {"python": sys.version.split()[0], "torch": torch.__version__.split("+")[0],
                "transformers": transformers.__version__, "peft": peft.__version__}
    if op == "make":
        make(request["folder"], request["name"])
        return {}
    if op == "head":
        load(request["kind"], request["base"], request["labels"]).save_pretrained(request["to"])
        return {}
    if op == "fresh":
        return fresh(request)
    model = load(request["kind"], request["base"], request.get("labels"))
    if op == "logits":
        if request.get("adapter"):
            model = PeftModel.from_pretrained(model, request["adapter"])
        return {"logits": logits_of(model, request["inputs"])}
    if op == "train":
        model = PeftModel.from_pretrained(model, request["adapter"], is_trainable=True)
        before = logits_of(model, request["inputs"])
        losses = train(model, request["inputs"], request["steps"], request["lr"])
        model.save_pretrained(request["to"])
        return {"logits": logits_of(model, request["inputs"]), "before": before, "losses": losses}
    raise ValueError(f"unknown request {op}")


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to standard error
    for line in sys.stdin:
        try:
            answer = serve(json.loads(line))
        except Exception as error:  # the other end says which case it was
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()


main()
