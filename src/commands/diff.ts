/** `gora diff`: what differs between two adapters, models or records. */
import { UserError } from '../errors';
import { type Diff, diffPlaces } from '../experiments/diff';
import { columns } from './columns';
import { type CommandHelp, parseWithHelp } from './help';

const options = { all: { type: 'boolean' }, json: { type: 'boolean' } } as const;

const help: CommandHelp<typeof options> = {
  usage: 'A B [options]',
  about: [
    'A and B are two adapters (PEFT folders), two models (folders, .safetensors, .gguf) or two records (ids or files).',
    'Adapters are compared by what they do, s·B·A, so other factors of the same change are no difference.',
    'Exit code 0 where nothing differs, 2 where something does.',
  ].join('\n'),
  options: {
    all: ['', 'list every difference; default the first 30'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: ['diff adapter-a adapter-b', 'diff glyphs-gora-s1-03b5c7d2 glyphs-lora-s1-9e1f6a35'],
};

const MOST_ROWS = 30;
const MOST_TEXT = 48;
const cut = (text: string): string => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text);

function percent(difference: number | null): string {
  if (difference === null) return '';
  if (!Number.isFinite(difference)) return 'not finite';
  return difference < 0.001 ? `${(100 * difference).toExponential(1)} %` : `${(100 * difference).toFixed(1)} %`;
}

/** What a person reads. */
export function diffText(a: string, b: string, { kind, rows, onlyA, onlyB, equal }: Diff, most = MOST_ROWS): string {
  const only = (where: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [`only in ${where}: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`];
  if (rows.length + onlyA.length + onlyB.length === 0)
    return `the two ${kind} are the same in all ${equal} things compared`;
  const list = rows.slice(0, most).map((row) => [row.what, cut(row.a), cut(row.b), percent(row.difference)]);
  return [
    ...(list.length > 0 ? [columns([['what', 'A', 'B', 'difference'], ...list])] : []),
    ...(rows.length > most ? [`  … and ${rows.length - most} more: --all lists them`] : []),
    ...only(a, onlyA),
    ...only(b, onlyB),
    `${equal} things are the same`,
  ].join('\n');
}

export async function diffCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseWithHelp('diff', args, options, help, 2);
  const [a, b] = positionals;
  if (!a || !b) throw new UserError('diff needs two things to compare: folders, files of weights, or records');
  const found = diffPlaces(a, b);
  process.stdout.write(
    values.json
      ? `${JSON.stringify(found)}\n`
      : `${diffText(a, b, found, values.all ? Number.POSITIVE_INFINITY : MOST_ROWS)}\n`,
  );
  return found.rows.length + found.onlyA.length + found.onlyB.length > 0 ? 2 : 0;
}
