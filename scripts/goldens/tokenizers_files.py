"""Reference for tests/tokenizers: small tokenizers in Hugging Face's format, and the ids that Hugging Face's `tokenizers`
and Google's `sentencepiece` give for hard texts.

byte-bpe (digits split, then byte-level, as SmolLM), wordpiece (as BERT), t5 (Unigram with a small normalisation table, as
T5 and ALBERT), llama (BPE with byte fallback), roberta (byte-level with <s> A </s></s> B </s>): tokenizer.json and
tokenizer_config.json each. golden.json: ids and decoded text of every tokenizer, ids and type ids with special tokens,
truncated ids. parts.json: what single normalisers and pre-tokenizers make of the texts. sentencepiece.json: pieces,
scores and kinds of a BPE model trained by sentencepiece, and its ids.
Training breaks ties by chance, so each run writes other tokenizers, equally good.
Needs tokenizers and sentencepiece. Run: python scripts/goldens/tokenizers_files.py tests/fixtures/tokenizers
"""
import base64
import io
import json
import os
import sys

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = sys.argv[1]

LINES = """The quick brown fox jumps over the lazy dog, and the lazy dog sleeps on in the sun.
A tokenizer turns text into numbers; the numbers go into a model, and the model's numbers come back as text.
In 1905 he wrote four papers; in 2024 they were read 1,000,000 times, or about 2,740 times a day!
She said: "I don't know what you're talking about - we'll see." It's all right, isn't it?
Le garçon naïf a déjà mangé à la fête. Der Fluß fließt über Österreich. El niño soñó con el mañana.
Привет, мир! Как дела? Γειά σου, κόσμε! Οδός της Ελλάδας. 東京は日本の首都です。北京是中国的首都。서울은 한국의 수도이다.
def add(a, b):\n    return a + b  # one line of Python\n\tif (x >= 10) { y = x * 2; }
low lower lowest new newer newest wide wider widest; to be or not to be, that is the question.
words words words are made of pieces, pieces of letters, and letters of bytes; so is everything else.
There were trees and there were houses; there was a river, and over the river there was a bridge.""".split("\n")

TEXTS = [
    "",
    " ",
    "Hello, world! It's 12:30 and we've got 3,141,592 things to do.",
    "  leading,\ttabs\n\n\nand   several   blanks  before 7 and trailing  ",
    "naïve café, Zürich, Ångström, œuvre, İstanbul, ß, ﬁne, ΟΔΟΣ Σας",
    "e\u0301 vs é; a\u030a, \u0301 alone",
    "東京は日本の首都です。北京。서울은 한국의 수도. ｶﾞ ﾊﾟ 𠀀𠮷野家",
    "👩‍👩‍👧‍👦🚀 🇩🇪 :-) <3 #tag @user_name http://ex.am/ple?a=1&b=2",
    "Привет, мир! مرحبا بالعالم हिन्दी ไทย",
    "digits: 0 12 345 1905 ² ½ Ⅷ ① ٣٤ ３ 𝟙 1,000.50",
    "[CLS] and [SEP], <s>x</s> <pad><extra_id_0> <|im_start|>user\n [MASK] <mask>!",
    "def f(x):\r\n    return {'a': [1,2,3]} if x==1 else x**2 != 0xFF  # 100%",
    "a\u0000b\u0001c\u007fd\u00ade\u200bf\u200dg\ufeffh\u0085i\u00a0j\u2009k\u3000l\u2028m\ue000n\ufffdo",
    "\ufeffbegins with a mark and \u0085 ends with one\ufeff",
    "«quoi» “quotes” ‘single’ … — – !! ?? ... (a) [b] {c} + = < > ^ ` | ~ $5 100% a_b __c__",
    "internationalization antidisestablishmentarianism " + "x" * 120,
    "don't DON'T we'll I'M they're it's 's 't",
    "ǅ ῼ ﬃ ㎏ ℌ 𝔸𝔹 \u212a \u2126 ı ΐ \u0378 ˀ \u0345",
    "\n",
    "▁already▁there ▁▁ twice",
]
PAIRS = [(TEXTS[2], TEXTS[4]), ("a b c", TEXTS[2]), (TEXTS[2], "words"), ("one", ""), ("", "two"), ("", ""), (TEXTS[11], TEXTS[10])]


