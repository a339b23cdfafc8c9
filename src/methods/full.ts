/** Full fine-tuning: every weight of the model, or only the target matrices (as GoRA's authors' script does). */

import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';
import { baseNet, param } from '../models/params';
import { type Adapters, defineMethod, type Parameter } from './method';

const options = z.strictObject({});

function trainBase(method: string, model: Model, targets: readonly LinearLayer[], names: readonly string[]): Adapters {
  const before = new Map(names.map((name) => [name, param(model, name).dataSync().slice() as Float32Array]));
  const head = new Set(model.head);
  const trainable: Parameter[] = names.map((name) => ({
    name,
    group: head.has(name) ? 'head' : 'base',
    value: param(model, name),
  }));
  const start = (name: string) => tf.tensor(before.get(name) as Float32Array, param(model, name).shape);
  return {
    method,
    targets,
    trainable,
    ranks: null,
    importances: null,
    notes: {},
    net: baseNet(model),
    delta: (name) => {
      const layer = targets.find((target) => target.name === name);
      if (!layer) throw new UserError(`layer "${name}" is not trained`);
      return tf.tidy(() => tf.sub(param(model, layer.weight), start(layer.weight)) as Tensor2D);
    },
    merge: () => undefined, // the weights are the result
    unmerge: () => undefined,
    dispose: () => {
      for (const name of before.keys()) if (!head.has(name)) tf.tidy(() => param(model, name).assign(start(name)));
      before.clear();
    },
  };
}

export const full = defineMethod({
  name: 'full',
  title: 'Full fine-tuning',
  reference: 'all weights trained',
  trainsBase: true,
  options,
  init: ({ model, targets }) => trainBase('full', model, targets, [...model.params.keys()]),
});

export const fullTargets = defineMethod({
  name: 'full-targets',
  title: 'Full, targets only',
  reference: "target matrices trained, as in GoRA's scripts",
  trainsBase: true,
  options,
  init: ({ model, targets }) =>
    trainBase(
      'full-targets',
      model,
      targets,
      targets.map((layer) => layer.weight),
    ),
});
