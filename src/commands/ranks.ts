/** `gora ranks`: where GoRA would put the ranks of a model on some data, without training. */
import { join, relative } from 'node:path';
import { prepareFolder } from '../experiments/folders';
import { studyRanks } from '../experiments/rank-study';
import { writeFileAtomic } from '../formats/atomic';
import { exportTable } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { rankMap, rankPattern, rankStudyChart, rankStudyTable } from '../reports/rank-study';
import { closeRenderer } from '../reports/render';
import { outFolder, parseSeed, parseSettings } from './args';
import { dataOptions, taskOf } from './data';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';

const options = {
  ...dataOptions,
  batches: { type: 'string' },
  rank: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** One line on standard error that is redrawn on a terminal. */
function counter(stream: NodeJS.WriteStream = process.stderr): (done: number, of: number) => void {
  return (done, of) => {
    if (stream.isTTY) stream.write(`\r\x1b[2Kgradients of batch ${done}/${of}${done === of ? '\n' : ''}`);
    else if (done === of) stream.write(`gradients of ${of} batches\n`);
  };
}

const help: CommandHelp<typeof options> = {
  usage: '--model NAME (--data FILE | --task NAME) [options]',
  about: [
    'Measures the mean gradient of every matrix over a few batches and hands the ranks out as GoRA does, without training.',
    'Prints a table and a map, and writes both, a heat map and `rank_pattern` for LoraConfig of PEFT.',
  ].join('\n'),
  options: {
    ...dataHelp,
    batches: ['N', 'batches to measure; default 8'],
    rank: ['N', 'reference rank, whose budget is handed out; default 8'],
    seed: ['N', 'seed of the batches; default 1'],
    set: ['KEY=VALUE', 'an option of gora, of training (targets, batch) or of the task; repeat it'],
    out: ['DIR', 'where the files go; default results/ranks'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: [
    'ranks --model minilm --task glue-mrpc',
    'ranks --model hf:HuggingFaceTB/SmolLM2-135M --data chats.jsonl --batches 16 --rank 16',
  ],
};

export async function ranksCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('ranks', args, options, help);
  const out = outFolder('ranks', values.out);
  prepareFolder(out);
  const { task, model, dataDir } = await taskOf(values);
  const set = parseSettings([
    ...(values.batches === undefined ? ['gradientBatches=8'] : [`gradientBatches=${values.batches}`]),
    ...(values.rank === undefined ? [] : [`rank=${values.rank}`]),
    ...(values.set ?? []),
  ]);
  const study = await studyRanks({ task, model, seed: parseSeed(values.seed), set }, { dataDir, onBatch: counter() });
  const table = rankStudyTable(study);
  const pattern = join(out, `${table.name}.rank_pattern.json`);
  writeFileAtomic(pattern, `${JSON.stringify(rankPattern(study), null, 2)}\n`);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(study)}\n`);
    return 0;
  }
  const colours = Boolean(process.stdout.isTTY) && !process.env.NO_COLOR;
  process.stdout.write(`${exportTable(table, 'text')}\n${rankMap(study, colours)}\n\n`);
  const files = [...saveTable(table, out), pattern];
  try {
    files.push(...(await saveFigure(rankStudyChart(study), out)));
  } finally {
    await closeRenderer();
  }
  const { load, measure } = study.seconds;
  const local = (path: string) => relative(process.cwd(), path);
  process.stdout.write(
    `loaded in ${load.toFixed(1)} s, measured in ${measure.toFixed(1)} s\n${files.map((file) => `  ${local(file)}`).join('\n')}\n`,
  );
  return 0;
}
