/** The adapter of a recorded run. Records keep no weights, so the run is repeated; the same seed gives the same bits. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { checkNewFolder } from '../formats/whole-folder';
import { resultsFolder } from '../project';
import type { TrainingProgress } from '../training/train';
import { type FolderOptions, writeAdapterFolder } from './adapter-folder';
import type { RunRecord } from './record';
import { RunFailed, runExperiment } from './run';
import { type RunRequest, recordId, resolveSpec } from './spec';
import { readRecord } from './store';

/** The file of a record: a path, or an id that stands somewhere below the results. @throws UserError when there is none. */
export function findRecordFile(name: string, folder = resultsFolder()): string {
  if (existsSync(name)) return name;
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const found = files.filter((file) => basename(file) === `${name}.json`).sort();
  if (found.length > 0) return join(folder, found[0]);
  throw new UserError(
    `no record "${name}": it is no file, and there is none of that id below ${folder}. \`gora run\` prints the path of its record`,
  );
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * What has to be asked for to get a record's run again: only what differs from the defaults, as a person would.
 * @throws UserError when this version of the kit makes another run of it.
 */
export function requestOf({ id, spec }: RunRecord): RunRequest {
  const { task, method, model, seed } = spec;
  const bare = { task, method, model, seed };
  const usual = resolveSpec(bare);
  const groups = ['training', 'methodOptions', 'taskOptions'] as const;
  const set = Object.fromEntries(
    groups.flatMap((group) =>
      Object.entries(spec[group]).filter(
        ([key, value]) => !same(value, (usual[group] as Record<string, unknown>)[key]),
      ),
    ),
  );
  const request = { ...bare, set };
  const now = recordId(resolveSpec(request));
  if (now === id) return request;
  throw new UserError(
    `the record ${id} cannot be repeated: with these settings this version of the kit runs ${now}. Run it anew with \`gora run --save DIR\``,
  );
}

export interface ExportOptions extends FolderOptions {
  readonly dataDir: string;
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export interface Exported {
  /** The record of the repeated run. */
  readonly record: RunRecord;
  /** Its metrics are those of the record, to the last digit. */
  readonly same: boolean;
}

/**
 * Repeats a recorded run and writes its trained adapter.
 * @throws UserError when the folder is there already, the run cannot be repeated, or has no adapter.
 */
export async function exportAdapter(record: RunRecord, options: ExportOptions): Promise<Exported> {
  const { folder, dataDir, signal, onProgress } = options;
  if (record.ranks === null) {
    throw new UserError(
      `${record.id} trained the weights themselves (${record.spec.method}): it has no adapter to export`,
    );
  }
  checkNewFolder(folder);
  try {
    const again = await runExperiment(requestOf(record), {
      dataDir,
      signal,
      onProgress,
      onTrained: async (task, adapters) => {
        const source = { source: record.spec.model, found: task.folder };
        await writeAdapterFolder(adapters, task.model, folder, source, options);
      },
    });
    return { record: again, same: same(again.metrics, record.metrics) };
  } catch (error) {
    throw error instanceof RunFailed ? error.cause : error;
  }
}

/** A record by id or file. */
export const recordNamed = (name: string): RunRecord => readRecord(findRecordFile(name));
