/** `gora results`: writes `results/README.md`, the index of all results, from the plans and the files on disk. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors';
import { type Plan, tracks } from '../experiments/plan';
import { type PlanOnDisk, readPlan } from '../experiments/plan-runs';
import { allPlans } from '../experiments/plans';
import type { RunRecord } from '../experiments/record';
import { writeFileAtomic } from '../formats/atomic';
import { aboutFile } from '../reports/views';
import { outFolder, parse } from './args';

/** Folders that no plan makes: what they show and the command. */
const others: Readonly<Record<string, readonly [string, string]>> = {
  quickstart: ['what the first command of the README shows', '`npm run quickstart`'],
  bench: [
    'step time, preparation, memory, start-up, growth; against PyTorch and PEFT; native against wasm',
    '`npm run bench`, `npx tsx bench/methods.ts TASK`, `npx tsx bench/backends.ts`',
  ],
  gradients: [
    'how many batches a mean gradient needs',
    '`npm run gora -- gradients --task glyphs --seeds 3 --set shots=320`',
  ],
};

const escaped = (text: string) => text.replaceAll('|', '\\|');
const row = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

const filesOf = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort() : [];

/** Where the runs were made, each machine once. */
function machines(records: readonly RunRecord[]): string {
  const texts = records.map(({ environment: { cpu, device, cores, threads, backend } }) => {
    const where = device === 'CPU' || !device ? `${cpu}, ${cores} cores` : `${device}`;
    return `${where}, ${threads === 1 ? '1 thread' : `${threads} threads`}, ${backend}`;
  });
  return [...new Set(texts)].sort().join('; ');
}

/** The row of one comparison: how many of its runs there are, and where they were made. */
async function planRow(plan: Plan, root: string): Promise<string[]> {
  const files = filesOf(join(root, plan.name));
  const folder = files.length > 0 ? `[${plan.name}/](${plan.name}/)` : plan.name;
  const command = `\`npm run gora -- reproduce ${plan.name}\``;
  let state: PlanOnDisk;
  try {
    state = await readPlan(plan, join(root, 'records'));
  } catch (error) {
    return [folder, plan.title, command, messageOf(error), ''];
  }
  const { done, total, outcomes, tuning } = state;
  const runs = done === total ? `${total} (${tuning.length} to tune)` : `${done} of ${total}`;
  return [folder, plan.title, command, runs, machines([...outcomes, ...tuning].map(({ record }) => record))];
}

/** First heading or bold title of a Markdown file. */
function titleOfFile(path: string): string {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((text) => /^(#|\*\*)/.test(text));
  return line?.replace(/^#+\s*|\*\*/g, '') ?? '';
}

/** Files of the folders that no plan makes. */
function otherRows(root: string, plans: readonly Plan[]): string[][] {
  const known = new Set(['records', 'quick', 'runs', ...plans.map((plan) => plan.name)]);
  const folders = readdirSync(root, { withFileTypes: true }).filter((e) => e.isDirectory() && !known.has(e.name));
  return folders.map(({ name }) => {
    const [question, command] = others[name] ?? ['', ''];
    const titles = filesOf(join(root, name))
      .filter((file) => file.endsWith('.md'))
      .map((file) => {
        const title = titleOfFile(join(root, name, file));
        return `[${file}](${name}/${file})${title ? `: ${title}` : ''}`;
      });
    return [`[${name}/](${name}/)`, question, command, titles.join('<br>')];
  });
}

/** The files that plans' folders hold, each name once. */
function fileRows(root: string, plans: readonly Plan[]): string[][] {
  const all = plans.flatMap((plan) => filesOf(join(root, plan.name)));
  const names = [...new Set(all.map((file) => file.replace(/\.[a-z]+$/, '')))].sort();
  return names.flatMap((name) => {
    const kinds = [...new Set(all.filter((f) => f.replace(/\.[a-z]+$/, '') === name).map((f) => f.split('.').at(-1)))];
    const about = aboutFile(name);
    return about ? [[`${name} (${kinds.sort().join(', ')})`, about]] : [];
  });
}

/** The text of the index. @param root the folder `results`. */
export async function indexText(root: string, plans: readonly Plan[] = allPlans()): Promise<string> {
  const sections: string[] = [];
  for (const [track, title] of Object.entries(tracks)) {
    const mine = plans.filter((plan) => plan.track === track);
    if (mine.length === 0) continue;
    const rows: string[][] = [];
    for (const plan of mine) rows.push(await planRow(plan, root));
    const notes = mine.flatMap((plan) => (plan.notes ?? []).map((note) => `- \`${plan.name}\`: ${note}`));
    sections.push(`## ${title}`, table(['Folder', 'Question', 'Command', 'Runs', 'Machine'], rows));
    if (notes.length > 0) sections.push(notes.join('\n'));
  }
  return `${[
    '# Results',
    `Made by \`npm run gora -- results\`; edit the plans, not this file. Every number comes from the run records in
\`records/<task>/\`, one JSON file a run, and every table and chart is made from them. A command runs only what is
missing: with all records here it writes the same tables. Tasks on real data want \`--data-dir DIR\` or \`GORA_DATA\`.`,
    ...sections,
    '## Other folders',
    table(['Folder', 'What', 'Command', 'Files'], otherRows(root, plans)),
    '## Files of a comparison',
    table(['File', 'Shows'], fileRows(root, plans)),
    `\`npm run gora -- table NAME --trace\` lists the record files behind each cell; \`--format\` writes Markdown, LaTeX, CSV
or HTML, and \`npm run gora -- chart NAME --format\` SVG, PNG, PDF or HTML.`,
    '## How to read them',
    `- Learning rates were chosen for each method on validation data, one tuning run a rate (its seed is not among the
  results), unless a title says that the rate is fixed; tuning runs never see the test set.
- All methods of a comparison see the same base, head, data order, steps, batch and schedule under one seed.
- ± is the sample standard deviation over seeds; one run has none. Bold is better than the baseline after Holm's
  correction of the paired t tests of its table, not merely higher. With three seeds Wilcoxon's test cannot fall
  below p = 0.25, with five below 0.0625: it is printed as a second opinion, not as the judge.
- Published figures stand in tables of their own; they are of other models and data.
- The sweeps ran with one thread each, side by side; times in the records are of that, \`bench/\` was measured alone.`,
  ].join('\n\n')}\n`;
}

export async function resultsCommand(args: string[]): Promise<number> {
  const { values } = parse(args, { out: { type: 'string' } });
  const root = values.out ?? outFolder('');
  const path = join(root, 'README.md');
  writeFileAtomic(path, await indexText(root));
  process.stdout.write(`${path}\n`);
  return 0;
}
