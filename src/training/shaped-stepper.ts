/**
 * One stepper a batch shape: a compiled graph serves one shape, and length buckets make batches of a few.
 * Parameters and moments pass from one to the next when the shape changes; frozen weights are shared, not copied.
 */
import type { Adapters } from '../methods/method';
import type { Model } from '../models/model';
import type { Batch } from '../tensor/batch';
import { batchShape } from '../tensor/compile/compare';
import type { AdamW } from './adamw';
import type { StepResult } from './step';
import { type StepMode, Stepper, type StepperOptions } from './stepper';

/** Shapes that get a graph each; batches of any further shape run eagerly. */
const MOST_GRAPHS = 8;

interface Shaped {
  readonly stepper: Stepper;
  steps: number;
}

export class ShapedStepper {
  private readonly byShape = new Map<string, Shaped>();
  private active: Stepper | null = null;

  constructor(
    private readonly model: Model,
    private readonly adapters: Adapters,
    private readonly optimiser: AdamW,
    private readonly options: StepperOptions,
  ) {}

  /** Shapes met so far. */
  get shapes(): number {
    return this.byShape.size;
  }

  /** How steps of the commonest shape run. */
  get mode(): StepMode {
    return this.commonest?.mode ?? 'eager';
  }

  /** Why steps of the commonest shape run eagerly or in part eagerly; null when they are compiled as a whole. */
  get why(): string | null {
    return this.commonest ? this.commonest.why : 'no step has run';
  }

  private get commonest(): Stepper | null {
    let most: Shaped | null = null;
    for (const shaped of this.byShape.values()) if (!most || shaped.steps > most.steps) most = shaped;
    return most?.stepper ?? null;
  }

  /** Runs step t = 1, 2, … The caller disposes the result. */
  step(batch: Batch, step: number, lr: number): StepResult {
    const shape = batchShape(batch);
    let shaped = this.byShape.get(shape);
    if (!shaped) {
      const compile = this.options.compile && this.byShape.size < MOST_GRAPHS;
      shaped = {
        stepper: new Stepper(this.model, this.adapters, this.optimiser, { ...this.options, compile }),
        steps: 0,
      };
      this.byShape.set(shape, shaped);
    }
    if (this.active !== shaped.stepper) this.active?.handOver();
    this.active = shaped.stepper;
    shaped.steps += 1;
    return shaped.stepper.step(batch, step, lr);
  }

  /** Brings the parameters' values back into their variables, for evaluation and saving. */
  sync(): void {
    this.active?.sync();
  }

  /** Brings the values back and frees the graphs. */
  dispose(): void {
    for (const { stepper } of this.byShape.values()) stepper.dispose();
    this.byShape.clear();
    this.active = null;
  }
}
