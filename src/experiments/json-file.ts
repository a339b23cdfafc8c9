/** JSON files of a known form: records, studies, measured costs. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { messageOf, UserError } from '../errors';

/** What messages call a file. */
export interface FileKind {
  /** After "cannot read the": `record`. */
  readonly name: string;
  /** After "is not": `a run record`. */
  readonly form: string;
  /** What to do where it cannot be read. */
  readonly remedy?: string;
}

/** The content of a JSON file. @throws UserError naming the file, and the field when it is of another form. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>, { name, form, remedy }: FileKind): T {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`cannot read the ${name} ${path}: ${messageOf(error)}${remedy ? `. ${remedy}` : ''}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${path} is not ${form}: field "${issue.path.join('.')}": ${issue.message}`);
}
