/** `key=value` settings of a run, sorted into training, method and task options and checked. */
import { z } from 'zod';
import { UserError } from '../errors';

export { parseOptions } from '../methods/options';

type Settings = Record<string, unknown>;

/** The object inside a schema, also behind a transform. */
function objectOf(schema: z.ZodType): z.ZodObject {
  if (schema instanceof z.ZodObject) return schema;
  if (schema instanceof z.ZodPipe) return objectOf(schema.in as z.ZodType);
  throw new Error('options must be a zod object');
}

/** Names of a schema's options. */
export const optionKeys = (schema: z.ZodType): string[] => Object.keys(objectOf(schema).shape);

/** Name, default and description of every option, for help texts. */
export function describeOptions(schema: z.ZodType): { key: string; value: string; text: string }[] {
  return Object.entries(objectOf(schema).shape).map(([key, field]) => {
    const parsed = (field as z.ZodType).safeParse(undefined);
    const value = parsed.success && parsed.data !== undefined ? String(parsed.data) : '';
    return { key, value, text: (field as z.ZodType).description ?? '' };
  });
}

/** `8` → 8, `true` → true, everything else stays text. */
export function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/**
 * Gives every setting to the group that knows its key.
 * @throws UserError on a key that none knows, listing all.
 */
export function sortSettings<G extends string>(settings: Settings, groups: Record<G, z.ZodType>): Record<G, Settings> {
  const names = Object.keys(groups) as G[];
  const sorted = Object.fromEntries(names.map((group) => [group, {} as Settings])) as Record<G, Settings>;
  for (const [key, value] of Object.entries(settings)) {
    const owner = names.find((group) => optionKeys(groups[group]).includes(key));
    if (!owner) {
      const known = names.map((group) => `${group}: ${optionKeys(groups[group]).join(', ') || 'none'}`).join('\n  ');
      throw new UserError(`unknown option "${key}". Options by group:\n  ${known}`);
    }
    (sorted[owner] as Settings)[key] = value;
  }
  return sorted;
}
