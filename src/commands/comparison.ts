/** What the commands on comparisons share: which plan, where its records and its results lie. */
import { join, relative } from 'node:path';
import { UserError } from '../errors';
import { type Plan, quick, withSeeds } from '../experiments/plan';
import { type PlanOnDisk, readPlan } from '../experiments/plan-runs';
import { findPlan } from '../experiments/plans';
import { outFolder, recordsFolder } from './args';

/** A plan with the folder of its tables and charts, and the folder of the records of all tasks. */
export interface Comparison {
  readonly plan: Plan;
  readonly folder: string;
  readonly records: string;
  /** The command that fills it. */
  readonly command: string;
}

/** The options that name a comparison. */
export interface ComparisonOptions {
  readonly quick?: boolean;
  readonly seeds?: string;
  /** Folder of a comparison kept outside `results/`; its records lie in `records/` inside. */
  readonly folder?: string;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new UserError(`--seeds must be an integer ≥ 1, not "${text}"`);
  return count;
}

/**
 * The comparison of a name. Cut down, it lives in `results/quick/`, whose records no table of the papers reads.
 * @throws UserError for an unknown name or a wrong number of seeds.
 */
export function comparisonOf(name: string, options: ComparisonOptions = {}): Comparison {
  const found = options.quick ? quick(findPlan(name)) : findPlan(name);
  const plan = options.seeds === undefined ? found : withSeeds(found, parseCount(options.seeds));
  const inside = options.quick ? outFolder(join('quick', name)) : outFolder(plan.name);
  const flags = [options.quick ? ' --quick' : '', options.seeds ? ` --seeds ${options.seeds}` : ''];
  return {
    plan,
    folder: options.folder ?? inside,
    records: options.quick && !options.folder ? outFolder(join('quick', 'records')) : recordsFolder(options.folder),
    command: `npm run gora -- reproduce ${name}${flags.join('')}${options.folder ? ` --out ${options.folder}` : ''}`,
  };
}

/**
 * The comparison's results from its records; runs nothing.
 * @throws UserError when runs are missing and `partial` is not set, or when there is none at all.
 */
export async function readComparison({ plan, records, command }: Comparison, partial = false): Promise<PlanOnDisk> {
  const found = await readPlan(plan, records);
  if (found.outcomes.length === 0 || (found.done < found.total && !partial)) {
    const some = found.outcomes.length > 0;
    const rest = some ? ', or add --partial to use those there are' : '';
    throw new UserError(
      `${plan.name}: ${found.done} of ${found.total} runs are in ${relative(process.cwd(), records) || records}. ` +
        `${some ? 'Run the others' : 'Make them'} with \`${command}\`${rest}`,
    );
  }
  return found;
}

/** Options of the commands that show a comparison: spread into their own. */
export const showOptions = {
  format: { type: 'string' },
  partial: { type: 'boolean' },
  quick: { type: 'boolean' },
  seeds: { type: 'string' },
  from: { type: 'string' },
  out: { type: 'string' },
} as const;

/** Values of `showOptions`. */
interface Shown {
  readonly format?: string;
  readonly partial?: boolean;
  readonly quick?: boolean;
  readonly seeds?: string;
  readonly from?: string;
}

/**
 * The comparison that a command shows, with its results and the format asked for.
 * @param usual the format where none is asked for.
 * @throws UserError without a name, for an unknown format, and as `comparisonOf` and `readComparison` do.
 */
export async function openComparison<F extends string>(
  what: 'table' | 'chart',
  name: string | undefined,
  formats: readonly F[],
  usual: F,
  { format = usual, partial, quick, seeds, from }: Shown,
): Promise<{ name: string; format: F; comparison: Comparison; result: PlanOnDisk }> {
  if (name === undefined) throw new UserError(`${what} of what? \`gora reproduce --list\` shows the comparisons`);
  const known = formats.find((one) => one === format);
  if (!known) throw new UserError(`--format ${format} is unknown: use ${formats.join(', ')}`);
  const comparison = comparisonOf(name, { quick, seeds, folder: from });
  return { name, format: known, comparison, result: await readComparison(comparison, partial) };
}
