/**
 * A form of adapters: what a layer computes, and how PEFT's files hold it. Adding one is adding its file and one line
 * in forms/index.ts.
 */
import type { AdaptedLayer, PeftCodec, PeftFields } from '../../formats/peft-layer';
import type { Model } from '../../models/model';
import type { Adapters } from '../method';

/** What adapters tell besides their layers. */
export interface AdapterFacts {
  readonly method: string;
  readonly importances?: ReadonlyMap<string, number>;
  readonly notes?: Readonly<Record<string, unknown>>;
  /** The scale is α/√r: saved with `use_rslora`. */
  readonly rankStabilised?: boolean;
  /** Fields of PEFT's config that the adapter was loaded with or trained by, as far as they are the form's own. */
  readonly config?: PeftFields;
}

export interface AdapterForm extends PeftCodec {
  /** Adapters of this form with these values, on a model whose base weights are untouched. */
  restore(model: Model, layers: readonly AdaptedLayer[], facts: AdapterFacts): Adapters;
  /** Of a loaded config, what belongs to the form and is to be saved again. */
  own?(config: PeftFields): PeftFields;
}
