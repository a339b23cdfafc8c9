/**
 * Right-hand matrices that are used again and again, such as frozen weights, kept in XNNPACK's packed form.
 *
 * XNNPACK packs the right side of a product under its tensor id and drops the copy with the id. For a few rows on the
 * left (generation, small batches) transposing and packing a weight costs several times the product itself.
 */
import type { WasmBackend } from './heap';

/** More uses than one training step makes of an activation. */
const usesBefore = 4;

/** Packed copies take this much of the heap at most. */
const byteLimit = 2 ** 30;

interface Entry {
  uses: number;
  bytes: number;
  /** Tensor ids that own a packed copy, by the form it was packed in. */
  owners: Map<string, number>;
}

/** Packed copies by the id of the matrix they were made from; they die with it. */
export class PackedWeights {
  private static readonly all = new WeakMap<WasmBackend, PackedWeights>();
  private readonly entries = new Map<number, Entry>();
  private bytes = 0;

  private constructor(private readonly backend: WasmBackend) {
    const { tfjs } = backend.wasm;
    const disposeData = tfjs.disposeData;
    tfjs.disposeData = (id) => {
      disposeData(id);
      this.forget(id);
    };
  }

  /** The copies of one backend. */
  static of(backend: WasmBackend): PackedWeights {
    let weights = PackedWeights.all.get(backend);
    if (!weights) PackedWeights.all.set(backend, (weights = new PackedWeights(backend)));
    return weights;
  }

  /**
   * Counts a use of matrix `id`; the tensor id to multiply with if a packed copy exists.
   * @param form shape and transposition: a reshaped tensor has the same id and other rows.
   */
  use(id: number, form: string): number | undefined {
    let entry = this.entries.get(id);
    if (!entry) this.entries.set(id, (entry = { uses: 0, bytes: 0, owners: new Map() }));
    entry.uses++;
    return entry.owners.get(form);
  }

  /** Whether a copy of matrix `id` is worth its memory. */
  wants(id: number, bytes: number): boolean {
    return (this.entries.get(id)?.uses ?? 0) > usesBefore && this.bytes + bytes <= byteLimit;
  }

  /** Takes over tensor id `owner`, under which XNNPACK has packed matrix `id`. */
  keep(id: number, form: string, owner: number, bytes: number): void {
    const entry = this.entries.get(id)!;
    entry.owners.set(form, owner);
    entry.bytes += bytes;
    this.bytes += bytes;
  }

  private forget(id: number): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    this.entries.delete(id);
    this.bytes -= entry.bytes;
    for (const owner of entry.owners.values()) this.backend.wasm._dispose_data(owner);
  }
}
