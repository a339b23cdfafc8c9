/** Records on disk: one JSON file a run, written atomically. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/atomic';
import { prepareFolder } from './folders';
import { type FileKind, readIdFile } from './json-file';
import { packRecord, type RunRecord, recordSchema } from './record';

const width = 120;

/** JSON with one line for whatever is flat (a list of numbers, an evaluation) or short, the rest indented. */
export function compactJson(value: unknown, indent = ''): string {
  const line = JSON.stringify(value);
  if (line === undefined || value === null || typeof value !== 'object') return line ?? 'null';
  const children = Object.values(value);
  const flat = children.every((child) => child === null || typeof child !== 'object');
  if (children.length === 0 || (indent && (flat || line.length <= width))) return line;
  const inner = `${indent} `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const rows = Array.isArray(value)
    ? value.map((child) => inner + compactJson(child, inner))
    : Object.entries(value)
        .filter(([, child]) => child !== undefined)
        .map(([key, child]) => `${inner}${JSON.stringify(key)}: ${compactJson(child, inner)}`);
  return `${open}\n${rows.join(',\n')}\n${indent}${close}`;
}

/**
 * Writes a record as `<dir>/<id>.json` and returns the path. A cancelled or failed record never replaces a
 * completed one: it goes beside it as `<id>.<status>.json`.
 */
export function writeRecord(dir: string, record: RunRecord): string {
  prepareFolder(dir);
  const keep = record.status !== 'completed' && findRecord(dir, record.id) !== null;
  const path = join(dir, keep ? `${record.id}.${record.status}.json` : `${record.id}.json`);
  writeFileAtomic(path, `${compactJson(packRecord(record))}\n`);
  return path;
}

const KIND: FileKind = { name: 'record', form: 'a run record', remedy: 'Delete it, and the run is done again' };

/** @throws UserError naming the file and the field when it is not a record, and both ids when it is another's. */
export function readRecord(path: string): RunRecord {
  return readIdFile(path, recordSchema, KIND);
}

/** All records of a folder and its subfolders, by id. A missing folder holds none. */
export function readRecords(dir: string): RunRecord[] {
  if (!existsSync(dir)) return [];
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((f) =>
    /-s\d+-[0-9a-f]{8}\.json$/.test(f),
  );
  return files.sort().map((file) => readRecord(join(dir, file)));
}

/** The record of that id in the folder if it is there and completed, or of the other kind that is wanted. */
export function findRecord(
  dir: string,
  id: string,
  wanted: (record: RunRecord) => boolean = () => false,
): RunRecord | null {
  const path = join(dir, `${id}.json`);
  if (!existsSync(path)) return null;
  const record = readRecord(path);
  return record.status === 'completed' || wanted(record) ? record : null;
}
