/** `gora compare`: several methods on one model and data, each with its tuned learning rate, as one table. */
import { join, relative } from 'node:path';
import { UserError } from '../errors';
import { prepareFolder } from '../experiments/folders';
import type { Plan } from '../experiments/plan';
import { type PlanResult, readPlan, runPlan } from '../experiments/plan-runs';
import { findMethod } from '../methods/registry';
import { exportTable } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { fileName, modelLabel } from '../reports/rank-study';
import { closeRenderer } from '../reports/render';
import { planFigures, planTables } from '../reports/views';
import { interruptSignal, outFolder, parseSettings } from './args';
import { dataOptions, taskOf } from './data';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';
import { progressReporter } from './progress';

const options = {
  ...dataOptions,
  methods: { type: 'string' },
  rates: { type: 'string' },
  seeds: { type: 'string' },
  name: { type: 'string' },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--methods lora,gora --model NAME (--data FILE | --task NAME) [options]',
  about: [
    'Trains every method with every seed and prints one table: mean ± sd, the paired difference to the first method or',
    'to lora, p values after Holm. With --rates each method first chooses its learning rate on validation data (one run',
    'a rate, with a seed of its own). Every run is a record: the same command goes on where it stopped.',
  ].join('\n'),
  options: {
    ...dataHelp,
    methods: ['LIST', 'methods, separated by commas; default lora,gora'],
    rates: ['LIST', "learning rates to choose from, e.g. 1e-3,3e-3,1e-2; default none: the task's own rates"],
    seeds: ['N', 'seeds 1 … N; default 3'],
    name: ['NAME', 'name of the tables and charts; default task and model'],
    set: ['KEY=VALUE', 'an option of training (steps, batch, targets), of the task or of all methods; repeat it'],
    out: ['DIR', 'where records, tables and charts go; default results/compare'],
  },
  examples: [
    'compare --model minilm --task glue-mrpc --methods lora,gora,full --rates 3e-4,1e-3,3e-3 --set steps=200',
    'compare --model hf:HuggingFaceTB/SmolLM2-135M-Instruct --data chats.jsonl --methods lora,rslora,gora',
  ],
};

/** Seed of the tuning runs, beside the seeds 1 … N. */
const TUNING_SEED = 100;

function numbers(text: string, option: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isFinite(value) && value > 0)) return values;
  throw new UserError(`${option} takes numbers above 0 separated by commas, not "${text}"`);
}

function seedsOf(text: string): number[] {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1 && count < TUNING_SEED)
    return Array.from({ length: count }, (_, i) => i + 1);
  throw new UserError(`--seeds takes a number of seeds between 1 and ${TUNING_SEED - 1}, not "${text}"`);
}

/** Settings that a method knows: `rank` means nothing to full fine-tuning. */
const FOR_ADAPTERS = ['rank', 'alpha'];

export async function compareCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('compare', args, options, help);
  const methods = (values.methods ?? 'lora,gora').split(',').map((name) => findMethod(name.trim()).name);
  const grid = values.rates === undefined ? [] : numbers(values.rates, '--rates');
  const seeds = seedsOf(values.seeds ?? '3');
  const all = parseSettings(values.set);
  const own = Object.fromEntries(Object.entries(all).filter(([key]) => FOR_ADAPTERS.includes(key)));
  const shared = Object.fromEntries(Object.entries(all).filter(([key]) => !FOR_ADAPTERS.includes(key)));
  const folder = outFolder('compare', values.out);
  const records = join(folder, 'records');
  const undo = prepareFolder(records);
  const { task, model, dataDir } = await taskOf(values);
  const name = values.name ?? fileName(`${task}${model === undefined ? '' : `-${modelLabel(model)}`}`);
  const plan: Plan = {
    name,
    title: `${task}${model === undefined ? '' : ` on ${modelLabel(model)}`}`,
    track: 'understanding',
    ...{ task, model, seeds, grid, set: shared },
    variants: methods.map((method) => ({
      label: method,
      method,
      set: method.startsWith('full') ? {} : own,
    })),
    cases: [{ label: task }],
    tuningSeed: TUNING_SEED,
    baseline: methods.includes('lora') ? 'lora' : methods[0],
  };
  const { signal, release } = interruptSignal();
  let result: PlanResult;
  try {
    const { done, total } = await readPlan(plan, records);
    if (done > 0) process.stderr.write(`resumed: ${done} of ${total} runs were on disk\n`);
    let reporter = progressReporter('');
    result = await runPlan(plan, {
      ...{ records, dataDir, signal },
      onRun: (label, at, of) => {
        reporter = progressReporter(`[${at}/${of}] ${label}`);
      },
      onProgress: (progress) => reporter(progress),
    });
  } finally {
    release();
    undo();
  }
  const tables = planTables(plan, result);
  process.stdout.write(`${tables.map((table) => exportTable(table, 'text')).join('\n')}\n`);
  const files = tables.flatMap((table) => saveTable(table, folder));
  try {
    for (const figure of planFigures(plan, result)) files.push(...(await saveFigure(figure, folder)));
  } finally {
    await closeRenderer();
  }
  process.stdout.write(`${files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n')}\n`);
  return 0;
}
