/** A throw-away copy of the project whose node_modules is as `npm ci` leaves it: the native package has no binding. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { projectRoot } from '../../src/project';
import { tempDir } from '../support/temp';

const ROOT = projectRoot();
const TSX = require.resolve('tsx');

export interface Child {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a TypeScript or JavaScript expression in a fresh process, from a project's root. */
export function runFresh(root: string, program: string, env: NodeJS.ProcessEnv = {}): Child {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', TSX, '-e', program], {
    cwd: root,
    env: { ...process.env, GORA_BACKEND: '', ...env },
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

/** The copy: real sources, linked packages, and the native package copied without its `lib`. */
export function freshProject(t: TestContext): string {
  const root = join(tempDir(t), 'a project with spaces');
  const modules = join(root, 'node_modules');
  mkdirSync(join(modules, '@tensorflow'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  for (const part of ['errors.ts', 'project.ts', 'processes', 'tensor', 'setup']) {
    cpSync(join(ROOT, 'src', part), join(root, 'src', part), { recursive: true });
  }
  for (const from of [join(ROOT, 'node_modules'), join(ROOT, 'node_modules', '@tensorflow')]) {
    const to = from.replace(join(ROOT, 'node_modules'), modules);
    for (const name of readdirSync(from)) {
      if (name === '@tensorflow' || name === 'tfjs-node-gpu' || name.startsWith('.package')) continue;
      symlinkSync(join(from, name), join(to, name));
    }
  }
  const pkg = join(ROOT, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
  cpSync(pkg, join(modules, '@tensorflow', 'tfjs-node-gpu'), {
    recursive: true,
    filter: (path) => !/tfjs-node-gpu\/(lib|deps|src)(\/|$)/.test(path),
  });
  return root;
}

/** Gives a fresh project the native build of this checkout. @returns false, and nothing done, when there is none. */
export function lendNative(root: string): boolean {
  const home = join(ROOT, '.native');
  if (!existsSync(join(home, 'current.json'))) return false;
  mkdirSync(join(root, '.native'));
  for (const name of readdirSync(home)) {
    if (lstatSync(join(home, name)).isDirectory()) symlinkSync(join(home, name), join(root, '.native', name));
    else cpSync(join(home, name), join(root, '.native', name));
  }
  return true;
}
