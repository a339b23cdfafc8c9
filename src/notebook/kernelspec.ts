/** The project's own kernelspec: written under the project with absolute paths, found through JUPYTER_PATH. */
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFileAtomic } from '../formats/atomic';
import { projectRoot } from '../project';

/** What a notebook's metadata says of its kernel. */
export const kernelspecMetadata = { display_name: 'TypeScript (GoRA)', language: 'typescript', name: 'gora' };

/**
 * What says that a notebook is for another kernel: `kernelspec "python3"`. Null when it is for ours, or says nothing.
 * @param metadata of the notebook.
 */
export function foreignKernel(metadata: Readonly<Record<string, unknown>>): string | null {
  const part = (key: string) => (metadata[key] ?? {}) as Readonly<Record<string, unknown>>;
  const [spec, info] = [part('kernelspec'), part('language_info')];
  if (spec.name === kernelspecMetadata.name) return null;
  if (typeof spec.name === 'string') return `kernelspec "${spec.name}"`;
  const language = [spec.language, info.name].find((one) => typeof one === 'string') as string | undefined;
  return language === undefined || language.toLowerCase() === kernelspecMetadata.language
    ? null
    : `language "${language}"`;
}

/** Arguments after `node` that start a program of this folder: compiled, or from source in the kit's own tests. */
export function nodeArguments(program: 'kernel' | 'worker'): string[] {
  const extension = path.extname(__filename);
  const loader = extension === '.ts' ? ['--import', pathToFileURL(require.resolve('tsx')).href] : [];
  // an interrupt may break off a callback of a timer, which node would take for a damaged stack of its own
  return ['--no-force-async-hooks-checks', ...loader, path.join(__dirname, `${program}${extension}`)];
}

/**
 * Writes `<root>/.jupyter/kernels/gora/kernel.json` and returns the folder for JUPYTER_PATH.
 * The folder ignores itself in git, as its paths belong to this machine.
 */
export function writeKernelspec(root: string = projectRoot()): string {
  const jupyterPath = path.join(root, '.jupyter');
  const folder = path.join(jupyterPath, 'kernels', kernelspecMetadata.name);
  writeFileAtomic(path.join(jupyterPath, '.gitignore'), '*\n');
  const spec = {
    argv: [process.execPath, ...nodeArguments('kernel'), '{connection_file}'],
    display_name: kernelspecMetadata.display_name,
    language: kernelspecMetadata.language,
    interrupt_mode: 'signal',
    metadata: { debugger: false },
  };
  writeFileAtomic(path.join(folder, 'kernel.json'), `${JSON.stringify(spec, null, 1)}\n`);
  return jupyterPath;
}
