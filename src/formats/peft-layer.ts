/** One adapted linear layer, and what tells one form of adapters from another in PEFT's files. */

/** Values with their shape, row-major. */
export interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * One adapted linear layer: its weight [out, in] changes by scale · B·A, or by what its form makes of that.
 * `V` is where the values are: a `Matrix` on the host (inits, files), a variable while they train.
 */
export interface AdaptedLayer<V = Matrix> {
  /** Module path without prefix, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly rank: number;
  readonly scale: number;
  /** [rank, in] */
  readonly A: V;
  /** [out, rank] */
  readonly B: V;
  /** What the form has besides, by its own names: DoRA's `magnitude` [out], AdaLoRA's `E` [rank, 1]. */
  readonly extra?: Readonly<Record<string, V>>;
  /** A₀ and B₀ whose product the method took off the base weight. */
  readonly init?: { readonly A: Matrix; readonly B: Matrix };
}

/** A config's fields as they stand in the file. */
export type PeftFields = Readonly<Record<string, unknown>>;

/** What a config says about ranks and scales. */
export interface PeftRules {
  /** Rank of a layer. */
  rankOf(layer: string): number;
  /** Factor of B·A. */
  scaleOf(layer: string): number;
  /** @throws UserError when a pattern fits none of the layers. */
  checkUsed(layers: readonly string[]): void;
}

/** What `saveAdapter` is asked to write into a config, as far as forms differ in it. */
export interface PeftChoice {
  /** Rank of layers without an entry of their own; for AdaLoRA the starting rank `init_r`. */
  readonly r: number;
  readonly lora_alpha: number;
  /** Scale α/√r in place of α/r. */
  readonly use_rslora?: boolean;
}

/** How one form of adapters stands in a PEFT folder: the part of a form that knows no model. */
export interface PeftCodec {
  readonly name: string;
  /** The config's field that says this form, for messages: `use_dora = true`. */
  readonly says: string;
  /** Whether a config is of this form. */
  fits(config: PeftFields): boolean;
  /** Every part's tensor name after the layer's path. */
  readonly tensors: Readonly<Record<'A' | 'B' | string, string>>;
  /** Shape of a part besides A and B. */
  shapeOf?(part: string, rank: number, out: number): readonly number[];
  /** Whether a layer may have rank 0, which means that it is not adapted. */
  readonly emptyLayers?: boolean;
  /** @throws UserError that names the file and the field. */
  read(config: PeftFields, file: string): PeftRules;
  /** `r` of a config that is to hold these layers; by default the rank that most of them have. */
  usualRank?(layers: readonly AdaptedLayer[], own: PeftFields): number | undefined;
  /** Factor of B·A for α = 1. */
  unitScale(rank: number, choice: Pick<PeftChoice, 'r' | 'use_rslora'>): number;
  /** The form's own fields. @throws UserError when the format cannot hold these layers. */
  write(layers: readonly AdaptedLayer[], choice: PeftChoice): PeftFields;
}
