/** One adapted layer as PEFT's files hold it. */

/** Values with their shape, row-major. */
export interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** One adapted linear layer: its change is scale · B·A, or scale · B·diag(E)·A for AdaLoRA. */
export interface AdapterLayer {
  /** Module path without prefix, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** [rank, in] */
  readonly A: Matrix;
  /** [out, rank] */
  readonly B: Matrix;
  /** AdaLoRA's singular values [rank, 1]; a pruned direction has 0. */
  readonly E?: Matrix;
  /** DoRA's column norms [out]. */
  readonly magnitude?: Matrix;
  /** α of this layer; by default the config's `lora_alpha`. */
  readonly alpha?: number;
}
