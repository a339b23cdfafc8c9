/** Notebooks made for a test, in a folder of the project's own so that imports resolve as in `notebooks/`. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { TestContext } from 'node:test';
import type { CodeCell, Notebook, Output } from '../../src/notebook/nbformat';
import { projectRoot } from '../../src/project';

export function projectTempDir(t: TestContext): string {
  const parent = path.join(projectRoot(), 'build');
  fs.mkdirSync(parent, { recursive: true });
  const folder = fs.mkdtempSync(path.join(parent, 'notebook-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A notebook of code cells; a cell given as a pair has tags. */
export function notebookOf(...cells: (string | [source: string, tags: string[]])[]): Notebook {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: cells.map((cell, index) => {
      const [source, tags] = typeof cell === 'string' ? [cell, null] : cell;
      return {
        cell_type: 'code',
        id: `cell-${index + 1}`,
        metadata: tags ? { tags } : {},
        source,
        outputs: [],
        execution_count: null,
      };
    }),
  };
}

export function writeFixture(folder: string, notebook: Notebook): string {
  const file = path.join(folder, 'fixture.ipynb');
  fs.writeFileSync(file, JSON.stringify(notebook));
  return file;
}

export function codeCells(notebook: Notebook): CodeCell[] {
  return notebook.cells.filter((cell): cell is CodeCell => cell.cell_type === 'code');
}

/** All text that a cell printed to one stream. */
export function printed(cell: CodeCell, name: 'stdout' | 'stderr'): string {
  const streams = cell.outputs.filter(
    (o): o is Extract<Output, { output_type: 'stream' }> => o.output_type === 'stream',
  );
  return streams
    .filter((o) => o.name === name)
    .flatMap((o) => o.text)
    .join('');
}

/** The plain text of a cell's result. */
export function resultText(cell: CodeCell): string | null {
  for (const output of cell.outputs) {
    if (output.output_type === 'execute_result') return [output.data['text/plain']].flat().join('');
  }
  return null;
}

/** What a call prints where there is no notebook. */
export async function shownBy(call: () => unknown): Promise<string> {
  const { write } = process.stdout;
  let text = '';
  process.stdout.write = ((chunk: string | Uint8Array) => {
    // the test runner reports through the same stream, in bytes
    if (typeof chunk !== 'string') return write.call(process.stdout, chunk);
    text += chunk;
    return true;
  }) as typeof write;
  try {
    await call();
  } finally {
    process.stdout.write = write;
  }
  return text;
}