def normalisation_table():
    """A small table of sentencepiece's: rules of one and of several characters, one that begins another."""
    rules = {"A": "a", "Σ": "σ", "ﬁ": "fi", "ﬃ": "ffi", "½": "1/2", "\r\n": "\n", "\t": " ", "\u00a0": " ", "\u3000": " ", "\u200b": "", "\ufeff": "", "e\u0301": "é", "ｶ": "カ", "ｶﾞ": "ガ", "İ": "i\u0307", "🚀": "rocket", "\u212a": "K"}
    path = os.path.join(FOLDER, "rules.tsv")
    with open(path, "w") as file:
        for left, right in rules.items():
            file.write("\t".join(" ".join(f"{ord(c):X}" for c in side) for side in (left, right)) + "\n")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_writer=model, vocab_size=300, model_type="bpe", normalization_rule_tsv=path, minloglevel=2)
    os.remove(path)
    proto = pb.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


TABLE = normalisation_table()


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def byte_bpe(split, tokens, size=420):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return train(tokenizer, trainers.BpeTrainer(vocab_size=size, special_tokens=tokens, initial_alphabet=alphabet, show_progress=False))


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
SMOLLM = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BYTES])
LLAMA3_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def bpe_smollm():
    # trained without splitting digits, so that whether they are split shows in the ids
    tokenizer = byte_bpe(BYTES, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.pre_tokenizer = SMOLLM
    tokenizer.add_tokens([AddedToken("Österreich", normalized=False), AddedToken("question", lstrip=True, rstrip=True)])
    return tokenizer, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>"}


def roberta():
    tokenizer = byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=True), ["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    names = {"bos": "<s>", "eos": "</s>", "sep": "</s>", "cls": "<s>", "unk": "<unk>", "pad": "<pad>"}
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}
    return tokenizer, {f"{name}_token": token for name, token in names.items()} | {"mask_token": mask}


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    train(tokenizer, trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16, pad_id=0, pad_token="[PAD]")
    return tokenizer, {f"{t[1:-1].lower()}_token": t for t in special} | {"model_max_length": 512}


