/** OLoRA (Büyükakyüz 2024): A and B from the QR decomposition of W, which is subtracted from the base. */
import { z } from 'zod';
import { param } from '../models/params';
import { qr } from '../tensor/linalg';
import { checkRank, checkSameRank, LoraAdapters, type LoraStart } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';
import { columnsFrom, range } from './svd-start';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const olora: Method<z.infer<typeof options>> = {
  name: 'olora',
  title: 'OLoRA',
  reference: 'Büyükakyüz 2024, algorithm 1',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }) => {
    const starts = targets.map((layer): LoraStart => {
      checkRank(layer, rank);
      const { q, r } = qr(param(model, layer.weight).dataSync() as Float32Array, layer.out, layer.in);
      const a = Float32Array.from(r.data.subarray(0, rank * layer.in));
      return { layer, rank, scale: alpha / rank, a, b: columnsFrom(q, range(rank), () => 1) };
    });
    return new LoraAdapters(model, starts, { method: 'olora', shiftBase: true });
  },
};
