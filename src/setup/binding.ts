/**
 * Compiles the npm package's binding against an unpacked libtensorflow.
 * It is built in a temporary folder (make cannot handle spaces in paths) for one N-API version only:
 * 15 s, where the package's own rebuild makes six in 2.5 min.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bindingPath } from '../tensor/native';
import { buildQuiet } from './quiet';
import { lastComplaint, probe, run } from './run';
import type { Wheel } from './wheel';

/** N-API version of the one binding; every Node ≥ 12.22 has it. */
const NAPI_VERSION = '8';

/** How to start node-gyp: the one that npm ships, else through npx. */
export function nodeGyp(): string[] {
  const inNpm = join('node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const roots: string[] = [];
  if (process.env.npm_execpath) roots.push(dirname(dirname(process.env.npm_execpath)));
  const global = probe('npm', ['root', '-g']);
  if (global) roots.push(join(global, 'npm'));
  const found = roots.map((root) => join(root, inNpm)).find(existsSync);
  return found ? [process.execPath, found] : ['npx', '--yes', 'node-gyp'];
}

/** The prefix that holds `include/node`, or null: node-gyp then downloads the headers. */
export function headerPrefix(): string | null {
  const prefixes = [process.env.npm_config_nodedir, dirname(dirname(realpathSync(process.execPath))), '/usr'];
  return prefixes.find((prefix) => prefix && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) ?? null;
}

/**
 * Builds `<wheel>/lib/napi-v8/tfjs_binding.node`.
 * @param pkg folder of the npm package, whose sources are compiled
 * @returns null when done, else one line that says why not.
 */
export async function buildBinding(wheel: Wheel, pkg: string, say: (line: string) => void): Promise<string | null> {
  const work = mkdtempSync(join(tmpdir(), 'gora-native-'));
  try {
    copyFileSync(join(pkg, 'binding.gyp'), join(work, 'binding.gyp'));
    cpSync(join(pkg, 'binding'), join(work, 'binding'), { recursive: true });
    const tensorflow = join(wheel.folder, 'site', 'tensorflow');
    mkdirSync(join(work, 'deps'));
    symlinkSync(join(tensorflow, 'include'), join(work, 'deps', 'include'));
    symlinkSync(tensorflow, join(work, 'deps', 'lib'));

    const [command, ...first] = nodeGyp();
    const prefix = headerPrefix();
    const output = join(work, 'out');
    const settings = [
      '-Dmodule_name=tfjs_binding',
      `-Dmodule_path=${output}`,
      `-Dnapi_build_version=${NAPI_VERSION}`,
      `-Dnapi_version=${process.versions.napi}`,
    ];
    say('compiling the binding (about 15 s)');
    const args = [...first, 'rebuild', ...(prefix ? [`--nodedir=${prefix}`] : []), '--', ...settings];
    const outcome = await run(command!, args, {
      cwd: work,
      limitMs: 15 * 60_000,
      onWait: (seconds) => say(`compiling: still at it, ${seconds} s`),
    });
    const built = join(output, 'tfjs_binding.node');
    if (!outcome.ok || !existsSync(built)) return `the binding did not compile: ${lastComplaint(outcome.output)}`;

    // Beside the binding its libraries, at $ORIGIN/../../deps/lib; the run paths of CUDA need the real folder.
    mkdirSync(join(wheel.folder, 'deps'), { recursive: true });
    const libraries = join(wheel.folder, 'deps', 'lib');
    rmSync(libraries, { recursive: true, force: true });
    symlinkSync(join('..', 'site', 'tensorflow'), libraries);
    await buildQuiet(work, wheel.folder);
    const target = bindingPath(wheel.folder);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(built, `${target}.partial`);
    renameSync(`${target}.partial`, target);
    rmSync(join(tensorflow, 'include'), { recursive: true, force: true });
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
