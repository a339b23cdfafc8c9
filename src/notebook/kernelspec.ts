/** The project's own kernelspec: written under the project with absolute paths, found through JUPYTER_PATH. */
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFileAtomic } from '../formats/atomic';
import { projectRoot } from '../project';

/** What a notebook's metadata says of its kernel. */
export const kernelspecMetadata = { display_name: 'TypeScript (GoRA)', language: 'typescript', name: 'gora' };

/** Arguments after `node` that start a program of this folder: compiled, or from source in the kit's own tests. */
export function nodeArguments(program: 'kernel' | 'worker'): string[] {
  const extension = path.extname(__filename);
  const loader = extension === '.ts' ? ['--import', pathToFileURL(require.resolve('tsx')).href] : [];
  return [...loader, path.join(__dirname, `${program}${extension}`)];
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
