/** JSON files of a known form: records, studies, measured costs. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
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

/** The content of a JSON file. @throws UserError naming the file, the field when it is of another form, and the remedy. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>, { name, form, remedy }: FileKind): T {
  const then = remedy ? `. ${remedy}` : '';
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`cannot read the ${name} ${path}: ${messageOf(error)}${then}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`${path} is not ${form}: field "${issue.path.join('.')}": ${issue.message}${then}`);
}

/**
 * A JSON file named after the `id` inside: `<id>.json`, or `<id>.<anything>.json`.
 * @throws UserError as `readJsonFile`, and when the file has another's name.
 */
export function readIdFile<T extends { readonly id: string }>(path: string, schema: z.ZodType<T>, kind: FileKind): T {
  const found = readJsonFile(path, schema, kind);
  const file = basename(path);
  if (file.startsWith(`${found.id}.`)) return found;
  throw new UserError(
    `${path} holds the ${kind.name} ${found.id}, not ${file.split('.')[0]}, as its name says. Name it ${found.id}.json if that is missing, else delete it`,
  );
}
