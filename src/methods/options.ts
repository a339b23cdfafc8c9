/** Options that most methods share, with their defaults; and how any options are checked. */
import { z } from 'zod';
import { UserError } from '../errors';

export const rankOption = z.int().positive().default(8).describe('rank r (GoRA: reference rank)');
export const alphaOption = z.number().positive().default(16).describe('α of the scale α/r or α/√r');

/** Parses a schema. @throws UserError that names the first bad option. */
export function parseOptions<S extends z.ZodType>(schema: S, settings: unknown, what: string): z.output<S> {
  const result = schema.safeParse(settings);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = issue.path.join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : '');
  throw new UserError(`${what}: option "${key}": ${issue.message}`);
}
