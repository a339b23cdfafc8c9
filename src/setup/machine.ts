/** What this machine has that the kit can use. Each answer is a version or a path, or null. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../processes/guard';
import { probe } from './run';

/** The first Python 3 on the PATH, by command name. */
export function pythonCommand(): string | null {
  return ['python3', 'python'].find((name) => /^Python 3/.test(probe(name, ['--version']) ?? '')) ?? null;
}

/** First line of the C++ compiler's version, null unless make is there too. */
export function compiler(): string | null {
  const compile = [process.env.CXX ?? 'g++', 'c++', 'clang++'];
  if (probe('make', ['--version']) === null) return null;
  return compile.map((name) => probe(name, ['--version'])).find((line) => line !== null) ?? null;
}

/** Name of the first NVIDIA GPU whose driver answers. */
export function gpuName(): string | null {
  return probe('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader']) || null;
}

/** A program's full path, looked up on the PATH. */
export const onPath = (name: string): string | null => findProgram(name);

/** A Chromium-family browser for rendering charts: `CHROME_PATH`, else one on the PATH. */
export function browser(): string | null {
  if (process.env.CHROME_PATH) return process.env.CHROME_PATH;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge'];
  return names.map(onPath).find((path) => path !== null) ?? null;
}

/** JupyterLab or Jupyter Notebook: the project's own (`.venv`) first, then the PATH. */
export function jupyter(root: string): string | null {
  const names = ['jupyter-lab', 'jupyter-notebook'];
  const own = names.map((name) =>
    process.platform === 'win32' ? join(root, '.venv', 'Scripts', `${name}.exe`) : join(root, '.venv', 'bin', name),
  );
  return own.find((path) => existsSync(path)) ?? names.map(onPath).find((path) => path !== null) ?? null;
}
