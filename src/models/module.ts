/**
 * The module tree of an architecture, said once: every module gets its weights' names, shapes and start when it is
 * declared, and gives back its forward pass. What a checkpoint must hold, which layers methods may adapt, and a random
 * model for pretraining all follow from the same declarations.
 */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { layerNorm, linear, rmsNorm } from './layers';
import type { LinearLayer, Net } from './model';

/** How a weight begins where no checkpoint has it: all ones, all zeros, or N(0, std²). */
export type Init = 'ones' | 'zeros' | number;

/** One weight of the tree. */
export interface Declared {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
  /** The file holds the transpose, [in, out] (GPT-2's Conv1D). */
  readonly transposed?: boolean;
}

/** A module without a state of its own: x [n, in] → [n, out]. */
export type Forward = (net: Net, x: Tensor2D) => Tensor2D;

export interface LinearShape {
  readonly in: number;
  readonly out: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Standard deviation of the start; default 0.02 (BERT, GPT-2, ViT). */
  readonly init?: Init;
}

export interface AdaptableShape extends LinearShape {
  /** Index of the transformer block. */
  readonly block: number;
  /** Matrix type; default the last part of the path. */
  readonly type?: string;
  /** The file holds [in, out]; PEFT's `fan_in_fan_out`. */
  readonly transposed?: boolean;
}

export class ModuleTree {
  readonly linears: LinearLayer[] = [];
  /** Weights made anew, trained with every method: those of a head that the checkpoint lacks. */
  readonly head: string[] = [];
  private readonly before: Declared[] = [];
  private readonly matrices: Declared[] = [];
  private readonly rest: Declared[] = [];

  /** All weights. The order is fixed: sums over all parameters (clipping) are taken in it, and float addition has one. */
  get weights(): readonly Declared[] {
    return [...this.before, ...this.matrices, ...this.rest];
  }

  /** A weight that belongs to no module of its own. */
  parameter(name: string, shape: readonly number[], init: Init = 0.02): (net: Net) => Tensor {
    const inBlock = this.linears.length > 0 || /\.\d+\./.test(name);
    (inBlock ? this.rest : this.before).push({ name, shape, init });
    return (net) => net.get(name);
  }

  /** x·Wᵀ + b on W [out, in], a layer that methods may adapt. */
  linear(path: string, shape: AdaptableShape): Forward {
    const { block, bias = true, init = 0.02, transposed } = shape;
    const type = shape.type ?? (path.split('.').at(-1) as string);
    const weight = `${path}.weight`;
    this.linears.push({
      name: path,
      type,
      block,
      in: shape.in,
      out: shape.out,
      weight,
      bias: bias ? `${path}.bias` : null,
      ...(transposed && { transposed }),
    });
    this.matrices.push({ name: weight, shape: [shape.out, shape.in], init, ...(transposed && { transposed }) });
    if (bias) this.matrices.push({ name: `${path}.bias`, shape: [shape.out], init: 'zeros' });
    return (net, x) => net.linear(path, x);
  }

  /** x·Wᵀ + b of a head, pooler or patch projection: no method adapts it. */
  dense(path: string, { in: fanIn, out, bias = true, init = 0.02 }: LinearShape): Forward {
    const weight = this.parameter(`${path}.weight`, [out, fanIn], init);
    const shift = bias ? this.parameter(`${path}.bias`, [out], 'zeros') : null;
    return (net, x) => linear(x, weight(net) as Tensor2D, shift && (shift(net) as Tensor1D));
  }

  /** Rows of a table by int32 index [n] → [n, dim]. */
  embedding(path: string, rows: number, dim: number, init: Init = 0.02): (net: Net, index: Tensor) => Tensor2D {
    const table = this.parameter(`${path}.weight`, [rows, dim], init);
    return (net, index) => tf.gather(table(net), index) as Tensor2D;
  }

  layerNorm(path: string, dim: number, epsilon: number): Forward {
    const gain = this.parameter(`${path}.weight`, [dim], 'ones');
    const shift = this.parameter(`${path}.bias`, [dim], 'zeros');
    return (net, x) => layerNorm(x, gain(net) as Tensor1D, shift(net) as Tensor1D, epsilon);
  }

  rmsNorm(path: string, dim: number, epsilon: number): Forward {
    const gain = this.parameter(`${path}.weight`, [dim], 'ones');
    return (net, x) => rmsNorm(x, gain(net) as Tensor1D, epsilon);
  }
}
