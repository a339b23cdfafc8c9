/** From a request (task, method, seed, settings) to a fully resolved spec. */
import { createHash } from 'node:crypto';
import { UserError } from '../errors';
import { currentNames, recordedNames } from '../methods/method';
import { findMethod } from '../methods/registry';
import { findTask } from '../tasks';
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

/**
 * Resolves every default: schema < task < method < the request.
 * @throws UserError naming an unknown task, method, model or option, or a value out of range.
 */
export function resolveSpec(request: RunRequest): RunSpec {
  const task = findTask(request.task);
  const method = findMethod(request.method);
  const model = request.model ?? task.models[0];
  // a folder, a file or a name on the hub may fit; a name of the kit fits where the task says so
  if (!task.models.includes(model) && !/[/\\.:]/.test(model)) {
    throw new UserError(
      `task ${task.name} has no model "${model}". Models: ${task.models.join(', ')}, or a folder, a .gguf, hf:owner/name`,
    );
  }
  if (!Number.isSafeInteger(request.seed) || request.seed < 0) {
    throw new UserError(`seed must be an integer ≥ 0, not ${request.seed}`);
  }
  const groups = { training: trainingSchema, method: method.options, task: task.options };
  const sorted = sortSettings(currentNames(method, request.set ?? {}), groups);
  const learningRate = task.learningRates?.[method.name];
  const training = {
    ...task.training,
    ...method.training,
    ...(learningRate === undefined ? {} : { lr: learningRate }),
    ...sorted.training,
  };
  const methodOptions = parseOptions(method.options, sorted.method, `method ${method.name}`) as Record<string, unknown>;
  return {
    task: task.name,
    model,
    method: method.name,
    seed: request.seed,
    training: parseOptions(trainingSchema, training, 'training'),
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