def t5():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(TABLE), normalizers.Strip(left=False), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    train(tokenizer, trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False))
    tokenizer.add_special_tokens([f"<extra_id_{i}>" for i in (1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer, {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def llama():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    # words are split for training only, as sentencepiece does: no merge crosses a space
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    train(tokenizer, trainers.BpeTrainer(vocab_size=620, special_tokens=special, limit_alphabet=60, show_progress=False))
    tokenizer.pre_tokenizer = None
    json_ = json.loads(tokenizer.to_str())
    json_["added_tokens"] = json_["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(json_))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 1)])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def write(name, value):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


golden = {"texts": TEXTS, "pairs": PAIRS, "tokenizers": {}}
for name, make in {"byte-bpe": bpe_smollm, "roberta": roberta, "wordpiece": wordpiece, "t5": t5, "llama": llama}.items():
    tokenizer, config = make()
    write(f"{name}/tokenizer.json", json.loads(tokenizer.to_str()))
    write(f"{name}/tokenizer_config.json", config)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    both = lambda e: [e.ids, e.type_ids]
    own = {
        "vocab_size": tokenizer.get_vocab_size(),
        "ids": [tokenizer.encode(t, add_special_tokens=False).ids for t in TEXTS],
        "single": [both(tokenizer.encode(t)) for t in TEXTS],
        "pairs": [both(tokenizer.encode(a, b)) for a, b in PAIRS],
        "truncated": {},
    }
    own["decoded"] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in own["ids"]]
    for length in (4, 5, 7, 16):
        tokenizer.enable_truncation(length)
        own["truncated"][length] = [both(tokenizer.encode(a, b)) for a, b in PAIRS] + [both(tokenizer.encode(t)) for t in TEXTS]
    tokenizer.enable_truncation(9, direction="left")
    own["left9"] = [both(tokenizer.encode(a, b)) for a, b in PAIRS] + [both(tokenizer.encode(t)) for t in TEXTS]
    if name == "byte-bpe":  # the same pieces, split in other ways, as GGUF files name them
        tokenizer.no_truncation()
        for pre, split in {"gpt-2": BYTES, "llama-bpe": LLAMA3}.items():
            tokenizer.pre_tokenizer = split
            tokenizer.model.ignore_merges = pre == "llama-bpe"
            own[f"pre {pre}"] = [tokenizer.encode(t, add_special_tokens=False).ids for t in TEXTS]
    golden["tokenizers"][name] = own
write("golden.json", golden)

P, N = pre_tokenizers, normalizers
SPLITS = [
    P.Whitespace(), P.WhitespaceSplit(), P.BertPreTokenizer(), P.CharDelimiterSplit("-"), P.Digits(True), P.Digits(False),
    P.Punctuation(), P.Punctuation("contiguous"), P.Punctuation("removed"),
    P.Metaspace(), P.Metaspace(prepend_scheme="first"), P.Metaspace(prepend_scheme="never"), P.Metaspace(split=False), P.Metaspace(replacement="."),
    P.Split(" ", "merged_with_previous"), P.Split(" ", "merged_with_next"), P.Split(".", "isolated"), P.Split(" ", "removed"),
    P.Split(Regex(r"\w+"), "isolated", invert=True), P.Split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True), P.Split(Regex(LLAMA3_PATTERN), "isolated"),
    P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), P.ByteLevel(add_prefix_space=False), P.ByteLevel(add_prefix_space=True), P.ByteLevel(add_prefix_space=False, use_regex=False),
]
NORMALISERS = [
    N.BertNormalizer(), N.BertNormalizer(lowercase=False), N.BertNormalizer(lowercase=False, strip_accents=True), N.BertNormalizer(strip_accents=False), N.BertNormalizer(clean_text=False), N.BertNormalizer(handle_chinese_chars=False),
    N.Lowercase(), N.Strip(), N.Strip(left=False), N.Strip(right=False), N.StripAccents(), N.NFC(), N.NFD(), N.NFKC(), N.NFKD(),
    N.Replace("a", "$&$$"), N.Replace(Regex(r"\s+"), " "), N.Replace(Regex(" {2,}"), "▁"), N.Prepend("▁"), N.Sequence([N.NFKD(), N.StripAccents(), N.Lowercase()]), N.Precompiled(TABLE),
]


def part_of(key, part):
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, key, part)
    return json.loads(tokenizer.to_str())[key]


write("parts.json", {
    "texts": TEXTS,
    "pre_tokenizers": [{"part": part_of("pre_tokenizer", p), "pieces": [[piece for piece, _ in p.pre_tokenize_str(t)] for t in TEXTS]} for p in SPLITS],
    "normalizers": [{"part": part_of("normalizer", n), "texts": [n.normalize_str(t) for t in TEXTS]} for n in NORMALISERS],
})

model = io.BytesIO()
spm.SentencePieceTrainer.train(
    sentence_iterator=iter(LINES), model_writer=model, vocab_size=600, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
    remove_extra_whitespaces=False, split_digits=True, character_coverage=0.98, user_defined_symbols=["<tok>"], minloglevel=2,
)
proto = pb.ModelProto()
proto.ParseFromString(model.getvalue())
processor = spm.SentencePieceProcessor(model_proto=model.getvalue())
PLAIN = [t for t in TEXTS if "<s>" not in t and "\0" not in t]
write("sentencepiece.json", {
    "tokens": [p.piece for p in proto.pieces], "scores": [p.score for p in proto.pieces], "token_type": [p.type for p in proto.pieces],
    "texts": PLAIN, "ids": processor.encode(PLAIN),
})
