/** `gora models verify`: checkpoints against the outputs that another implementation computed from the same files. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { GOLDEN_FILE, TOLERANCE, type Verification, verified, verifyFolder, worstOutput } from '../models/verify';
import { guarded } from '../processes/guard';
import { dataFolder, projectRoot, resultsFolder } from '../project';
import { exportTable } from '../reports/export';
import { saveTable } from '../reports/files';
import type { Cell, Table } from '../reports/table';
import { startBackend } from '../tensor/backend';
import { parse } from './args';

const options = {
  json: { type: 'boolean' },
  out: { type: 'string' },
  tolerance: { type: 'string' },
  one: { type: 'boolean' },
} as const;

/** What transformers took for the same folder. */
interface Peer {
  readonly loadSeconds: number;
  readonly loadMiB: number;
}

interface Row {
  readonly verification: Verification | null;
  readonly error: string | null;
  readonly folder: string;
  readonly peer: Peer | null;
}

/** Folders inside `parent` that can be verified. */
const goldenFolders = (parent: string): string[] =>
  existsSync(parent)
    ? readdirSync(parent)
        .sort()
        .map((name) => join(parent, name))
        .filter((folder) => existsSync(join(folder, GOLDEN_FILE)))
    : [];

/** A fresh process for every folder, so that time and memory are its own. */
function inProcess(folder: string): Pick<Row, 'verification' | 'error'> {
  const cli = join(projectRoot(), 'dist', 'cli.js');
  try {
    const text = execFileSync(...guarded(process.execPath, [cli, 'models', 'verify', folder, '--one']), {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 26,
    });
    return { verification: JSON.parse(text) as Verification, error: null };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return { verification: null, error: (stderr ?? String(error)).trim().replace(/^gora: /, '') };
  }
}

/** Loads the folder with transformers, where `GORA_PYTHON` (default python3) has it. */
function withTransformers(folder: string): Peer | null {
  try {
    const script = join(projectRoot(), 'scripts', 'peer_load.py');
    const text = execFileSync(...guarded(process.env.GORA_PYTHON || 'python3', [script, folder]), {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(text) as Peer;
  } catch {
    return null; // no Python, no transformers, or a class that it does not know
  }
}

const number = (value: number, text: string): Cell => ({ text, numbers: [value] });
const none: Cell = { text: '–' };
const small = (value: number | null) => (value === null ? none : number(value, value.toExponential(1)));

function tableOf(rows: readonly Row[], tolerance: number): Table {
  const float32 = ({ parameters }: Verification) => (4 * parameters) / 2 ** 20;
  const cells = ({ verification: v, error, folder, peer }: Row): Cell[] => {
    const name: Cell = { text: basename(folder) };
    if (!v) return [name, { text: error ?? '' }, ...Array<Cell>(8).fill(none), { text: 'no' }];
    return [
      name,
      { text: v.class },
      number(v.parameters, v.parameters.toLocaleString('en')),
      small(worstOutput(v)),
      small(v.gradients),
      v.greedy ? number(v.greedy.equal, `${v.greedy.equal} of ${v.greedy.of}`) : none,
      number(v.loadSeconds, v.loadSeconds.toFixed(2)),
      number(v.loadMiB, `${v.loadMiB.toFixed(0)} (${float32(v).toFixed(0)})`),
      peer ? number(peer.loadSeconds, peer.loadSeconds.toFixed(2)) : none,
      peer ? number(peer.loadMiB, peer.loadMiB.toFixed(0)) : none,
      { text: verified(v, tolerance) ? 'yes' : 'no' },
    ];
  };
  const right = (title: string, part: string) => ({ title, align: 'right' as const, parts: [part] });
  return {
    name: 'verify',
    title: 'Checkpoints against transformers',
    columns: [
      { title: 'Folder', align: 'left' },
      { title: 'Architecture', align: 'left' },
      right('Weights', 'weights'),
      right('Outputs, largest relative difference', 'outputs'),
      right('Gradient norms', 'gradients'),
      right('Greedy tokens equal', 'tokens'),
      right('Load (s)', 'load'),
      right('Memory while loading, MiB (float32 size)', 'memory'),
      right('transformers: load (s)', 'peerLoad'),
      right('transformers: memory (MiB)', 'peerMemory'),
      { title: `Within ${tolerance}`, align: 'left' },
    ],
    rows: rows.map(cells),
    notes: [
      'Differences are relative to the largest value. A process a folder; memory is the growth of its peak. ' +
        (rows.some(({ peer }) => peer)
          ? 'transformers loads the same folder in a process of its own.'
          : 'No Python with transformers was found to compare with.'),
    ],
  };
}

export async function modelsVerify(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, options, Number.POSITIVE_INFINITY);
  if (values.one) {
    await startBackend();
    process.stdout.write(JSON.stringify(await verifyFolder(positionals[0])));
    return 0;
  }
  const tolerance = Number(values.tolerance ?? TOLERANCE);
  if (!(tolerance > 0)) throw new UserError(`--tolerance takes a number above 0, not "${values.tolerance}"`);
  const given = positionals.flatMap((folder) =>
    existsSync(join(folder, GOLDEN_FILE)) ? [folder] : goldenFolders(folder),
  );
  const folders =
    positionals.length > 0
      ? given
      : [
          ...goldenFolders(join(projectRoot(), 'tests', 'fixtures', 'models')),
          ...goldenFolders(join(dataFolder(), 'models')),
        ];
  if (folders.length === 0) {
    throw new UserError(
      `no folder with a ${GOLDEN_FILE} in ${positionals.join(', ') || 'the data folder'}: name a model's folder, or one that holds such folders`,
    );
  }
  const rows: Row[] = [];
  for (const folder of folders) {
    process.stderr.write(`${basename(folder)} …\n`);
    rows.push({ folder, ...inProcess(folder), peer: withTransformers(folder) });
  }
  const table = tableOf(rows, tolerance);
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : `${exportTable(table, 'text')}\n`);
  if (values.out !== undefined) saveTable(table, values.out === '' ? resultsFolder('models') : values.out);
  return rows.every(({ verification: v }) => v && verified(v, tolerance)) ? 0 : 1;
}
