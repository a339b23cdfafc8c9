/** What a set of generated pictures is. */
import type { Random } from '../../tensor/random';
import type { Camera, Picture } from './canvas';

/** Paints one picture of its class. */
export type Painter = (random: Random) => Picture;

export interface PictureSet {
  readonly name: string;
  readonly title: string;
  /** One painter a class, in the order of the labels. */
  readonly classes: Readonly<Record<string, Painter>>;
  readonly camera: Camera;
}
