/** The npm package's own installer: downloads a prebuilt libtensorflow 2.9.1 and binding, where its host answers. */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { bindingPath } from '../tensor/native';
import { lastComplaint, run } from './run';

/** A host that sends nothing for this long is taken as out of reach. */
const FIRST_BYTES_S = 20;

/**
 * Runs the installer and moves what it brought into `.native/`, where `npm ci` does not reach.
 * @returns the new build folder's name, or `{ why }` in one line.
 */
export async function runInstaller(root: string, home: string, pkg: string): Promise<string | { why: string }> {
  const deps = join(pkg, 'deps');
  const lib = join(pkg, 'lib');
  if (lstatSync(lib, { throwIfNoEntry: false })?.isSymbolicLink()) unlinkSync(lib);
  const bin = join(root, 'node_modules', '.bin');
  const outcome = await run(process.execPath, [join(pkg, 'scripts', 'install.js'), 'gpu', 'download'], {
    cwd: pkg,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
    limitMs: 30 * 60_000,
    giveUp: (seconds) => seconds >= FIRST_BYTES_S && !(existsSync(deps) && readdirSync(deps).length > 0),
  });
  if (!outcome.ok || !existsSync(bindingPath(pkg))) {
    rmSync(deps, { recursive: true, force: true });
    const code = /code: '([A-Z_]+)'/.exec(outcome.output)?.[1];
    return { why: code ? `its download host does not answer (${code})` : lastComplaint(outcome.output) };
  }
  const name = 'installer';
  const folder = join(home, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  renameSync(deps, join(folder, 'deps'));
  renameSync(lib, join(folder, 'lib'));
  return name;
}
