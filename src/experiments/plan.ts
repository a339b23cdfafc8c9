/**
 * A comparison: variants of methods × cases × seeds, the learning rate of every variant and case chosen on
 * validation data first. A plan is data; `plan-runs.ts` runs it and reads it back from its records.
 */
import { UserError } from '../errors';

type Settings = Readonly<Record<string, unknown>>;

/** Groups of comparisons, in the order that lists show them. */
export const tracks = {
  understanding: 'Language understanding',
  generation: 'Generation',
  'vision-audio': 'Vision and audio',
  gora: 'Parts of GoRA',
  'lora-ga': 'Parts of LoRA-GA',
  convergence: 'Convergence',
  ranks: 'Rank distribution',
  cost: 'Cost and quantisation',
} as const;
export type Track = keyof typeof tracks;

/** A method with settings, under the name that tables show. */
export interface Variant {
  readonly label: string;
  readonly method: string;
  readonly set?: Settings;
  /** Learning rates tried for this variant; default: the plan's. Empty = no tuning: `set.lr`, else the task's own. */
  readonly grid?: readonly number[];
  /** Key of its row in the published table; default: the label, else the method where no other variant has it. */
  readonly published?: string;
}

/** A task with settings, e.g. the speaker held out. */
export interface Case {
  readonly label: string;
  /** Default: the plan's task. */
  readonly task?: string;
  /** Default: the plan's model where the task is the plan's, else the task's first. */
  readonly model?: string;
  readonly set?: Settings;
  /** Case whose validation data chooses the learning rates of this one; default: its own. */
  readonly tunedOn?: string;
}

/** Which tables and figures a plan wants, by the names that the views of the reports are registered under. */
export interface View {
  /** Default: methods (a table per case and the mean where there are several) and learning-rates. */
  readonly tables?: readonly string[];
  /** Default: metric, loss, and ranks where GoRA runs. */
  readonly figures?: readonly string[];
}

export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly track: Track;
  /** Task of the cases that name none. */
  readonly task: string;
  readonly model?: string;
  readonly variants: readonly Variant[];
  readonly cases: readonly Case[];
  readonly seeds: readonly number[];
  /** Learning rates tried for every variant and case; empty = the task's own. */
  readonly grid: readonly number[];
  /** Seed of the tuning runs; not among `seeds`. */
  readonly tuningSeed: number;
  /** Settings of every run; those of the case, then of the variant win. */
  readonly set?: Settings;
  /** Variant that the others are tested against; default `lora`. */
  readonly baseline?: string;
  /** Key of the published table (reports/published.ts) whose figures are printed beside. */
  readonly published?: string;
  readonly view?: View;
  /** Printed under its tables: what was learnt, what was tried, a claim that does not hold here. */
  readonly notes?: readonly string[];
}

/** The learning rates tried for a variant; empty where none is tuned. */
export const gridOf = (plan: Plan, variant: Variant): readonly number[] => variant.grid ?? plan.grid;

/** The case whose validation data chooses the learning rates of another. @throws UserError when it is missing. */
export function tuningCase(plan: Plan, where: Case): Case {
  const found = plan.cases.find((other) => other.label === (where.tunedOn ?? where.label));
  if (!found) throw new UserError(`${plan.name}: case ${where.label} is tuned on ${where.tunedOn}, which is no case`);
  return found;
}

/** Number of runs, tuning included. */
export function countRuns(plan: Plan): number {
  const folds = new Set(plan.cases.map((where) => where.tunedOn ?? where.label)).size;
  const tuning = plan.variants.reduce((sum, variant) => sum + gridOf(plan, variant).length, 0);
  return folds * tuning + plan.variants.length * plan.cases.length * plan.seeds.length;
}

/** @throws UserError naming the plan and what is wrong with it: no or doubled labels, a seed that also tunes. */
export function checkPlan(plan: Plan): void {
  const refuse = (what: string) => {
    throw new UserError(`comparison ${plan.name}: ${what}`);
  };
  const doubled = (labels: readonly string[]) => labels.find((label, i) => labels.indexOf(label) !== i);
  for (const [what, list] of [
    ['variants', plan.variants],
    ['cases', plan.cases],
  ] as const) {
    if (list.length === 0) refuse(`it has no ${what}`);
    const twice = doubled(list.map(({ label }) => label));
    if (twice !== undefined) refuse(`two ${what} are called "${twice}"`);
  }
  if (plan.seeds.length === 0) refuse('it has no seeds');
  if (doubled(plan.seeds.map(String))) refuse('a seed is listed twice');
  if (plan.seeds.includes(plan.tuningSeed)) refuse(`seed ${plan.tuningSeed} tunes and is among the seeds`);
  for (const where of plan.cases) tuningCase(plan, where);
  if (plan.baseline && !plan.variants.some(({ label }) => label === plan.baseline)) {
    refuse(`its baseline ${plan.baseline} is no variant`);
  }
}

/**
 * The plan with its first `count` seeds; more than it has are the next integers, the tuning seed left out. With
 * another number than its own it has another name, so that its tables do not replace the plan's.
 */
export function withSeeds(plan: Plan, count: number): Plan {
  const seeds = plan.seeds.slice(0, count);
  for (let next = Math.max(...plan.seeds) + 1; seeds.length < count; next++) {
    if (next !== plan.tuningSeed) seeds.push(next);
  }
  return { ...plan, name: count === plan.seeds.length ? plan.name : `${plan.name}-${count}-seeds`, seeds };
}

/**
 * Share `part` (from 1) of `parts` by variants, so that several processes can fill one plan side by side. It is for
 * running only: the baseline may be in another share.
 */
export function partOf(plan: Plan, part: number, parts: number): Plan {
  return { ...plan, baseline: undefined, variants: plan.variants.filter((_, i) => i % parts === part - 1) };
}

/** A plan cut down to show that everything works: one case, one seed, no tuning, ten steps at most. */
export function quick(plan: Plan): Plan {
  const short = <T extends { set?: Settings }>(list: readonly T[]): T[] =>
    list.map((one) => {
      const steps = one.set?.steps;
      return typeof steps === 'number' ? { ...one, set: { ...one.set, steps: Math.min(10, steps) } } : one;
    });
  const [first] = plan.cases;
  return {
    ...plan,
    name: `${plan.name}-quick`,
    variants: short(plan.variants).map((variant) => ({ ...variant, grid: [] })),
    cases: short([{ ...first, tunedOn: undefined }]),
    seeds: plan.seeds.slice(0, 1),
    grid: [],
    set: { ...plan.set, steps: 10 },
  };
}
