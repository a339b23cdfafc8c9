/** OLoRA (Büyükakyüz 2024): A and B from the QR decomposition of W, which is subtracted from the base. */
import { z } from 'zod';
import { param } from '../models/params';
import { qr } from '../tensor/linalg';
import { LoraAdapters } from './forms/lora';
import { checkRank, checkSameRank, initOf, takenOffBase } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';
import { columnsFrom, range } from './svd-init';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const olora = defineMethod({
  name: 'olora',
  title: 'OLoRA',
  reference: 'Büyükakyüz 2024, algorithm 1',
  options,
  check: checkSameRank,
  init: ({ model, targets }, { rank, alpha }) => {
    const layers = targets.map((layer) => {
      checkRank(layer, rank);
      const { q, r } = qr(param(model, layer.weight).dataSync() as Float32Array, layer.out, layer.in);
      const a = Float32Array.from(r.data.subarray(0, rank * layer.in));
      return takenOffBase(
        initOf(
          layer,
          rank,
          alpha / rank,
          a,
          columnsFrom(q, range(rank), () => 1),
        ),
      );
    });
    return new LoraAdapters(model, layers, { method: 'olora' });
  },
});
