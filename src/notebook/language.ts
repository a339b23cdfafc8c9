/** What the kernel tells Jupyter of its language; the headless runner writes the same into a notebook's metadata. */
import { ts } from './compiler';

export const languageInfo = {
  // `mode` is what JupyterLab reads, `name` with `typescript` what the classic notebook does.
  codemirror_mode: { mode: 'typescript', name: 'javascript', typescript: true },
  file_extension: '.ts',
  mimetype: 'text/typescript',
  name: 'typescript',
  version: ts.version,
};
