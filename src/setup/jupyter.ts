/** Jupyter for the notebooks: a `.venv` of the project's own, so that nothing global is touched. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { jupyter, pythonCommand } from './machine';
import type { NativeResult } from './native';
import { lastComplaint, probe, run } from './run';

const DEBIAN = 'Debian and Ubuntu have it as `apt-get install jupyter-notebook`';

/** Whether a Jupyter that starts is found. */
export function checkJupyter(root: string): NativeResult {
  const found = jupyter(root);
  const version = found && probe(found, ['--version']);
  if (!version) return { ok: false, line: `Jupyter is not here: npm run setup -- --jupyter-only; or ${DEBIAN}` };
  return { ok: true, line: `Jupyter runs from ${found}` };
}

/** Installs jupyterlab into `.venv` unless a Jupyter runs already. */
export async function setupJupyter(root: string, say: (line: string) => void): Promise<NativeResult> {
  const before = checkJupyter(root);
  if (before.ok) return before;
  const python = pythonCommand();
  if (python === null) return { ok: false, line: `Jupyter needs python3; ${DEBIAN}` };
  const venv = join(root, '.venv');
  const inside = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(inside) || probe(inside, ['-m', 'pip', '--version']) === null) {
    say('making .venv');
    rmSync(venv, { recursive: true, force: true });
    const made = await run(python, ['-m', 'venv', venv], { limitMs: 5 * 60_000 });
    if (!made.ok) {
      rmSync(venv, { recursive: true, force: true });
      return { ok: false, line: `no .venv (${lastComplaint(made.output)}); ${DEBIAN}` };
    }
  }
  say('pip: jupyterlab into .venv');
  const options = ['--quiet', '--retries', '1', '--timeout', '20', '--disable-pip-version-check'];
  const outcome = await run(inside, ['-m', 'pip', 'install', ...options, 'jupyterlab'], {
    limitMs: 30 * 60_000,
    onWait: (seconds) => say(`pip: still at it, ${seconds} s`),
  });
  if (!outcome.ok) return { ok: false, line: `no jupyterlab (${lastComplaint(outcome.output)}); ${DEBIAN}` };
  return checkJupyter(root);
}
