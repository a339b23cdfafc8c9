/**
 * The native half of `npm run setup`: makes TensorFlow run under the npm package, keeps it in `.native/`,
 * and calls it done only after a fresh process multiplied two matrices with it.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bindingPath,
  ensureBinding,
  keptBuild,
  linkBuild,
  type NativeBuild,
  nativeHome,
  packageFolder,
  packageVersion,
} from '../tensor/native';
import { buildBinding } from './binding';
import { runInstaller } from './installer';
import { compiler, gpuName, pythonCommand } from './machine';
import { verifyNative } from './verify';
import { fetchWheel } from './wheel';

type Say = (line: string) => void;

/** What setup ended with. */
export interface NativeResult {
  readonly ok: boolean;
  /** One line: what runs, or what stopped it and what would mend it. */
  readonly line: string;
}

/** True when the native binding is in place and computes rightly; relinks the kept build, changes nothing else. */
export async function checkNative(root: string): Promise<NativeResult> {
  if (ensureBinding(root) === 'missing') return { ok: false, line: 'native TensorFlow is not built: npm run setup' };
  const verdict = await verifyNative(root);
  if (!verdict.ok) return { ok: false, line: `native TensorFlow is built but fails: ${verdict.why}` };
  return { ok: true, line: `native TensorFlow ${verdict.tensorflow} runs on the ${verdict.gpu ? 'GPU' : 'CPU'}` };
}

/** Builds native TensorFlow unless it runs already. Prints its steps through `say`. */
export async function setupNative(root: string, say: Say): Promise<NativeResult> {
  const pkg = packageFolder(root);
  if (pkg === null) return { ok: false, line: 'node_modules is missing: npm ci' };
  const gpu = gpuName();
  const kept = keptBuild(root);
  // A CPU build on a machine that has since got a GPU is worth building anew.
  if (!(gpu && kept?.flavour === 'cpu')) {
    const now = await checkNative(root);
    if (now.ok) return now;
  }
  if (gpu) say(`found ${gpu}: TensorFlow with CUDA`);

  // The package's own CUDA 11.2 build knows no current card, so with a GPU the wheel goes first.
  const routes = gpu
    ? [
        () => fromWheel(root, pkg, 'cuda', say),
        () => fromInstaller(root, pkg, say),
        () => fromWheel(root, pkg, 'cpu', say),
      ]
    : [() => fromInstaller(root, pkg, say), () => fromWheel(root, pkg, 'cpu', say)];
  const reasons: string[] = [];
  for (const route of routes) {
    const why = await route();
    if (why === null) return checkNative(root);
    reasons.push(why);
    say(why);
  }
  return { ok: false, line: `no native TensorFlow: ${reasons.at(-1)}` };
}

async function fromInstaller(root: string, pkg: string, say: Say): Promise<string | null> {
  const home = nativeHome(root);
  mkdirSync(home, { recursive: true });
  say("trying the package's own installer");
  const built = await runInstaller(root, home, pkg);
  if (typeof built !== 'string') return `the package's own installer: ${built.why}`;
  return adopt(root, pkg, built, 'cpu');
}

async function fromWheel(root: string, pkg: string, flavour: 'cpu' | 'cuda', say: Say): Promise<string | null> {
  if (process.platform !== 'linux')
    return `the Python wheel's library is used on Linux only, not on ${process.platform}`;
  const python = pythonCommand();
  if (python === null) return 'the Python wheel needs python3 (Debian: apt-get install python3 python3-pip)';
  if (compiler() === null) return 'the binding needs g++ and make (Debian: apt-get install build-essential)';
  const wheel = await fetchWheel(nativeHome(root), flavour, python, say);
  if (typeof wheel === 'string') return wheel;
  if (!existsSync(bindingPath(wheel.folder))) {
    const why = await buildBinding(wheel, pkg, say);
    if (why !== null) return why;
  }
  return adopt(root, pkg, `tensorflow-${wheel.version}-${flavour}`, flavour);
}

/** Links a build, proves it, and only then records it as the one to use. */
async function adopt(root: string, pkg: string, folder: string, flavour: 'cpu' | 'cuda'): Promise<string | null> {
  const home = nativeHome(root);
  linkBuild(join(home, folder), pkg);
  const verdict = await verifyNative(root);
  if (!verdict.ok) {
    rmSync(join(pkg, 'lib'), { force: true });
    rmSync(join(home, folder), { recursive: true, force: true });
    return `${folder} does not run: ${verdict.why}`;
  }
  const build: NativeBuild = {
    folder,
    tensorflow: verdict.tensorflow,
    flavour,
    platform: `${process.platform}-${process.arch}`,
    packageVersion: packageVersion(pkg),
  };
  const current = join(home, 'current.json');
  writeFileSync(`${current}.partial`, `${JSON.stringify(build, null, 2)}\n`);
  renameSync(`${current}.partial`, current);
  return null;
}
