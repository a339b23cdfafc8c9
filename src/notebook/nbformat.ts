/** The notebook file (nbformat 4.5): read and checked, and written as Jupyter itself writes it, so that diffs stay small. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, UserError } from '../errors';
import { writeFileAtomic } from '../formats/atomic';
import type { MimeBundle } from './events';

const text = z.union([z.string(), z.array(z.string())]);
const count = z.int().nonnegative().nullable();
const bundle = z.record(z.string(), z.unknown());
const object = z.record(z.string(), z.unknown());

const outputSchema = z.discriminatedUnion('output_type', [
  z.strictObject({ output_type: z.literal('stream'), name: z.enum(['stdout', 'stderr']), text }),
  z.strictObject({ output_type: z.literal('display_data'), data: bundle, metadata: object }),
  z.strictObject({
    output_type: z.literal('execute_result'),
    data: bundle,
    metadata: object,
    execution_count: count,
  }),
  z.strictObject({
    output_type: z.literal('error'),
    ename: z.string(),
    evalue: z.string(),
    traceback: z.array(z.string()),
  }),
]);

const cellFields = {
  id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, - or _'),
  metadata: object,
  source: text,
};
const attachments = z.record(z.string(), bundle).optional();

const notebookSchema = z.looseObject({
  nbformat: z.literal(4),
  nbformat_minor: z.int().nonnegative(),
  metadata: object,
  cells: z.array(
    z.discriminatedUnion('cell_type', [
      z.strictObject({ ...cellFields, cell_type: z.literal('markdown'), attachments }),
      z.strictObject({ ...cellFields, cell_type: z.literal('raw'), attachments }),
      z.strictObject({
        ...cellFields,
        cell_type: z.literal('code'),
        execution_count: count,
        outputs: z.array(outputSchema),
      }),
    ]),
  ),
});

export type Notebook = z.infer<typeof notebookSchema>;
export type Cell = Notebook['cells'][number];
export type CodeCell = Extract<Cell, { cell_type: 'code' }>;
export type Output = z.infer<typeof outputSchema>;

/** Text that the format allows as one string or as lines. */
export function joined(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join('');
}

/**
 * Checks a notebook's text; cells of formats before 4.5 receive ids.
 * @throws UserError naming `file`, the place inside (`cells[3].source`) and what was expected there.
 */
export function parseNotebook(content: string, file: string): Notebook {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (cause) {
    throw new UserError(`${file} is not a notebook: invalid JSON (${messageOf(cause)})`, { cause });
  }
  const { nbformat, nbformat_minor } = (json ?? {}) as { nbformat?: unknown; nbformat_minor?: unknown };
  if (nbformat !== 4) {
    const found = nbformat === undefined ? 'nothing' : JSON.stringify(nbformat);
    throw new UserError(`${file}: nbformat: expected 4, found ${found}; open and save it in a current Jupyter`);
  }
  if (typeof nbformat_minor === 'number' && nbformat_minor < 5) json = withIds(json as Notebook);
  const parsed = notebookSchema.safeParse(json);
  if (!parsed.success) {
    const issue = deepest(parsed.error.issues[0]!);
    throw new UserError(`${file}: ${placeOf(issue.path)}: ${issue.message}`);
  }
  const seen = new Set<string>();
  for (const [index, { id }] of parsed.data.cells.entries()) {
    if (seen.has(id)) throw new UserError(`${file}: cells[${index}].id: "${id}" is already another cell's`);
    seen.add(id);
  }
  return parsed.data;
}

/** The text of a notebook file. @throws UserError when it cannot be read. */
export function readNotebookText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UserError(`cannot read notebook ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** Reads and checks a notebook. @throws UserError also when the file cannot be read. */
export function readNotebook(file: string): Notebook {
  return parseNotebook(readNotebookText(file), file);
}

/** Ids that depend on place and text alone, so that reading twice gives the same notebook. */
function withIds(notebook: Notebook): Notebook {
  if (!Array.isArray(notebook.cells)) return notebook;
  const cells = notebook.cells.map((cell, index) => {
    if (typeof cell !== 'object' || cell === null || cell.id !== undefined) return cell;
    const id = createHash('sha256')
      .update(`${index}\n${JSON.stringify(cell.source)}`)
      .digest('hex')
      .slice(0, 8);
    return { ...cell, id };
  });
  return { ...notebook, nbformat_minor: 5, cells };
}

type Issue = { path: readonly PropertyKey[]; message: string };

/** The issue inside a union that says most: the one of the alternative that got furthest. */
function deepest(issue: z.core.$ZodIssue): Issue {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue;
  const inner = issue.errors.flat().map((one) => deepest(one));
  const best = inner.reduce((a, b) => (b.path.length > a.path.length ? b : a));
  if (best.path.length > 0) return { path: [...issue.path, ...best.path], message: best.message };
  return { path: issue.path, message: inner.map((one) => one.message).join(', or ') };
}

function placeOf(parts: readonly PropertyKey[]): string {
  const place = parts.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return place.replace(/^\./, '') || 'notebook';
}

/** The file's text as Jupyter writes it: sorted keys, one space of indentation, texts split into lines. */
export function notebookText(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => {
    const source = lines(joined(cell.source));
    return cell.cell_type === 'code'
      ? { ...cell, source, outputs: cell.outputs.map(splitOutput) }
      : { ...cell, source };
  });
  return `${JSON.stringify(sorted({ ...notebook, cells }), null, 1)}\n`;
}

/** Writes the notebook whole or not at all. */
export function writeNotebook(file: string, notebook: Notebook): void {
  writeFileAtomic(file, notebookText(notebook));
}

function splitOutput(output: Output): Output {
  if (output.output_type === 'stream') return { ...output, text: lines(joined(output.text)) };
  if (output.output_type === 'error') return output;
  return { ...output, data: splitBundle(output.data) };
}

function splitBundle(data: MimeBundle): MimeBundle {
  const isText = (type: string) => /^text\/|^image\/svg\+xml$|^application\/javascript$/.test(type);
  return Object.fromEntries(
    Object.entries(data).map(([type, value]) => [
      type,
      isText(type) && typeof value === 'string' ? lines(value) : value,
    ]),
  );
}

/** Lines with their line ends; no last empty one. */
function lines(value: string): string[] {
  const found: string[] = [];
  for (let from = 0; from < value.length; ) {
    const end = value.indexOf('\n', from) + 1 || value.length;
    found.push(value.slice(from, end));
    from = end;
  }
  return found;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
