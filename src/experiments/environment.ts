/** Where a run happened. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../project';
import type { BackendInfo } from '../tensor/backend';

function commitOf(root: string): string | null {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '--', 'src') ? '+' : '');
  } catch {
    return null; // not a git checkout
  }
}

/** Versions, device and machine; a `+` after the commit means that sources were changed since. */
export function environmentOf(backend: BackendInfo): Record<string, string | number | boolean | null> {
  const root = projectRoot();
  const kit = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version as string;
  return {
    kit,
    commit: commitOf(root),
    node: process.versions.node,
    tfjs: backend.versions.tfjs,
    tensorflow: backend.versions.tensorflow,
    backend: backend.name,
    device: backend.device,
    threads: backend.threads,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()}-${arch()}`,
  };
}
