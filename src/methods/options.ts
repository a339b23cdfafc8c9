/** Options that most methods share, with their defaults; and how any options are checked. */
import { z } from 'zod';
import { UserError } from '../errors';

/** Smallest and largest number above 0 that float32 holds at full precision. */
const [LEAST, MOST] = [2 ** -126, (2 - 2 ** -23) * 2 ** 127];

/** A number above 0 that is one in float32 too, where everything is computed: no 0, no infinity. */
export const positiveFloat = z
  .number()
  .positive()
  .refine((value) => value >= LEAST && value <= MOST, 'must lie within float32, from 1.2e-38 to 3.4e38');

export const rankOption = z.int().positive().default(8).describe('rank r (GoRA: reference rank)');
export const alphaOption = positiveFloat.default(16).describe('α of the scale α/r or α/√r');

/** Parses a schema. @throws UserError that names the first bad option. */
export function parseOptions<S extends z.ZodType>(schema: S, settings: unknown, what: string): z.output<S> {
  const result = schema.safeParse(settings);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = issue.path.join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : '');
  throw new UserError(`${what}: option "${key}": ${issue.message}`);
}
