/** `gora init`: the initial adapter of a method, as a PEFT folder that Python trains on. */
import { UserError } from '../errors';
import { type InitResult, initAdapter } from '../experiments/init-adapter';
import { costText } from '../experiments/init-cost';
import { findMethod } from '../methods/registry';
import { parseSeed, parseSettings } from './args';
import { dataOptions, taskOf } from './data';
import { parseTransformers } from './export';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';

const options = {
  method: { type: 'string' },
  ...dataOptions,
  to: { type: 'string' },
  rank: { type: 'string' },
  alpha: { type: 'string' },
  batches: { type: 'string' },
  'shifted-base': { type: 'string' },
  portable: { type: 'boolean' },
  transformers: { type: 'string' },
  base: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--method gora|lora-ga|pissa|olora|eva|lora-one --model NAME (--data FILE | --task NAME) --to DIR [options]',
  about: [
    'Measures what the method needs and writes its initial, untrained adapter. Python goes on with',
    '  PeftModel.from_pretrained(base, "DIR", is_trainable=True)',
    'PiSSA, OLoRA and LoRA-GA subtract their start from the base. By default the folder holds their change against the',
    'base as it is: twice the rank, zero at the start, and both halves are trained. With --shifted-base the base is',
    'written as well, shifted, and the adapter has the plain rank: that is the method as its authors train it.',
  ].join('\n'),
  options: {
    method: ['NAME', 'any method with adapters; `gora list methods NAME` shows its options'],
    ...dataHelp,
    to: ['DIR', 'where the adapter goes; a new folder'],
    rank: ['N', 'rank, for GoRA the reference rank; as --set rank=N'],
    alpha: ['N', 'α of the scale; as --set alpha=N'],
    batches: ['N', 'batches the gradients are averaged over; as --set gradientBatches=N'],
    'shifted-base': ['DIR', 'write the shifted base there, and the plain adapter over it'],
    portable: ['', "rotary rows in transformers' order, for a base that `gora merge` wrote from llama2.c's weights"],
    transformers: ['4|5', 'whose names the modules of a picture model have; default 5, which renamed them'],
    base: ['NAME', 'what the adapter calls its base (base_model_name_or_path); default --model'],
    seed: ['N', 'seed of batches and random starts; default 1'],
    set: ['KEY=VALUE', 'an option of the method, of training (targets, batch) or of the task; repeat it'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: [
    'init --method gora --model hf:HuggingFaceTB/SmolLM2-135M --data chats.jsonl --rank 8 --to gora-init',
    'init --method lora-ga --task glyphs --to ga-init --shifted-base glyphs-shifted',
  ],
};

/** Ranks in a few words. */
function ranksText({ ranks, doubled }: InitResult): string {
  const values = Object.values(ranks);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const own = least === most ? `rank ${least}` : `ranks ${least} to ${most}`;
  return `${values.length} layers, ${own}${doubled ? '; written at twice that, as the change against the untouched base' : ''}`;
}

export async function initCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('init', args, options, help);
  const { method, to } = values;
  if (!method) throw new UserError('init needs --method NAME; `gora list methods` shows what exists');
  if (!to) throw new UserError('init needs --to DIR, a new folder for the adapter');
  findMethod(method);
  const { task, model, dataDir } = await taskOf(values);
  const pair = (key: string, value?: string) => (value === undefined ? [] : [`${key}=${value}`]);
  const set = parseSettings([
    ...pair('rank', values.rank),
    ...pair('alpha', values.alpha),
    ...pair('gradientBatches', values.batches),
    ...(values.set ?? []),
  ]);
  const result = await initAdapter(
    { task, model, method, seed: parseSeed(values.seed), set },
    {
      dataDir,
      folder: to,
      shiftedBase: values['shifted-base'],
      portable: values.portable,
      transformers: parseTransformers(values.transformers),
      base: values.base,
      onPlan: (cost) => process.stderr.write(`${method} on ${model ?? task} ${costText(cost)}\n`),
    },
  );
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  }
  const base = result.shiftedBase ?? result.model;
  process.stdout.write(
    [
      `${to}: ${ranksText(result)}`,
      ...(result.shiftedBase ? [`${result.shiftedBase}: the base, shifted by the adapter's start`] : []),
      `  model = PeftModel.from_pretrained(base, ${JSON.stringify(to)}, is_trainable=True)   # base: ${base}`,
      '',
    ].join('\n'),
  );
  return 0;
}
