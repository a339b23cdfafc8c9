/** `gora merge`: base and adapter as one Hugging Face folder. */
import { UserError } from '../errors';
import { mergeAdapter } from '../experiments/use-adapter';
import { dataFolder } from '../project';
import { type CommandHelp, parseWithHelp } from './help';

const options = {
  model: { type: 'string' },
  adapter: { type: 'string' },
  to: { type: 'string' },
  dtype: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

const DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

const help: CommandHelp<typeof options> = {
  usage: '--model NAME [--adapter DIR] --to FOLDER [--dtype float16]',
  about: [
    'Adds the adapter to the weights of its base and writes a model that needs no adapter: configuration, tokenizer and',
    "weights, in several files where they are large. Weights of llama2.c's rotary order come out in transformers' order.",
    'Without --adapter the base alone is written, which turns a .gguf or a llama2.c file into a Hugging Face folder.',
  ].join('\n'),
  options: {
    model: ['NAME', 'the base: a folder, a .gguf, hf:owner/name, or a name that `gora models` shows'],
    adapter: ['DIR', 'the PEFT folder'],
    to: ['FOLDER', 'where the model goes; a new folder'],
    dtype: ['TYPE', 'float32 (default), float16 or bfloat16: how the weights are stored'],
    'data-dir': ['DIR', 'folder of data sets and models (default: GORA_DATA, else data/cache)'],
  },
  examples: ['merge --model hf:HuggingFaceTB/SmolLM2-135M --adapter trained --to merged --dtype float16'],
};

export async function mergeCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('merge', args, options, help);
  const { model, adapter, to, dtype = 'float32' } = values;
  if (!model) throw new UserError('merge needs --model NAME, the base of the adapter');
  if (!to) throw new UserError('merge needs --to FOLDER, a new folder for the model');
  if (!Object.hasOwn(DTYPES, dtype)) {
    throw new UserError(`--dtype is one of ${Object.keys(DTYPES).join(', ')}, not "${dtype}"`);
  }
  const { parameters } = await mergeAdapter(model, adapter, to, {
    dtype: DTYPES[dtype as keyof typeof DTYPES],
    dataDir: dataFolder(values['data-dir']),
  });
  const what = adapter ? `${model} with ${adapter}` : `${model} alone, without an adapter`;
  process.stdout.write(`${to}: ${what}, ${parameters.toLocaleString('en')} weights in ${dtype}\n`);
  return 0;
}
