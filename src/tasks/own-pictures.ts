/** A folder of pictures, one folder a class, as a task for any model of pictures. */
import { basename, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { ScoreName } from '../data/metrics';
import { readPictureProcessor, withPictureSize } from '../data/picture-processor';
import {
  type LoadedPictures,
  listPictures,
  loadPictures,
  type PictureFile,
  type PictureFolderOptions,
} from '../data/pictures-folder';
import { UserError } from '../errors';
import type { Dataset } from './dataset';
import { fitHeadByProbe } from './kinds/classify';
import { evaluateScores } from './kinds/scored';
import { eachPart } from './parts';
import { scoreTitle } from './score';
import { type Task, taskName } from './task';

export interface ImageFolderOptions extends PictureFolderOptions {
  /** Default: the folder's name. */
  readonly name?: string;
  /** The score that tables show; default accuracy. */
  readonly metric?: string;
}

const METRICS: readonly ScoreName[] = ['accuracy', 'macroF1', 'matthews'];

const runOptions = (checksum: string) =>
  z.strictObject({
    size: z.int().positive().optional().describe("side of the pictures, pixels; default the model's own"),
    probe: z.boolean().default(true).describe('fit the new head by a linear probe first'),
    data: z.literal(checksum).default(checksum).describe('checksum of the pictures'),
  });
type RunOptions = z.infer<ReturnType<typeof runOptions>>;

/** Batches hold `pixels` float32 [batch, 3, height, width] and `labels` int32 [batch]. */
export function pictureDataset({ size, height, width, labels, pixels }: LoadedPictures): Dataset {
  return {
    size,
    batch: (indices) => {
      const each = 3 * height * width;
      const data = new Float32Array(indices.length * each);
      indices.forEach((index, row) => {
        data.set(pixels(index), row * each);
      });
      return {
        pixels: tf.tensor4d(data, [indices.length, 3, height, width]),
        labels: tf.tensor1d(
          indices.map((index) => labels[index]),
          'int32',
        ),
      };
    },
  };
}

/**
 * A folder of pictures as a task: `DIR/class/*.png|jpg|webp`, or `DIR/train/class/…` with `validation` and `test`
 * beside it; missing parts are split off. Pictures are resized and normalised as the model's own
 * `preprocessor_config.json` says.
 * @throws UserError naming the folder or file that is wrong.
 */
export async function imageFolderTask(folder: string, options: ImageFolderOptions = {}): Promise<Task<RunOptions>> {
  const { metric = METRICS[0], ...listing } = options;
  const name = taskName(options.name ?? basename(resolve(folder)));
  const found = listPictures(folder, listing);
  if (!METRICS.some((known) => known === metric)) {
    throw new UserError(`${folder}: no score "${metric}" for pictures. Scores: ${METRICS.join(', ')}`);
  }
  return {
    name,
    title: `${basename(resolve(folder))}: pictures of ${found.labels.length} classes`,
    kinds: ['image'],
    models: [],
    options: runOptions(found.notes.sha256.slice(0, 12)),
    primary: { metric, title: scoreTitle(metric, name), higherIsBetter: true },
    training: { steps: 120, batch: 16 },
    open: async (o) => ({
      head: { labels: found.labels },
      ...(o.size !== undefined && { imageSize: o.size }),
      bind: async ({ model, folder: modelFolder }) => {
        const processor = withPictureSize(
          readPictureProcessor(modelFolder, String(model.config.model_type)),
          model.imageSize as number,
        );
        const load = async (files: readonly PictureFile[]) => pictureDataset(await loadPictures(files, processor));
        const parts = eachPart(found, load);
        const [train, validation, test] = [await parts.train, await parts.validation, await parts.test];
        const isNew = model.head.length > 0;
        if (isNew && o.probe) await fitHeadByProbe(model, train);
        return {
          ...{ train, validation, test },
          evaluate: (net, data) => evaluateScores(model, net, data, { regress: false, metrics: METRICS }),
          notes: {
            data: found.notes,
            labels: found.labels,
            pictureSize: model.imageSize,
            head: isNew ? (o.probe ? 'linear probe' : 'random') : "the checkpoint's",
          },
        };
      },
    }),
  };
}
