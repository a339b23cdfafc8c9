/**
 * Where the native TensorFlow binding lives, and how it is found again after `npm ci`.
 *
 * `npm run setup` keeps what it built in `.native/` beside package.json:
 *   .native/current.json                      the build in use (written only after it multiplied two matrices)
 *   .native/<build>/lib/napi-v8/*.node        the binding
 *   .native/<build>/deps/lib/*.so.2           libtensorflow
 * The package in node_modules needs one link, `lib`, into that folder. The binding looks for its libraries
 * relative to its own real path ($ORIGIN/../../deps/lib), so nothing else has to be in node_modules.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { projectRoot } from '../project';

/** The package that talks to libtensorflow. */
export const NATIVE_PACKAGE = '@tensorflow/tfjs-node-gpu';

/** A native TensorFlow that setup built and checked. */
export interface NativeBuild {
  /** Folder name under `.native/`. */
  readonly folder: string;
  /** Version of libtensorflow, e.g. `2.21.0`. */
  readonly tensorflow: string;
  readonly flavour: 'cpu' | 'cuda';
  /** `process.platform-process.arch` it was built on; a copied checkout must not load a foreign binary. */
  readonly platform: string;
  /** Version of the npm package whose sources were compiled. */
  readonly packageVersion: string;
}

/** `.native/` of a project: everything that setup keeps across `npm ci`. */
export function nativeHome(root: string = projectRoot()): string {
  return join(root, '.native');
}

/** The folder of the npm package, or null where `npm ci` has not run. */
export function packageFolder(root: string = projectRoot()): string | null {
  try {
    return dirname(require.resolve(`${NATIVE_PACKAGE}/package.json`, { paths: [root] }));
  } catch {
    return null;
  }
}

/** Version in the npm package's manifest. */
export function packageVersion(folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}

/** The binding's place inside a build or inside the package: the highest N-API version that the package names. */
export function bindingPath(folder: string): string {
  return join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
}

/** The addon that holds back stderr while TensorFlow loads; builds that do not need it do not have it. */
export function quietPath(folder: string): string {
  return join(folder, 'lib', 'quiet.node');
}

/** The build that setup kept, or null when there is none that fits this machine and package. */
export function keptBuild(root: string = projectRoot()): NativeBuild | null {
  const home = nativeHome(root);
  let build: NativeBuild;
  try {
    build = JSON.parse(readFileSync(join(home, 'current.json'), 'utf8'));
  } catch {
    return null;
  }
  const pkg = packageFolder(root);
  const fits =
    build.platform === `${process.platform}-${process.arch}` &&
    pkg !== null &&
    build.packageVersion === packageVersion(pkg) &&
    existsSync(bindingPath(join(home, build.folder)));
  return fits ? build : null;
}

/** Points the package's `lib` at a build folder; safe when several processes do it at once. */
export function linkBuild(buildFolder: string, pkg: string): void {
  const link = join(pkg, 'lib');
  const fresh = `${link}-${process.pid}`;
  mkdirSync(pkg, { recursive: true });
  symlinkSync(relative(pkg, join(buildFolder, 'lib')), fresh, 'dir');
  const old = lstatSync(link, { throwIfNoEntry: false });
  if (old && !old.isSymbolicLink()) rmSync(link, { recursive: true, force: true });
  renameSync(fresh, link);
}

/**
 * Makes sure the package can find its binding, linking the kept build when node_modules was made anew.
 * @returns `ready` (already there), `relinked`, or `missing` (setup has not run).
 */
export function ensureBinding(root: string = projectRoot()): 'ready' | 'relinked' | 'missing' {
  const pkg = packageFolder(root);
  if (pkg === null) return 'missing';
  if (existsSync(bindingPath(pkg))) return 'ready';
  const build = keptBuild(root);
  if (build === null) return 'missing';
  linkBuild(join(nativeHome(root), build.folder), pkg);
  return 'relinked';
}

/**
 * Loads the package, which registers the tfjs backend `tensorflow` and makes it the current one.
 * @returns whether the kept build had to be linked first.
 * @throws Error when nothing is built, or what is built does not load.
 */
export function loadNative(root: string = projectRoot()): 'ready' | 'relinked' {
  const state = ensureBinding(root);
  if (state === 'missing') throw new Error('libtensorflow is not built in this checkout');
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  supplyIsNullOrUndefined();
  loadQuietly(packageFolder(root)!);
  require(NATIVE_PACKAGE);
  return state;
}

/** What TensorFlow ≥ 2.17 logs while its libraries load, before it has read TF_CPP_MIN_LOG_LEVEL; all harmless. */
const NOISE = /^WARNING: All log messages before absl|oneDNN custom operations are on|Unable to register cu\w+ factory/;

/** Loads the binding with those lines taken out of stderr; anything else that was written there is passed on. */
function loadQuietly(pkg: string): void {
  if (!existsSync(quietPath(pkg))) return;
  const quiet = require(quietPath(pkg)) as { hold(): void; release(): string };
  quiet.hold();
  try {
    require(bindingPath(pkg));
  } finally {
    const rest = quiet
      .release()
      .split('\n')
      .filter((line) => !NOISE.test(line));
    if (rest.some((line) => line !== '')) process.stderr.write(rest.join('\n'));
  }
}

/** tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 23 removed. */
function supplyIsNullOrUndefined(): void {
  const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
}
