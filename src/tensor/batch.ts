/** Named tensors that travel together. */
import type { Tensor } from '@tensorflow/tfjs';

/** Named tensors of one batch; every entry is a declared input of a training step. */
export type Batch = Readonly<Record<string, Tensor>>;

/** Tensors by what they are to their user. */
export type Tensors = Readonly<Record<string, Tensor>>;
