/** From a request (task, method, seed, settings) to a fully resolved spec. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { UserError } from '../errors';
import { isHubName, knownModels } from '../hub';
import { currentNames, recordedNames } from '../methods/method';
import { checkNf4 } from '../methods/nf4-base';
import { findMethod } from '../methods/registry';
import { cardOf } from '../models/cards';
import { findTask } from '../tasks';
import type { Task } from '../tasks/task';
import { trainingSchema } from '../training/options';
import { parseOptions, sortSettings } from './options';
import type { RunSpec } from './record';

/** What a person asks for. */
export interface RunRequest {
  readonly task: string;
  readonly method: string;
  readonly model?: string;
  readonly seed: number;
  /** Settings by name: training, method and task options in one bag. */
  readonly set?: Readonly<Record<string, unknown>>;
}

/** @throws UserError when there is no such model, or it is one of the kit's small bases and the task is another one's. */
function checkModel(task: Task, model: string | undefined): asserts model is string {
  if (model === undefined)
    throw new UserError(`task ${task.name} needs a model: name a folder, a .gguf or hf:owner/name`);
  if (task.models.includes(model)) return;
  const isKnown = knownModels.some(({ name }) => name === model);
  const fits = isKnown || isHubName(model) || existsSync(model) || (cardOf(model) && task.models.length === 0);
  if (fits) return;
  const own = task.models.length > 0 ? `${task.models.join(', ')}; or ` : '';
  throw new UserError(
    `task ${task.name} has no model "${model}". Models: ${own}a folder, a .gguf, hf:owner/name, ${knownModels.map(({ name }) => name).join(', ')}`,
  );
}

/**
 * @param what the name of what holds the seed.
 * @param shown the value as the person wrote it.
 * @throws UserError with the rule for seeds.
 */
export function checkSeed(
  seed: unknown,
  what: string,
  shown = typeof seed === 'string' ? `the text ${JSON.stringify(seed)}: give a number` : String(seed),
): number {
  if (typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) return seed;
  const rule = Number.isInteger(seed) && Number(seed) > 0 ? 'an integer below 2⁵³' : 'an integer ≥ 0';
  throw new UserError(`${what} must be ${rule}, not ${shown}`);
}

/**
 * Resolves every default: schema < task < method < the request.
 * @throws UserError naming an unknown task, method, model or option, or a value out of range.
 */
export function resolveSpec(request: RunRequest): RunSpec {
  const task = findTask(request.task);
  const method = findMethod(request.method);
  const model = request.model ?? task.models[0];
  checkModel(task, model);
  checkSeed(request.seed, 'seed');
  const groups = { training: trainingSchema, method: method.options, task: task.options };
  const sorted = sortSettings(currentNames(method, request.set ?? {}), groups);
  const learningRate = task.learningRates?.[method.name];
  const training = {
    ...task.training,
    ...method.training,
    ...(learningRate === undefined ? {} : { lr: learningRate }),
    ...sorted.training,
  };
  const parsed = parseOptions(trainingSchema, training, 'training');
  if (parsed.base === 'nf4') checkNf4(method);
  const methodOptions = parseOptions(method.options, sorted.method, `method ${method.name}`) as Record<string, unknown>;
  return {
    task: task.name,
    model,
    method: method.name,
    seed: request.seed,
    training: parsed,
    methodOptions: recordedNames(method, methodOptions),
    taskOptions: parseOptions(task.options, sorted.task, `task ${task.name}`) as Record<string, unknown>,
  };
}

/** JSON with sorted keys, so that equal specs have equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

/** `<task>-<method>-s<seed>-<8 hex digits>`: names the record and its file. */
export function recordId(spec: RunSpec): string {
  const hash = createHash('sha256').update(canonical(spec)).digest('hex').slice(0, 8);
  return `${spec.task}-${spec.method}-s${spec.seed}-${hash}`;
}
