/**
 * A TensorFlow session over one graph. The graph passes through a fresh folder, because TensorFlow loads from files
 * and shares the session of a path it knows; the folder is gone when the constructor returns.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { NativeBackend } from './native';

export class GraphSession {
  private id: number | null;

  constructor(
    private readonly backend: NativeBackend,
    savedModel: Uint8Array,
  ) {
    const folder = mkdtempSync(join(tmpdir(), `gora-graph-${process.pid}-`));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), savedModel);
      this.id = backend.loadSavedModelMetaGraph(folder, 'serve');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Runs what the fetched nodes need. @returns one tensor a fetched name. Blocks until done. */
  run(feeds: ReadonlyMap<string, TensorInfo>, fetches: readonly string[]): Tensor[] {
    if (this.id === null) throw new Error('this graph was disposed');
    const names = Array.from(feeds.keys(), (name) => ({ name: output(name) }));
    return this.backend.runSavedModel(this.id, [...feeds.values()] as Tensor[], names, fetches.map(output));
  }

  dispose(): void {
    if (this.id !== null) this.backend.deleteSavedModel(this.id);
    this.id = null;
  }
}

const output = (name: string) => (name.includes(':') ? name : `${name}:0`);
